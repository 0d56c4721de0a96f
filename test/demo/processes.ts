/** The processes of the demo and its temporary folder: started here, and gone whatever happens. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment, spawnLatchkey } from '../support/process.ts';

const START_MS = 60_000;
const STOP_MS = 3000;

export interface Processes {
  /** Both give the URL once the process listens. */
  startScimServer(): Promise<string>;
  startLatchkey(env: Record<string, string>): Promise<string>;
  /** Ends the processes and removes the folder. */
  cleanUp(): Promise<void>;
}

export function createProcesses(): Processes {
  const children: ChildProcess[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-demo-'));

  function ready(child: ChildProcess): Promise<string> {
    children.push(child);
    let output = '';
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`A process was not ready in time.\n${output}`)), START_MS);
      const read = (chunk: Buffer) => {
        output += chunk;
        const url = /is ready at (\S+)/.exec(output)?.[1];
        if (url === undefined) return;
        clearTimeout(late);
        resolve(url);
      };
      child.stdout?.on('data', read);
      child.stderr?.on('data', read);
      child.once('error', reject);
      child.once('exit', (code) => {
        clearTimeout(late);
        reject(new Error(`A process ended with ${code} before it was ready.\n${output}`));
      });
    });
  }

  return {
    startScimServer() {
      const program = join(import.meta.dirname, 'scim-server-process.js');
      const stdio = ['ignore', 'pipe', 'pipe'] as const;
      return ready(spawn(process.execPath, [program], { env: cleanEnvironment(), stdio: [...stdio] }));
    },
    startLatchkey: (env) =>
      ready(
        spawnLatchkey({
          databaseUrl: `file:${join(folder, 'data')}`,
          env: { LATCHKEY_LOG_LEVEL: 'error', ...env },
        }).child,
      ),
    async cleanUp() {
      await Promise.all(children.map(end));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(hard);
}
