/** The evidence packet: what it says of a period comes from events, and anybody with our keys can check it. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { compactVerify, createLocalJWKSet } from 'jose';
import type { Answer } from '../support/api.ts';
import { OWNER_KEY, runApp, startApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { signInOperator } from '../support/operator-browser.ts';

describe('the evidence packet', () => {
  const app = runApp({ env: { LATCHKEY_LEASE_MS: '1000' } });
  let directory: Answer;
  let first: Answer;
  let second: Answer;
  let from: string;
  let to: string;
  let packet: Answer;
  let jws: string;

  const now = () => app.clock.now().toISOString();

  before(async () => {
    directory = await app.api.makeDirectory();
    first = await app.api.issue(directory.id, { label: 'first' });
    await app.api.post('/api-keys', { name: 'left early', role: 'admin' }).then(({ body }) => {
      app.clock.advance(MINUTE);
      return app.api.post(`/api-keys/${body.apiKey.id}/revoke`);
    });
    app.clock.advance(DAY);
    from = now();
    app.clock.advance(HOUR);
    second = (await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', label: 'second' })).body;
    app.clock.advance(2 * HOUR);
    await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
      headers: { authorization: `Bearer ${second.token}` },
    });
    await app.api.post(`/credentials/${first.credential.id}/review`, { decision: 'end', note: 'replaced' });
    app.clock.advance(30 * MINUTE);
    await app.api.post(`/credentials/${first.credential.id}/revoke`, { reason: 'after the review', force: true });
    app.clock.advance(DAY);
    to = now();
    app.clock.advance(DAY);
    // What happened later must not show.
    await app.api.patch(`/directories/${directory.id}`, { name: 'renamed later' });
    await app.api.post(`/credentials/${second.credential.id}/revoke`, { force: true });
    await app.api.post('/api-keys', { name: 'came late', role: 'owner' });
    const { status, body } = await app.api.get(
      `/evidence?from=${from}&to=${to}&organizationId=${directory.organizationId}`,
    );
    assert.equal(status, 200, JSON.stringify(body));
    ({ packet, jws } = body);
  });

  const told = (section: string) =>
    packet.sections[section].map(({ subject, what }: Answer) => [subject.replace(/ \(.*/, ''), what]);

  it('has the population at both ends as the events leave it', () => {
    assert.deepEqual(told('populationAtStart'), [['first', 'token, active']]);
    assert.deepEqual(told('populationAtEnd'), [['second', 'token, active']]);
    assert.equal(packet.sections.populationAtEnd[0].directory, 'Okta production');
    assert.deepEqual(packet.organization, { id: directory.organizationId, name: 'Northwind Traders' });
  });

  it('has what was created, and what a rotation replaced with the hour of its first use', () => {
    assert.deepEqual(told('creations'), [['second', 'token generated']]);
    const [rotation] = packet.sections.rotations;
    assert.match(rotation.what, new RegExp(`^replaced ${first.credential.id}, which stopped working at `));
    assert.equal(Date.parse(rotation.firstUsedAt), Math.floor(Date.parse(from) / HOUR) * HOUR + 3 * HOUR);
    assert.equal(rotation.eventIds.length, 2);
  });

  it('has minutes from the request to refused everywhere, from the review that asked for it', () => {
    const [end] = packet.sections.revocations;
    assert.equal(end.what, 'revoked without the check for use');
    assert.equal(end.minutes, 30.02);
    assert.equal(end.note, 'a review found that it should be revoked; after the review');
    assert.deepEqual(told('reviews'), [['first', 'end it']]);
    assert.equal(packet.sections.reviews[0].note, 'replaced');
  });

  it('has exceptions and who may issue, as it was then', () => {
    assert.deepEqual(told('exceptions').sort(), [
      ['first', 'revoked without the check for use'],
      ['second', 'never expires'],
    ]);
    const issuers = packet.sections.issuers.map(({ subject }: Answer) => subject);
    assert.ok(!issuers.includes('left early') && !issuers.includes('came late'), issuers.join());
    assert.ok(packet.sections.issuers.some(({ what }: Answer) => what === 'API key, owner'));
  });

  it('names for each row events that exist', async () => {
    for (const rows of Object.values<Answer[]>(packet.sections))
      for (const { eventIds } of rows) {
        assert.ok(eventIds.length > 0);
        for (const id of eventIds) assert.match(id, /^evt_/);
      }
    assert.equal(packet.counts.creations, packet.sections.creations.length);
  });

  it('is signed by a key that /oauth/jwks has, with a type of its own', async () => {
    const keys = createLocalJWKSet(await (await fetch(`${app.url}/oauth/jwks`)).json());
    const { payload, protectedHeader } = await compactVerify(jws, keys);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(payload)), packet);
    assert.equal(protectedHeader.typ, 'latchkey-evidence+json');
    const [header, body, signature] = jws.split('.');
    const forged = [header, Buffer.from(JSON.stringify({ ...packet, remarks: [] })).toString('base64url'), signature];
    await assert.rejects(compactVerify(forged.join('.'), keys));
    assert.ok(body);
  });

  it('covers what was deleted since, and all organizations at once', async () => {
    const other = await app.api.makeDirectory({ name: 'Gone' });
    const issued = await app.api.issue(other.id, { label: 'gone with it' });
    const begin = now();
    app.clock.advance(HOUR);
    await app.api.delete(`/directories/${other.id}?force=true`);
    await app.api.delete(`/organizations/${other.organizationId}?force=true`);
    app.clock.advance(HOUR);
    const { body } = await app.api.get(`/evidence?from=${begin}&to=${now()}`);
    const ended = body.packet.sections.revocations.map(({ credentialId }: Answer) => credentialId);
    assert.ok(ended.includes(issued.credential.id), JSON.stringify(body.packet?.sections.revocations ?? body));
    assert.equal(body.packet.organization, null);
  });

  it('leaves out nothing that began before events are kept, and says who began it then', async (t) => {
    const old = await startApp();
    t.after(() => old.close());
    const { id } = await old.api.makeDirectory();
    const began = old.clock.now().toISOString();
    await old.api.issue(id, { label: 'never touched' });
    const touched = (await old.api.issue(id, { label: 'touched later' })).credential;
    const { key } = (await old.api.post('/api-keys', { name: 'came later', role: 'admin' })).body;
    old.clock.advance(500 * DAY);
    await old.app.rounds.find(({ name }) => name === 'retention')?.run();
    assert.deepEqual((await old.api.get(`/events?credentialId=${touched.id}`)).body.items, []);
    await old.api.as(key).patch(`/credentials/${touched.id}`, { label: 'touched' });
    old.clock.advance(DAY);
    const until = old.clock.now();
    const period = `from=${new Date(until.getTime() - 90 * DAY).toISOString()}&to=${until.toISOString()}`;
    const { sections, remarks } = (await old.api.get(`/evidence?${period}`)).body.packet;
    for (const section of ['populationAtStart', 'populationAtEnd']) {
      const rows = sections[section].map(({ subject, by }: Answer) => [subject.replace(/ \(.*/, ''), by]).sort();
      const name = section === 'populationAtEnd' ? 'touched' : 'touched later';
      assert.deepEqual(
        rows.map(([subject]: Answer) => subject),
        ['never touched', name],
        section,
      );
      for (const [, by] of rows) assert.notEqual(by, 'came later');
      for (const { at } of sections[section]) assert.equal(at, began);
    }
    const aged = sections.exceptions.filter(({ what }: Answer) => what === '501 days old');
    assert.equal(aged.length, 2, JSON.stringify(sections.exceptions));
    assert.deepEqual(sections.creations, []);
    const issuers = sections.issuers.map(({ subject, what }: Answer) => `${subject}: ${what}`);
    assert.ok(issuers.includes('came later: API key, admin'), issuers.join());
    assert.ok(
      issuers.some((issuer: string) => issuer.endsWith('API key, owner')),
      issuers.join(),
    );
    assert.ok(
      remarks.some((remark: string) => remark.includes('older than the stored events')),
      remarks.join(),
    );
  });

  it('has the portal links that let somebody in during the period, whenever they were created', async (t) => {
    const own = await startApp();
    t.after(() => own.close());
    const { id: organizationId } = (await own.api.post('/organizations', { name: 'Linked' })).body;
    const link = async (contact: string, expiresInSeconds?: number) =>
      (await own.api.post('/portal-links', { organizationId, contact, expiresInSeconds })).body;
    const enter = async (url: string) => {
      const browser = createBrowserSession(own.url);
      await browser.submit(await browser.open(url), {});
      return browser;
    };
    await link('expired before', 60);
    const revoked = await link('revoked before');
    await own.api.post(`/portal-links/${revoked.portalLink.id}/revoke`);
    await enter((await link('session ended before')).url);
    own.clock.advance(9 * HOUR);
    await link('still open');
    await enter((await link('in a session')).url);
    own.clock.advance(HOUR);
    const begin = own.clock.now().toISOString();
    own.clock.advance(HOUR);
    await link('created within');
    own.clock.advance(HOUR);
    const period = `from=${begin}&to=${own.clock.now().toISOString()}&organizationId=${organizationId}`;
    const { sections } = (await own.api.get(`/evidence?${period}`)).body.packet;
    const people = sections.issuers.filter(({ what }: Answer) => what.startsWith('IT contact'));
    assert.deepEqual(
      people.map(({ subject, eventIds }: Answer) => [subject, eventIds.length]),
      [
        ['still open', 1],
        ['in a session', 2],
        ['created within', 1],
      ],
    );
  });

  it('is a CSV in the API too, the same as on the page', async () => {
    const query = `from=${from}&to=${to}&organizationId=${directory.organizationId}`;
    const answer = await fetch(`${app.url}/api/v1/evidence?${query}&format=csv`, {
      headers: { authorization: `Bearer ${OWNER_KEY}` },
    });
    assert.equal(answer.headers.get('content-type'), 'text/csv; charset=utf-8');
    const lines = (await answer.text()).trimEnd().split('\r\n');
    assert.match(lines[0] ?? '', /^section,at,/);
    const rows = Object.values<Answer[]>(packet.sections).reduce((sum, list) => sum + list.length, 0);
    assert.equal(lines.length - 1, rows);
    assert.ok(lines.some((line) => line.startsWith('Ended,') && line.includes(first.credential.id)));
    assert.equal((await app.api.get(`/evidence?${query}&format=xml`)).status, 400);
  });

  it('refuses a period that is impossible, and shows a limited key nothing of the vendor', async () => {
    for (const query of [`from=${to}&to=${from}`, `from=${from}&to=2999-01-01T00:00:00Z`]) {
      const { status, body } = await app.api.get(`/evidence?${query}`);
      assert.deepEqual([status, body.code], [400, 'invalid_request']);
    }
    const { key } = (
      await app.api.post('/api-keys', { name: 'theirs', role: 'viewer', organizationId: directory.organizationId })
    ).body;
    const { body } = await app.api.as(key).get(`/evidence?from=${from}&to=${to}`);
    assert.equal(body.packet.organization.id, directory.organizationId);
    assert.deepEqual(body.packet.sections.issuers, []);
  });

  it('is a page to print, a CSV and the signed JSON', async () => {
    const operator = await signInOperator(app);
    const day = (at: string) => at.slice(0, 10);
    const query = `from=${day(from)}&to=${day(to)}&organizationId=${directory.organizationId}`;
    const page = await operator.open(`/reports/evidence?${query}`);
    assert.match(page.html, /Northwind Traders had [01] credentials? at the start/);
    const csv = (await operator.open(`/reports/evidence.csv?${query}`)).html;
    assert.match(csv, /^section,at,/);
    assert.match(csv, /\r\nEnded,/);
    const file = JSON.parse((await operator.open(`/reports/evidence.json?${query}`)).html);
    assert.equal(file.jws.split('.').length, 3);
    assert.equal((await operator.open('/reports/evidence?from=2026-13-01&to=2026-01-01')).status, 400);
  });
});
