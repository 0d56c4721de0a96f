import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createAudit } from '../../src/audit/index.ts';
import { systemRandom } from '../../src/identifiers.ts';
import { createLog } from '../../src/log.ts';
import { openStorage, type Storage } from '../../src/storage/index.ts';
import { createMovableClock } from '../support/clock.ts';

const LIMIT = 2000;
const BEYOND = 300;

describe('what is coalesced', () => {
  const clock = createMovableClock();
  const log = createLog('silent', process.stderr);
  let storage: Storage;
  before(async () => {
    storage = await openStorage({ url: 'file::memory:', clock, log });
  });
  after(() => storage.close());

  async function countOf(audit: ReturnType<typeof createAudit>, type: string): Promise<[events: number, sum: number]> {
    let [events, sum, after]: [number, number, string | undefined] = [0, 0, undefined];
    do {
      const page = await audit.page({ where: { type }, after, limit: 200 });
      events += page.items.length;
      sum += page.items.reduce((total, { count = 0 }) => total + count, 0);
      after = page.nextCursor ?? undefined;
    } while (after !== undefined);
    return [events, sum];
  }

  it('stays small when a caller makes up a name for each attempt, and counts all of them', async () => {
    const audit = createAudit({ storage, clock, random: systemRandom, log });
    await storage.prepare();
    for (let attempt = 0; attempt < LIMIT + BEYOND; attempt++) {
      const data = { clientId: `client_${attempt}`, reason: 'client_unknown' };
      audit.tallies.note({}, { type: 'token.refused', data, address: '192.0.2.1', requestId: `r${attempt}` });
    }
    await audit.tallies.flush();
    assert.deepEqual(await countOf(audit, 'token.refused'), [LIMIT + 1, LIMIT + BEYOND]);
  });
});
