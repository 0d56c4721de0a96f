/**
 * Millions of distinct addresses and names at all that is kept in memory under a key of the caller's choice, in a process of its own: HTTP is
 * too slow for so many. Prints one line of JSON.
 */
import { createFailureLimits } from '../../src/http/failure-limits.ts';
import { createLimiter } from '../../src/http/limiter.ts';
import { createRecall } from '../../src/http/recall.ts';
import { networkOf } from '../../src/http/request-context.ts';
import { createBackOff } from '../../src/operators/back-off.ts';
import { createFloods } from '../../src/verification/floods.ts';
import { createLeaseCache } from '../../src/verification/lease-cache.ts';

export interface KeysInMemory {
  keys: number;
  seconds: number;
  startBytes: number;
  peakBytes: number;
  endBytes: number;
}

/** As the server has them by default. */
const POINTS = 300;
const WINDOW_MS = 60_000;
const MOST_KEYS = 50_000;
const LOOK_EVERY = 100_000;
/** The collector is asked for (`--expose-gc`), since an idle process has no reason to run it; pages go back a little later. */
const SETTLE_TURNS = 30;
const WANTED_BYTES = 100 * 1024 * 1024;
/** So that the flood lasts two minutes by the limits' own clock. */
const FLOOD_MS = 120_000;

async function run(keys: number): Promise<KeysInMemory> {
  let at = 0;
  const clock = { monotonicMs: () => at, now: () => new Date(at), wait: async () => undefined };
  const window = { points: POINTS, windowMs: WINDOW_MS, clock };
  const byAddress = createLimiter({ ...window, maxKeys: MOST_KEYS });
  const byDirectory = createLimiter({ ...window, maxKeys: 10_000 });
  const floods = createFloods<number>({ byAddress, clock });
  const failures = createFailureLimits({ clock, perAddress: POINTS, perClient: POINTS, share: (_name, own) => own });
  const accounts = createBackOff({
    free: 5,
    firstMs: 1000,
    mostMs: 900_000,
    forgetMs: 86_400_000,
    maxKeys: MOST_KEYS,
    clock,
  });
  const recall = createRecall((text) => ({ text }));
  const tokens = createLeaseCache<object>({
    read: async () => undefined,
    clock,
    leaseMs: 2000,
    maxEntries: MOST_KEYS,
  });
  const resident = () => process.memoryUsage.rss();
  const startBytes = resident();
  let peakBytes = startBytes;
  const startedAt = performance.now();
  for (let n = 0; n < keys; n++) {
    at += FLOOD_MS / keys;
    const network = networkOf(`${(n >>> 24) + 10}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`);
    const name = `nobody-${n}`;
    byAddress.take(network);
    byDirectory.take(name);
    floods.waitOf(network);
    floods.hold(network, name, n);
    failures.count(network, name);
    accounts.take(name);
    recall(name);
    await tokens.get(name);
    if (n % LOOK_EVERY === 0) peakBytes = Math.max(peakBytes, resident());
  }
  const seconds = (performance.now() - startedAt) / 1000;
  // Windows end after a minute, and their counts leave with the requests that follow.
  at += WINDOW_MS;
  for (let n = 0; n < LOOK_EVERY; n++) {
    byAddress.take('later');
    byDirectory.take(`later-${n}`);
    failures.count('later', `later-${n}`);
  }
  let endBytes = resident();
  for (let turn = 0; turn < SETTLE_TURNS && endBytes > startBytes + WANTED_BYTES; turn++) {
    await new Promise((done) => setTimeout(done, 500));
    globalThis.gc?.();
    endBytes = resident();
  }
  return { keys, seconds, startBytes, peakBytes, endBytes };
}

process.stdout.write(`${JSON.stringify(await run(Number(process.argv[2])))}\n`);
