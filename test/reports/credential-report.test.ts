/** The credentials report: what it marks, filters and sorts, page after page, and who sees what. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { DAY } from '../support/clock.ts';
import { signInOperator } from '../support/operator-browser.ts';

describe('the credentials report', () => {
  const app = runApp({ env: { LATCHKEY_LEASE_MS: '0' } });
  let okta: Answer;
  let entra: Answer;
  let old: Answer;
  let used: Answer;

  async function use(token: string, directory: Answer): Promise<void> {
    const { status } = await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(status, 200);
  }
  const read = async (query = '', api = app.api) => (await api.get(`/reports/credentials?${query}`)).body;
  const ids = async (query: string) => (await read(query)).items.map(({ credentialId }: Answer) => credentialId);

  before(async () => {
    okta = await app.api.makeDirectory();
    old = await app.api.issue(okta.id, { label: '=cmd|calc' });
    app.clock.advance(400 * DAY);
    entra = await app.api.makeDirectory({ name: 'Entra', provider: 'entra' });
    const expiresAt = new Date(app.clock.now().getTime() + 20 * DAY).toISOString();
    used = await app.api.issue(entra.id, { label: 'Entra 2026', expiresAt });
    await use(used.token, entra);
  });

  it('has each credential with its age, owner, use, end and what is worth a look', async () => {
    const { items } = await read();
    assert.deepEqual(
      items.map(({ label, ageDays, organizationName, directoryName, provider, createdBy, marks }: Answer) => [
        label,
        ageDays,
        organizationName,
        directoryName,
        provider,
        createdBy.type,
        marks,
      ]),
      [
        ['Entra 2026', 0, 'Northwind Traders', 'Entra', 'entra', 'api_key', ['not_reviewed']],
        [
          '=cmd|calc',
          400,
          'Northwind Traders',
          'Okta production',
          'okta',
          'api_key',
          ['no_end', 'never_used', 'not_reviewed'],
        ],
      ],
    );
    assert.equal(items[0].lastUsedAt, app.clock.now().toISOString());
    assert.equal(items[1].lastUsedAt, null);
  });

  it('filters over everything, by the record and by its use', async () => {
    assert.deepEqual(await ids('olderThanDays=365'), [old.credential.id]);
    assert.deepEqual(await ids('endsWithinDays='), await ids(''), 'a filter that is left empty filters nothing');
    assert.deepEqual(await ids('provider=entra&kind=bearer'), [used.credential.id]);
    assert.deepEqual(await ids('marks=no_end,never_used'), [old.credential.id]);
    assert.deepEqual(await ids('endsWithinDays=30'), [used.credential.id]);
    assert.deepEqual(await ids('unusedForDays=90'), [old.credential.id]);
    assert.deepEqual(await ids('states=ended'), []);
    assert.deepEqual(await ids(`directoryId=${entra.id}&marks=never_used`), []);
    const wrong = await app.api.get('/reports/credentials?marks=no_end,rotten');
    assert.deepEqual([wrong.status, wrong.body.code], [400, 'invalid_request']);
  });

  it('sorts over everything and goes on where a page ended, whatever it is sorted by', async () => {
    for (const [sort, first] of [
      ['created&order=asc', old],
      ['lastUsed&order=asc', old],
      ['lastUsed&order=desc', used],
      ['ends&order=asc', used],
    ] as const) {
      const page = await read(`sort=${sort}&limit=1`);
      assert.equal(page.items[0].credentialId, first.credential.id, sort);
      const next = await read(`sort=${sort}&limit=1&after=${encodeURIComponent(page.nextCursor)}`);
      assert.equal(next.items.length, 1, sort);
      assert.notEqual(next.items[0].credentialId, first.credential.id, sort);
      assert.equal(next.nextCursor, null, sort);
    }
    assert.equal((await app.api.get('/reports/credentials?sort=ends&after=nonsense')).body.code, 'invalid_cursor');
  });

  it('tells what was used after it was replaced, and forgets it when that ends', async () => {
    const directory = await app.api.makeDirectory({ name: 'Rotated' });
    const { token, credential } = await app.api.issue(directory.id);
    await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', retire: 'manual' });
    assert.deepEqual(await ids('marks=used_after_replaced'), []);
    app.clock.advance(3 * DAY);
    await use(token, directory);
    assert.deepEqual(await ids('marks=used_after_replaced'), [credential.id]);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    assert.deepEqual(await ids('marks=used_after_replaced'), []);
    assert.ok((await ids('states=ended')).includes(credential.id));
  });

  it('keeps a review with its event, and a later one takes its place', async () => {
    const path = `/credentials/${old.credential.id}/review`;
    const { body, status } = await app.api.post(path, { decision: 'end', note: 'nobody knows it' });
    assert.equal(status, 200);
    assert.deepEqual(
      [body.review.decision, body.review.note, body.marks],
      ['end', 'nobody knows it', ['no_end', 'never_used', 'to_be_ended']],
    );
    assert.equal((await app.api.get(`/credentials/${old.credential.id}`)).body.state, 'active');
    await app.api.post(path, { decision: 'keep' });
    assert.deepEqual(await ids('marks=to_be_ended'), []);
    const { items } = (await app.api.get(`/events?credentialId=${old.credential.id}&type=credential.reviewed`)).body;
    assert.deepEqual(
      items.map(({ data }: Answer) => [data.decision, data.note]),
      [
        ['keep', undefined],
        ['end', 'nobody knows it'],
      ],
    );
    app.clock.advance(366 * DAY);
    assert.ok((await ids('marks=not_reviewed')).includes(old.credential.id));
    const { credential } = await app.api.issue(okta.id);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    const late = await app.api.post(`/credentials/${credential.id}/review`, { decision: 'keep' });
    assert.equal(late.body.code, 'credential_final');
  });

  it('shows a key of one organization that one alone', async () => {
    const { key } = (
      await app.api.post('/api-keys', { name: 'theirs', role: 'viewer', organizationId: okta.organizationId })
    ).body;
    const { items } = await read('states=all', app.api.as(key));
    assert.deepEqual([...new Set(items.map(({ organizationId }: Answer) => organizationId))], [okta.organizationId]);
    const foreign = await app.api.as(key).get(`/reports/credentials?organizationId=${entra.organizationId}`);
    assert.equal(foreign.status, 404);
    const review = await app.api.as(key).post(`/credentials/${old.credential.id}/review`, { decision: 'keep' });
    assert.equal(review.status, 403);
  });

  it('is a page and a file that a spreadsheet takes for text', async () => {
    const operator = await signInOperator(app);
    const page = await operator.open('/reports?states=all');
    assert.match(page.html, /Export CSV/);
    assert.match(page.html, /href="\/dashboard\/reports\/review\/cred_/);
    const csv = (await operator.open('/reports/credentials.csv?states=all')).html;
    assert.match(csv, /^organization,directory,/);
    assert.match(csv, /,'=cmd\|calc,/);
    assert.equal((await operator.open('/reports?olderThanDays=many')).status, 400);
    const reviewed = await operator.send(`/reports/review/${old.credential.id}`, {
      decision: 'end',
      note: 'from the page',
    });
    assert.match(reviewed.url, /\/credentials\/cred_\w+\/revoke$/);
    const viewer = await signInOperator(app, 'viewer');
    assert.equal((await viewer.open('/reports')).status, 200);
    assert.equal((await viewer.open(`/reports/review/${old.credential.id}`)).status, 403);
  });

  it('finds imports of values that can be guessed', async () => {
    const directory = await app.api.makeDirectory({ name: 'Imported' });
    const bring = async (fields: object) => {
      const { status, body } = await app.api.post(`/directories/${directory.id}/credentials/import`, fields);
      assert.equal(status, 201, JSON.stringify(body));
      return body.id ?? body.credential.id;
    };
    const weak = await bring({ token: 'Winter2024-contoso', allowWeak: true });
    await bring({ token: 'Zq8vT2mXw4Kc9RbN7yPf3HsJ6dLg5AeU' });
    assert.deepEqual(await ids('marks=weak'), [weak]);
    assert.deepEqual(await ids(`marks=weak&organizationId=${okta.organizationId}`), []);
  });
});
