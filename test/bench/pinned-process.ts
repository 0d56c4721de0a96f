/** A server as a process of its own, its workers included, held to one core, and what the kernel says about it. Reads /proc, so the figures need Linux. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { cleanEnvironment } from '../support/process.ts';

export const SERVER_CORE = 0;
export const LOAD_CORE = 1;
/** Not held to one. */
export const ANY_CORE = -1;

const READY_MS = 120_000;
/** The kernel counts processor time in ticks of 1/100 s. */
const TICKS_PER_SECOND = 100;

export const canPin = availableParallelism() > 1 && hasTaskset();

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['-c', String(LOAD_CORE), 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export function spawnOn(core: number, command: string, args: string[], env: Record<string, string> = {}): ChildProcess {
  const [program, all] =
    canPin && core !== ANY_CORE ? ['taskset', ['-c', String(core), command, ...args]] : [command, args];
  return spawn(program, all, { env: { ...cleanEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
}

export interface PinnedProcess {
  url: string;
  /** From spawning to the line that says it is ready. */
  startMs: number;
  /** Resident memory now, and the most it ever was. */
  memory(): { residentBytes: number; peakBytes: number };
  /** Seconds of processor time used so far. */
  processorSeconds(): number;
  stop(): Promise<void>;
}

/** Of a process and those that it started. */
function sumOver(pid: number | undefined, of: (pid: number | string) => number): number {
  if (pid === undefined) return Number.NaN;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return [pid, ...children].map(of).reduce((sum, value) => sum + value, 0);
}

function processorSecondsOf(pid: number | string): number {
  return ticksOf(pid, 11) / TICKS_PER_SECOND;
}

/** Seconds of processor time that the processes used which this one started and which have ended. */
export function processorSecondsOfEnded(): number {
  return ticksOf('self', 13) / TICKS_PER_SECOND;
}

/** Behind the command's name, which may hold blanks: utime and stime, then both of the children that have ended. */
function ticksOf(pid: number | string, at: 11 | 13): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[at]) + Number(fields[at + 1]);
}

/** Starts `node ...args` and waits for `... is ready at URL`. */
export async function startPinned(args: string[], env?: Record<string, string>, core = SERVER_CORE) {
  const startedAt = performance.now();
  const child = spawnOn(core, process.execPath, args, env);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`not ready in time:\n${output}`)), READY_MS);
    const read = (chunk: Buffer) => {
      output = (output + chunk).slice(-10_000);
      const found = /is ready at (\S+)/.exec(output)?.[1];
      if (found === undefined) return;
      clearTimeout(late);
      resolve(found);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}:\n${output}`)));
  }).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  const startMs = performance.now() - startedAt;
  const { pid } = child;
  const field = (name: string) =>
    sumOver(
      pid,
      (one) =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1]) *
        1024,
    );
  const started: PinnedProcess = {
    url,
    startMs,
    memory: () => ({ residentBytes: field('VmRSS'), peakBytes: field('VmHWM') }),
    processorSeconds: () => sumOver(pid, processorSecondsOf),
    async stop() {
      child.kill('SIGTERM');
      const hard = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(hard);
    },
  };
  return started;
}
