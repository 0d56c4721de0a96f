/** How cost grows with what is stored: verification, pages, start and memory, on stores of one thousand credentials and ten times more each. */

import { directoryIdOf, organizationIdOf } from './filled-store.ts';
import { load } from './load.ts';
import { settled } from './measure.ts';
import { measurePages } from './pages.ts';
import { verifyRequest } from './requests.ts';
import type { Stores } from './stores.ts';

export interface Growth {
  credentials: number;
  directories: number;
  /** In a second of processor time. */
  verificationsPerCoreSecond: number;
  /** The 95th of 100 requests: one organization with its directories, the audit page, the home page. */
  listMs: number;
  auditMs: number;
  homeMs: number;
  startMs: number;
  memoryBytes: number;
}

const LEAST = 1000;
const STEP = 10;
/** Directories of one organization. */
const PER_ORGANIZATION = 10;

export async function measureGrowth(
  stores: Stores,
  most: number,
  seconds: number,
  say: (text: string) => void,
): Promise<Growth[]> {
  const measured: Growth[] = [];
  for (let credentials = LEAST; credentials <= most; credentials *= STEP) {
    const directories = credentials / 2;
    const organizations = Math.ceil(directories / PER_ORGANIZATION);
    const { latchkey, env, bearers, startMs } = await stores.open(
      credentials,
      'https://scim.example.com',
      organizations,
    );
    say(`verifying with ${credentials} credentials`);
    const requests = bearers.map(verifyRequest);
    await load(latchkey.url, requests, 2);
    await settled(latchkey);
    const before = latchkey.processorSeconds();
    const { requests: answered } = await load(latchkey.url, requests, seconds);
    const verificationsPerCoreSecond = answered / (latchkey.processorSeconds() - before);
    const memoryBytes = latchkey.memory().residentBytes;
    const pages = await measurePages(latchkey.url, env, {
      organizationId: organizationIdOf(0),
      directoryId: directoryIdOf(0),
      names: 'Traders 99',
    });
    const p95 = (path: string) => pages.find((page) => page.path === path)?.p95Ms ?? Number.NaN;
    measured.push({
      credentials,
      directories,
      verificationsPerCoreSecond,
      listMs: p95('/organizations/{id}'),
      auditMs: p95('/audit'),
      homeMs: p95('/organizations'),
      startMs,
      memoryBytes,
    });
    await latchkey.stop();
  }
  return measured;
}
