/**
 * The application as a process that kills itself (SIGKILL) at a chosen write. Run by `forkMortalApp`; `{n, when}` over IPC arms it: it
 * dies before, or right after, the n-th write from then on. Says `{url}` when it listens. Its clock may be ahead, so that what the process
 * before it had claimed is free.
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

export interface MortalOptions {
  databaseUrl: string;
  env?: Record<string, string>;
  /** Of its clock, before the system's. */
  aheadMs?: number;
  /** Rounds that it runs all the time. */
  rounds?: readonly string[];
}

const PAUSE_MS = 10;

export async function forkMortalApp(options: MortalOptions): Promise<MortalApp> {
  const child: ChildProcess = fork(import.meta.filename, [JSON.stringify(options)], {
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
  const { databaseUrl, env = {}, aheadMs = 0, rounds = [] } = JSON.parse(process.argv[2] ?? '') as MortalOptions;
  const realClock = { ...systemClock, now: () => new Date(Date.now() + aheadMs) };
  const app = await startApp({ databaseUrl, env, realClock, wrapStorage: faulty.wrap });
  const go = async () => {
    for (const { name, run } of app.app.rounds) if (rounds.includes(name)) await run().catch(() => undefined);
    setTimeout(go, PAUSE_MS);
  };
  if (rounds.length > 0) void go();
  process.on('message', ({ n, when }: Death) => {
    faulty.failWrite(n, { [when]: () => process.kill(process.pid, 'SIGKILL') });
    process.send?.({ armed: true });
  });
  // The test is over, or died itself.
  process.on('disconnect', () => process.exit());
  process.send?.({ url: app.url });
}
