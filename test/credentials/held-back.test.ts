import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Attribution, createAudit, SYSTEM } from '../../src/audit/index.ts';
import { createCredentials, createUsage, createWeakValues } from '../../src/credentials/index.ts';
import { createDirectories, createOrganizations, createUpstreamPolicy } from '../../src/directories/index.ts';
import { isAppError } from '../../src/errors.ts';
import { systemRandom } from '../../src/identifiers.ts';
import { openStorage } from '../../src/storage/index.ts';
import { createMovableClock } from '../support/clock.ts';
import { silent } from '../support/engines.ts';

const VENDOR: Attribution = { actor: { type: 'operator', id: 'op_1', name: 'Dana' }, source: 'dashboard' };
const CONTACT: Attribution = { actor: { type: 'it_contact', id: 'link_1', name: 'Robin' }, source: 'portal' };

describe('a credential that the vendor disabled', () => {
  it('cannot be got around by the IT contact, and can by the vendor', async () => {
    const { credentials, directory, disabled } = await arrange(VENDOR);
    const ways: Record<string, () => Promise<unknown>> = {
      enable: () => credentials.enable(disabled, CONTACT),
      issue: () => credentials.issue(directory, {}, CONTACT),
      'rotate beside it': () => credentials.rotate(directory, { mode: 'overlap' }, CONTACT),
      'rotate at once': () => credentials.rotate(directory, { mode: 'immediate' }, CONTACT),
      import: () => credentials.import(directory, { token: 'another-system_8f2kQ0mZx7Lr4TbN' }, CONTACT),
      revoke: () => credentials.revoke(disabled, { force: true }, CONTACT),
      connect: () => credentials.assertNotHeldBack(directory, CONTACT),
    };
    for (const [way, go] of Object.entries(ways))
      await assert.rejects(go, (error) => isAppError(error, 'forbidden'), way);
    await credentials.rotate(directory, { mode: 'immediate' }, VENDOR);
    assert.equal((await credentials.get(disabled)).state, 'revoked');
    await credentials.rotate(directory, { mode: 'overlap' }, CONTACT);
  });

  it('is another matter where the IT contact disabled it', async () => {
    const { credentials, directory, disabled } = await arrange(CONTACT);
    await credentials.issue(directory, {}, CONTACT);
    await credentials.enable(disabled, CONTACT);
  });
});

async function arrange(disabler: Attribution) {
  const clock = createMovableClock();
  const storage = await openStorage({ url: 'file::memory:', clock, log: silent });
  const audit = createAudit({ storage, clock, random: systemRandom, log: silent });
  const waitOutLease = async () => undefined;
  const base = { storage, audit, clock, random: systemRandom, waitOutLease };
  const organizations = createOrganizations(base);
  const upstreamPolicy = createUpstreamPolicy({
    allow: [],
    publicUrl: 'https://latchkey.example',
    databaseUrl: 'file:x',
    listening: undefined,
  });
  const directories = createDirectories({ ...base, organizations, upstreamPolicy, secret: 'a secret of the test' });
  const usage = createUsage({ storage, clock });
  const weakValues = createWeakValues({ ...base, secret: 'a secret of the test', leaseMs: 1000 });
  const quiet = { retireQuietMs: 1000, retireOverdueMs: 1000 };
  const credentials = createCredentials({ ...base, directories, usage, weakValues, ...quiet });
  await storage.prepare();
  const { id: organizationId } = await organizations.create({ name: 'Northwind' }, SYSTEM);
  const { id: directory } = await directories.create({ organizationId, name: 'Okta' }, SYSTEM);
  const { credential } = await credentials.issue(directory, {}, SYSTEM);
  await credentials.disable(credential.id, disabler);
  return { credentials, directory, disabled: credential.id };
}
