/** How many reads of the store a verification costs at several leases, by Latchkey's own metrics. */
import { type LoadRequest, load } from './load.ts';
import type { PinnedProcess } from './pinned-process.ts';
import { table } from './report.ts';

export interface MeasuredLease {
  leaseMs: number;
  verificationsPerSecond: number;
  readsPerSecond: number;
}

const LEASES_MS = [0, 250, 1000, 5000];

/** `start`: a server with that lease. `requests`: each with a token of its own. */
export async function measureLeases(
  start: (leaseMs: number) => Promise<PinnedProcess>,
  requests: readonly LoadRequest[],
  seconds: number,
  say: (text: string) => void,
): Promise<MeasuredLease[]> {
  const measured: MeasuredLease[] = [];
  for (const leaseMs of LEASES_MS) {
    const latchkey = await start(leaseMs);
    say(`verifying with a lease of ${leaseMs} ms`);
    await load(latchkey.url, requests, 2);
    const before = await counts(latchkey.url);
    const startedAt = performance.now();
    await load(latchkey.url, requests, seconds);
    const after = await counts(latchkey.url);
    const elapsed = (performance.now() - startedAt) / 1000;
    await latchkey.stop();
    measured.push({
      leaseMs,
      verificationsPerSecond: (after.verifications - before.verifications) / elapsed,
      readsPerSecond: (after.reads - before.reads) / elapsed,
    });
  }
  return measured;
}

/** Reads that decide: of a credential by its digest, and of its directory. Nothing else is asked of these two meanwhile, or little. */
async function counts(url: string): Promise<{ verifications: number; reads: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  let [verifications, reads] = [0, 0];
  for (const line of text.split('\n')) {
    const value = Number(line.slice(line.lastIndexOf(' ') + 1));
    if (line.startsWith('latchkey_verifications_total{')) verifications += value;
    if (/^latchkey_storage_operations_total\{[^}]*collection="(?:credentials|directories)"/.test(line)) reads += value;
  }
  return { verifications, reads };
}

export function renderLeases(measured: readonly MeasuredLease[], tokens: number): string {
  const count = (number: number) => Math.round(number).toLocaleString('en-US');
  return table(
    [`lease, ms (${count(tokens)} tokens)`, 'verifications/s', 'reads/s', 'reads per verification'],
    measured.map(({ leaseMs, verificationsPerSecond, readsPerSecond }) => [
      count(leaseMs),
      count(verificationsPerSecond),
      count(readsPerSecond),
      (readsPerSecond / verificationsPerSecond).toFixed(4),
    ]),
  );
}
