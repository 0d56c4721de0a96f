/**
 * The application as a process that kills itself (SIGKILL) at a chosen write. Run by `forkMortalApp`; `{n, when}` over IPC arms it: it
 * dies before, or right after, the n-th write from then on. Says `{url}` when it listens.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { systemClock } from '../../src/clock.ts';
import { startApp } from './app.ts';
import { createFaultyStorage } from './faulty-storage.ts';

export interface Death {
  n: number;
  when: 'before' | 'after';
}

export interface MortalApp {
  url: string;
  arm(death: Death): Promise<void>;
  /** Resolves once it is dead, by itself or now. */
  end(): Promise<void>;
  isDead(): boolean;
}

export async function forkMortalApp(databaseUrl: string): Promise<MortalApp> {
  const child: ChildProcess = fork(import.meta.filename, [databaseUrl], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const ended = once(child, 'exit');
  const listening = once(child, 'message') as Promise<[{ url: string }]>;
  const [{ url }] = await Promise.race([
    listening,
    ended.then(([code]) => Promise.reject(new Error(`it ended with ${code} before it listened`))),
  ]);
  return {
    url,
    async arm(death) {
      child.send(death);
      await once(child, 'message');
    },
    async end() {
      child.kill('SIGKILL');
      await ended;
    },
    isDead: () => child.exitCode !== null || child.signalCode !== null,
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const faulty = createFaultyStorage();
  const [, , databaseUrl = ''] = process.argv;
  const app = await startApp({ databaseUrl, realClock: systemClock, wrapStorage: faulty.wrap });
  process.on('message', ({ n, when }: Death) => {
    faulty.failWrite(n, { [when]: () => process.kill(process.pid, 'SIGKILL') });
    process.send?.({ armed: true });
  });
  // The test is over, or died itself.
  process.on('disconnect', () => process.exit());
  process.send?.({ url: app.url });
}
