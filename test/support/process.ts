/** Latchkey as a process of its own, as `npm start` runs it, from the build that the tests run from. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

export const PROCESS_OWNER_KEY = 'lk_process0000000000000000000000000000000';
const SECRET = 'a secret of the tests, long enough for use';
const START_MS = 60_000;
const PROGRAM = join(import.meta.dirname, '../../src/main.js');

export interface LatchkeyProcess {
  url: string;
  child: ChildProcess;
  /** Standard output and error so far. */
  output(): string;
  /** Sends a signal and waits for the end; gives the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface ProcessOptions {
  databaseUrl: string;
  env?: Record<string, string>;
  args?: string[];
}

/** The environment of this process without Latchkey's settings. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('LATCHKEY_')));
}

export function spawnLatchkey({ databaseUrl, env = {}, args = [] }: ProcessOptions): {
  child: ChildProcess;
  output: () => string;
} {
  let output = '';
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: {
      ...cleanEnvironment(),
      LATCHKEY_PORT: '0',
      LATCHKEY_DATABASE_URL: databaseUrl,
      LATCHKEY_SECRET: SECRET,
      LATCHKEY_INITIAL_API_KEY: PROCESS_OWNER_KEY,
      LATCHKEY_UPSTREAM_ALLOW: '127.0.0.0/8',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  return { child, output: () => output };
}

export async function startLatchkey(options: ProcessOptions): Promise<LatchkeyProcess> {
  const { child, output } = spawnLatchkey(options);
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  const url = await new Promise<string>((found, fail) => {
    const late = setTimeout(() => fail(new Error(`not ready in time:\n${output()}`)), START_MS);
    const look = () => {
      const match = /is ready at (\S+)/.exec(output());
      if (!match?.[1]) return;
      clearTimeout(late);
      found(match[1]);
    };
    child.stdout?.on('data', look);
    child.once('exit', (code) => {
      clearTimeout(late);
      fail(new Error(`ended with ${code} before it was ready:\n${output()}`));
    });
  });
  return {
    url,
    child,
    output,
    async end(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}
