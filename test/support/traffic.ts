/** Many clients that ask again and again over connections they keep, and remember when each request went out and what came back. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { Agent, request } from 'undici';

export interface Sample {
  target: string;
  /** By performance.now(), just before the request was written. */
  sentAt: number;
  tookMs: number;
  /** 0: no answer. */
  status: number;
  retryAfter: string | undefined;
}

export interface Traffic {
  samples: Sample[];
  /** Lets what is under way end, and gives all samples. */
  stop(): Promise<Sample[]>;
}

export interface TrafficOptions {
  /** Asked in turn by each client. */
  targets: readonly string[];
  clients: number;
  method?: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  /** Milliseconds a client waits between two requests; 0 by default. */
  pauseMs?: number;
}

/** Of a test: it ends with it, also where it fails in the middle. */
export function startTraffic(options: TrafficOptions): Traffic {
  const traffic = sendTraffic(options);
  after(traffic.stop);
  return traffic;
}

export function sendTraffic({ targets, clients, method = 'GET', headers, body, pauseMs = 0 }: TrafficOptions): Traffic {
  const agent = new Agent({ connections: clients, keepAliveTimeout: 10_000 });
  const samples: Sample[] = [];
  let isOver = false;

  async function ask(target: string): Promise<void> {
    const sentAt = performance.now();
    const note = (status: number, retryAfter?: string) =>
      samples.push({ target, sentAt, tookMs: performance.now() - sentAt, status, retryAfter });
    try {
      const answer = await request(target, { dispatcher: agent, method, headers, ...(body !== undefined && { body }) });
      await answer.body.dump();
      note(answer.statusCode, answer.headers['retry-after']?.toString());
    } catch {
      note(0);
    }
  }

  async function loop(first: number): Promise<void> {
    for (let turn = first; !isOver; turn++) {
      await ask(targets[turn % targets.length] as string);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  const loops = Array.from({ length: clients }, (_, index) => loop(index));
  return {
    samples,
    async stop() {
      isOver = true;
      await Promise.all(loops);
      await agent.destroy();
      return samples;
    },
  };
}

/** None was accepted, and all but those that a busy machine answered with 503 got that status. */
export function assertRefused(samples: readonly Sample[], status: number): void {
  const counts = countStatuses(samples);
  const { 503: _busy, ...others } = counts;
  assert.deepEqual(Object.keys(others), [`${status}`], JSON.stringify(counts));
}

/** How often each status came. */
export function countStatuses(samples: readonly Sample[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of samples) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks again until the answer is yes; throws with `what` when it is not within `ms`. */
export async function until(what: string, ms: number, isSo: () => Promise<boolean> | boolean): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    if (await isSo()) return performance.now() - startedAt;
    if (performance.now() - startedAt > ms) throw new Error(`not within ${ms} ms: ${what}`);
    await pause(50);
  }
}
