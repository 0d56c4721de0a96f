import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type Audit, createAudit, SYSTEM } from '../../src/audit/index.ts';
import { mintToken } from '../../src/credentials/static-token.ts';
import { createOrganizations } from '../../src/directories/index.ts';
import { systemRandom } from '../../src/identifiers.ts';
import { openStorage } from '../../src/storage/index.ts';
import { createMovableClock } from '../support/clock.ts';
import { silent } from '../support/engines.ts';

const SECRET = mintToken('scim_', systemRandom);
const ID = 'client_0123456789abcdefghij';

describe('a payload of an event', () => {
  let audit: Audit;
  before(async () => {
    const clock = createMovableClock();
    const storage = await openStorage({ url: 'file::memory:', clock, log: silent });
    audit = createAudit({ storage, clock, random: systemRandom, log: silent });
  });

  it('keeps an ID of ours, and of anything else in its place the length and the end', () => {
    const clientIdOf = (clientId: string) =>
      audit.event('token.refused', SYSTEM, {}, { clientId, reason: 'client_unknown' }).data['clientId'];
    assert.equal(clientIdOf(ID), ID);
    assert.equal(clientIdOf(SECRET), `43 characters, ending ${SECRET.slice(-4)}`);
    assert.equal(clientIdOf('hunter2'), '7 characters');
    assert.equal(clientIdOf('ünïcödé-náme'), '12 characters, ending n?me');
  });

  it('keeps what people typed without the characters that turn or hide what is read', () => {
    const { data } = audit.event('organization.created', SYSTEM, {}, { name: 'North\u202ewind\0 \ud800' });
    assert.equal(data['name'], 'North\ufffdwind\ufffd \ufffd');
  });

  it('keeps words of ours, and no secret in their place', () => {
    const grantTypeOf = (grantType: string) =>
      audit.event('token.refused', SYSTEM, {}, { grantType, reason: 'unsupported_grant_type' }).data['grantType'];
    for (const word of ['authorization_code', 'urn:ietf:params:oauth:grant-type:token-exchange', 'password'])
      assert.equal(grantTypeOf(word), word);
    for (const other of [SECRET, 'a8Fk2LmQ9xZr4TbN7v', 'two words', '<b>'])
      assert.match(String(grantTypeOf(other)), /characters/);
  });

  it('keeps the application that an assertion is for, and no secret in its place', () => {
    const audienceOf = (audience: string) =>
      audit.event('token.refused', SYSTEM, {}, { audience, reason: 'invalid_client' }).data['audience'];
    const application = 'api://0e7b1d5c-93a4-4f2e-8c61-5a0d9b7f3e12';
    for (const shown of [application, `${application}/.default`, application.slice('api://'.length)])
      assert.equal(audienceOf(shown), shown);
    for (const other of [`api://${SECRET}`, `${application}a8Fk2LmQ9xZr4TbN7v`])
      assert.match(String(audienceOf(other)), /\[redacted\]/);
  });

  it('keeps names as they were typed, without secrets', () => {
    const { data } = audit.event('organization.created', SYSTEM, {}, { name: `Müller & Söhne ${SECRET}` });
    assert.equal(data['name'], 'Müller & Söhne scim_[redacted]');
  });

  it('has no place for a member that is not declared', () => {
    const given = { name: 'Northwind', token: SECRET } as { name: string };
    assert.deepEqual(audit.event('organization.created', SYSTEM, {}, given).data, { name: 'Northwind' });
  });

  it('says from what to what each attribute was changed', async () => {
    const clock = createMovableClock();
    const storage = await openStorage({ url: 'file::memory:', clock, log: silent });
    const own = createAudit({ storage, clock, random: systemRandom, log: silent });
    const organizations = createOrganizations({ storage, audit: own, clock, random: systemRandom });
    await storage.prepare();
    const { id } = await organizations.create({ name: 'Northwind' }, SYSTEM);
    await organizations.change(id, { name: 'Northwind Traders', externalId: 'n1' }, SYSTEM);
    const [latest] = (await own.page({ limit: 1 })).items;
    assert.deepEqual(latest?.data, {
      changed: ['name', 'externalId'],
      changes: [
        { attribute: 'name', from: 'Northwind', to: 'Northwind Traders' },
        { attribute: 'externalId', from: null, to: 'n1' },
      ],
    });
    await storage.close();
  });
});
