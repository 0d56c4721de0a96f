/** A scenario for each finding about a presented token or its URL: the world is driven, then code, evidence, words and remedy are read. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runApp } from '../support/app.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { flush, makeWorld, textOf } from '../support/diagnosed.ts';
import { exchange, makeClient, obtainCode } from '../support/oauth-client.ts';
import { REQUEST_SCENARIOS } from '../support/request-scenarios.ts';

describe('a refused request is explained', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000', LATCHKEY_FAILURES_PER_DIRECTORY: '100000' } });

  for (const [code, { provider = 'okta', drive, says, actor = 'it_contact' }] of Object.entries(REQUEST_SCENARIOS)) {
    it(`as ${code}`, async () => {
      const world = await makeWorld(app, { provider });
      await drive(world);
      const { findings } = await world.diagnosis();
      const [lead] = findings;
      assert.equal(lead.code, code, JSON.stringify(findings.map((finding: { code: string }) => finding.code)));
      assert.equal(lead.actor, actor);
      assert.ok(['failing', 'degraded'].includes(lead.severity), lead.severity);
      for (const pattern of says) assert.match(textOf(lead), pattern);
      assert.ok(lead.words.steps.length > 0);
      assert.ok(!findings.some((finding: { severity: string }) => finding.severity === 'fine'), 'a contradiction');
      assert.doesNotMatch(textOf(lead), /undefined|\[object/);
      const told = (await app.api.get(`/events?directoryId=${world.directory.id}&type=request.denied`)).body.items;
      for (const id of lead.evidence)
        assert.ok(
          told.some((event: { id: string }) => event.id === id),
          id,
        );
      assert.ok(lead.evidence.length > 0);
    });
  }

  it('with a remedy that names no token that is gone', async () => {
    for (const value of ['Bearer scim_abc', 'Basic eDp5', 'Bearer Bearer x', 'Bearer "x"']) {
      const { send, credential, diagnosis } = await makeWorld(app);
      await send(value);
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      const [lead] = (await diagnosis()).findings;
      assert.equal(lead.severity, 'failing');
      assert.match(lead.words.steps.join(' '), /Generate a new token on the directory's page/, value);
      assert.doesNotMatch(lead.words.steps.join(' '), /paste the token|again|anymore/, value);
    }
  });

  it('with a word where the requests name another identity provider than the one that it is set up for', async () => {
    const { send, token, diagnosis } = await makeWorld(app, { provider: 'pingone' });
    const note = async () => (await diagnosis()).findings[0].words.notes.join(' ');
    await send(`Bearer Bearer ${token}x`, { agent: 'PingOne' });
    assert.doesNotMatch(await note(), /as their sender/);
    await send(`Bearer Bearer ${token}x`, { agent: 'Okta SCIM Client 1.0.0' });
    assert.match(await note(), /set up for PingOne, but the requests name Okta as their sender/);
  });

  it('dates from its beginning, however long it lasts, then as now', async () => {
    const { directory, send, token, diagnosis } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(2 * HOUR);
    const began = app.clock.now();
    // One event for each hour: more than are read of the latest, and of the first.
    for (let hour = 0; hour < 450; hour++) {
      await send('Bearer Bearer other');
      app.clock.advance(HOUR);
    }
    const [lead] = (await diagnosis()).findings;
    assert.deepEqual([lead.code, lead.since, lead.facts.isCut], ['scheme_twice', began.toISOString(), true]);
    assert.match(lead.words.detail, /^More than 4\d\d refused requests from \S+ \(.*\) since/);
    const { items } = (await app.api.get(`/events?directoryId=${directory.id}&type=request.denied&order=asc&limit=1`))
      .body;
    assert.equal(lead.evidence[0], items[0].id);
    const at = new Date(began.getTime() + 300 * HOUR).toISOString();
    const then = (await app.api.get(`/directories/${directory.id}/diagnosis?at=${at}`)).body.findings[0];
    assert.deepEqual([then.since, then.facts.isCut], [began.toISOString(), undefined]);
    await send(`Bearer ${token}`);
    app.clock.advance(2 * HOUR);
    await send('Bearer Bearer other');
    const again = (await diagnosis()).findings[0];
    assert.deepEqual([again.code, again.facts.count, again.facts.isCut], ['scheme_twice', 1, undefined]);
  });

  it('leads to the connection that is ready, where there is one and a token is sent', async () => {
    const { directory, send, credential, diagnosis } = await makeWorld(app);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    const client = await makeClient(app, { directoryId: directory.id });
    assert.equal((await exchange(app, client, await obtainCode(app, client, directory))).status, 200);
    app.clock.advance(1000);
    await send('Bearer something-else');
    const [lead] = (await diagnosis()).findings;
    assert.equal(lead.code, 'token_unknown');
    assert.match(lead.words.detail, /The connection is valid, but has never been used/);
    assert.match(lead.words.steps[0], /set Authentication Mode to OAuth 2\. The connection itself is ready/);
    assert.doesNotMatch(lead.words.steps[0], /Generate/);
  });

  it('is over once a request is accepted again', async () => {
    const { send, token, diagnosis } = await makeWorld(app);
    await send(`Bearer ${token.slice(0, 30)}`);
    await send(`Bearer ${token}`);
    const { findings } = await diagnosis();
    assert.deepEqual(
      findings.map(({ code }: { code: string }) => code),
      ['working'],
    );
  });

  it('leaves the health alone where a stranger sent it', async () => {
    const { send, token, diagnosis } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await send('Bearer guess', { agent: 'curl/8.0' });
    await send(undefined, { agent: 'zgrab/0.x' });
    const { findings, strangers } = await diagnosis();
    assert.equal(findings[0].code, 'working');
    assert.deepEqual(strangers.map(({ code }: { code: string }) => code).sort(), ['token_missing', 'token_unknown']);
  });

  it("names no other customer where another customer's token was sent", async () => {
    const world = await makeWorld(app);
    const other = await makeWorld(app, { name: 'Secret project' });
    await world.send(`Bearer ${other.token}`);
    const { findings } = await world.diagnosis();
    assert.equal(findings[0].code, 'token_elsewhere');
    assert.match(textOf(findings[0]), /another customer's directory/);
    assert.ok(!JSON.stringify(findings).includes('Secret project'));
    assert.ok(!JSON.stringify(findings).includes(other.credential.id));
    const theirs = (await other.diagnosis()).findings[0];
    assert.equal(theirs.code, 'token_elsewhere');
    assert.match(textOf(theirs), /sent to another directory's URL/);
    assert.ok(!JSON.stringify(theirs).includes(world.directory.id));
  });

  it('waits for the first request, and says so differently after a week', async () => {
    const { diagnosis } = await makeWorld(app);
    assert.equal((await diagnosis()).findings[0].code, 'waiting_for_first_request');
    app.clock.advance(8 * DAY);
    const { findings } = await diagnosis();
    assert.equal(findings[0].code, 'never_used');
    assert.match(textOf(findings[0]), /has never been used/);
  });
});
