/**
 * Measures what is compared with each other in turns, in short rounds, and takes medians: a busy moment of the machine does not fall on one of
 * them alone. Each is warmed up until its background work for the first requests is done.
 */
import { type Load, type LoadRequest, load } from './load.ts';
import type { PinnedProcess } from './pinned-process.ts';
import type { Measured } from './report.ts';

export interface Subject {
  name: string;
  process: PinnedProcess;
  requests: LoadRequest[];
}

/** What is compared with each other: the first is what the others are a share of. */
export interface Group {
  name: string;
  make: () => Promise<Subject[]>;
}

const ROUNDS = 4;
const WARM_UP_SECONDS = 3;
const IDLE_SHARE = 0.05;
/** Longer than the pause between two sweeps that look for directories without findings. */
const LOOK_MS = 12_000;
const LONGEST_SETTLE_MS = 60_000;

export async function measure(
  group: string,
  subjects: Subject[],
  seconds: number,
  say: (text: string) => void,
): Promise<Measured[]> {
  for (const { name, process: server, requests } of subjects) {
    say(`warming up ${name}`);
    await check(name, server.url, requests[0]);
    await load(server.url, requests, WARM_UP_SECONDS);
  }
  say('waiting until their work behind the answers is done');
  await Promise.all(subjects.map(({ process: server }) => settled(server)));
  const rounds = new Map<string, (Load & { busy: number })[]>();
  for (let round = 1; round <= ROUNDS; round++) {
    for (const { name, process: server, requests } of subjects) {
      const before = server.processorSeconds();
      const startedAt = performance.now();
      const result = await load(server.url, requests, Math.max(1, Math.round(seconds / ROUNDS)));
      const busy = (server.processorSeconds() - before) / ((performance.now() - startedAt) / 1000);
      say(`round ${round} of ${ROUNDS}: ${name}: ${Math.round(result.requestsPerSecond)} requests/s`);
      rounds.set(name, [...(rounds.get(name) ?? []), { ...result, busy }]);
    }
  }
  return subjects.map(({ name, process: server }) => {
    const results = rounds.get(name) ?? [];
    return {
      group,
      name,
      requestsPerSecond: median(results.map((result) => result.requestsPerSecond)),
      p50Ms: median(results.map((result) => result.p50Ms)),
      p99Ms: median(results.map((result) => result.p99Ms)),
      perCoreSecond: median(results.map((result) => result.requestsPerSecond / result.busy)),
      failed: results.reduce((sum, result) => sum + result.failed, 0),
      busy: median(results.map((result) => result.busy)),
      memoryBytes: server.memory().residentBytes,
    };
  });
}

/**
 * The first request of a directory begins its diagnosis, which goes on behind the answers; a server that has run for a while is past that.
 * A process whose processor time is not known is settled at once.
 */
export async function settled(server: PinnedProcess): Promise<void> {
  const until = performance.now() + LONGEST_SETTLE_MS;
  while (performance.now() < until) {
    const before = server.processorSeconds();
    if (Number.isNaN(before)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    if (server.processorSeconds() - before < IDLE_SHARE * (LOOK_MS / 1000)) return;
  }
}

/** A fast refusal would look like a fast answer. */
async function check(name: string, url: string, request: LoadRequest | undefined): Promise<void> {
  if (!request) throw new Error(`${name}: nothing to ask`);
  const { path, ...init } = request;
  const answer = await fetch(url + path, init);
  const text = await answer.text();
  if (answer.status !== 200 || text.includes('"active":false')) {
    throw new Error(`${name}: ${answer.status} ${text}`);
  }
}

export function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const [lower, upper] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  return ((lower ?? Number.NaN) + (upper ?? Number.NaN)) / 2;
}
