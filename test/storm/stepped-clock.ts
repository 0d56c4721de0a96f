/**
 * Loaded into an instance by `--import`: its wall clock is as many milliseconds ahead as a file says, read at the start and again at each
 * SIGUSR2. The monotonic clock goes on, as it does when somebody sets the time of a real machine.
 */
import { readFileSync } from 'node:fs';

const file = process.env['LATCHKEY_TEST_CLOCK_FILE'];
if (file !== undefined) {
  const RealDate = Date;
  const read = () => Number(readFileSync(file, 'utf8'));
  let aheadMs = read();
  const now = () => RealDate.now() + aheadMs;
  process.on('SIGUSR2', () => {
    aheadMs = read();
  });
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, values: unknown[], maker) =>
      Reflect.construct(target, values.length > 0 ? values : [now()], maker),
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  });
}
