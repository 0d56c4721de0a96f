/** What a suite needs as long as it runs. */
import { after, before } from 'node:test';

/** Starts it before the tests and closes it after them. Only tests and hooks can read from it: until then there is nothing. */
export function inSuite<T extends { close(): Promise<unknown> }>(start: () => Promise<T>): T {
  let started: T | undefined;
  before(async () => {
    started = await start();
  });
  after(() => started?.close());
  return new Proxy({} as T, {
    get(_target, key) {
      if (!started) throw new Error('this suite has not started yet: read it within a test');
      return Reflect.get(started, key);
    },
  });
}
