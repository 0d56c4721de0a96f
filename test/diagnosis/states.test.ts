/** A scenario for each finding that no refusal tells of: what has not begun, what ends, silence, sources, and what is fine. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { diagnose, type Facts, type Finding, plain, wordsOf } from '../../src/diagnosis/index.ts';
import {
  IDENTITY_PROVIDER_IDS,
  IDENTITY_PROVIDERS,
  type IdentityProviderId,
} from '../../src/identity-providers/index.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { flush, makeWorld, OKTA_AGENT, textOf } from '../support/diagnosed.ts';
import { ask, exchange, makeClient, makeConnection, obtainCode, refresh, verified } from '../support/oauth-client.ts';
import { signInOperator } from '../support/operator-browser.ts';

describe('the state of a directory is explained', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000' } });

  const codesOf = ({ findings }: Answer): string[] => findings.map(({ code }: Answer) => code);
  async function diagnosed(directory: Answer): Promise<Answer> {
    await flush(app);
    return (await app.api.get(`/directories/${directory.id}/diagnosis`)).body;
  }

  it('as not_connected, then setup_unfinished once there is a client', async () => {
    const directory = await app.api.makeDirectory();
    assert.deepEqual(codesOf(await diagnosed(directory)), ['not_connected']);
    await makeClient(app, { directoryId: directory.id });
    const found = await diagnosed(directory);
    assert.deepEqual(codesOf(found), ['setup_unfinished']);
    assert.match(textOf(found.findings[0]), /has not been used to connect/);
  });

  it('as ended_on_purpose once people revoked the last token, and nothing is sent', async () => {
    const { directory, send, token, credential, diagnosis } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    const found = await diagnosis();
    assert.deepEqual(codesOf(found), ['ended_on_purpose']);
    assert.match(textOf(found.findings[0]), /Nothing has been refused since/);
    assert.equal(found.directoryId, directory.id);
  });

  it('as disabled with the reason that was given for it, of a token to everybody, of a directory to operators', async () => {
    const { directory, send, token, credential, diagnosis } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await app.api.post(`/credentials/${credential.id}/disable`, { reason: 'seen in a screenshot' });
    await send(`Bearer ${token}`);
    assert.match(textOf((await diagnosis()).findings[0]), /They gave this reason: “seen in a screenshot”/);
    await app.api.post(`/credentials/${credential.id}/enable`);
    await app.api.post(`/directories/${directory.id}/disable`, { reason: 'the contract ended' });
    await send(`Bearer ${token}`);
    assert.match(textOf((await diagnosis()).findings[0]), /They gave this reason: “the contract ended”/);
    const refused = await app.api.post(`/directories/${directory.id}/disable`, { reason: 'x'.repeat(201) });
    assert.deepEqual([refused.status, refused.body.errors[0].path], [400, 'reason']);
  });

  it('as disabled with what was refused since then, and not an earlier time', async () => {
    const { directory, send, token, diagnosis } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await app.api.post(`/directories/${directory.id}/disable`);
    for (let times = 0; times < 5; times++) await send(`Bearer ${token}`);
    await app.api.post(`/directories/${directory.id}/enable`);
    await flush(app);
    app.clock.advance(2 * HOUR);
    await app.api.post(`/directories/${directory.id}/disable`);
    await send(`Bearer ${token}`);
    assert.match(textOf((await diagnosis()).findings[0]), /\b1 refused request from/);
  });

  it('without a token that was disabled, once it was revoked or has expired', async () => {
    const revoked = await makeWorld(app);
    await revoked.send(`Bearer ${revoked.token}`);
    await app.api.post(`/credentials/${revoked.credential.id}/disable`);
    await revoked.send(`Bearer ${revoked.token}`);
    assert.ok(codesOf(await revoked.diagnosis()).includes('token_disabled'));
    await app.api.post(`/credentials/${revoked.credential.id}/revoke`, { force: true });
    assert.ok(!codesOf(await revoked.diagnosis()).includes('token_disabled'));
    await revoked.send(`Bearer ${revoked.token}`);
    assert.equal(codesOf(await revoked.diagnosis())[0], 'token_revoked');

    const expired = await makeWorld(app);
    await expired.send(`Bearer ${expired.token}`);
    const expiresAt = new Date(app.clock.now().getTime() + HOUR);
    await app.api.patch(`/credentials/${expired.credential.id}`, { expiresAt });
    await app.api.post(`/credentials/${expired.credential.id}/disable`);
    await expired.send(`Bearer ${expired.token}`);
    app.clock.advance(2 * HOUR);
    await app.app.rounds.find(({ name }) => name === 'due credentials')?.run();
    const codes = codesOf(await expired.diagnosis());
    assert.ok(codes.includes('token_expired') && !codes.includes('token_disabled'), codes.join());
  });

  it('with the time of a change in a sentence of its own, behind a name in quotes too', async () => {
    const { directory, credentialId, accessToken } = await makeConnection(app);
    await app.api.post(`/credentials/${credentialId}/disable`);
    const headers = { authorization: `Bearer ${accessToken}` };
    await fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers });
    const [found] = (await diagnosed(directory)).findings;
    assert.match(textOf(found), /disabled the connection “Provisioning” on [A-Z]\w+day, /);
  });

  it('without what was wrong with the secret of a client that was deleted', async () => {
    const { directory, client, refreshToken } = await makeConnection(app);
    const wrong = { ...client, secret: `scimcs_${'a'.repeat(43)}` };
    await ask(app, wrong, { grant_type: 'refresh_token', refresh_token: refreshToken });
    assert.ok(codesOf(await diagnosed(directory)).includes('client_secret_wrong'));
    await app.api.delete(`/clients/${client.id}`);
    assert.equal(codesOf(await diagnosed(directory))[0], 'access_token_last');
    assert.ok(!codesOf(await diagnosed(directory)).includes('client_secret_wrong'));
  });

  it('without a read-only token, once it was revoked or another token that can write is in use', async () => {
    for (const end of ['revoked', 'replaced'] as const) {
      const { directory, send, token, diagnosis } = await makeWorld(app);
      await send(`Bearer ${token}`);
      const { body: reader } = await app.api.post(`/directories/${directory.id}/credentials`, {
        scopes: ['scim.read'],
      });
      await send(`Bearer ${reader.token}`);
      await send(`Bearer ${reader.token}`, { method: 'POST' });
      assert.ok(codesOf(await diagnosis()).includes('insufficient_scope'));
      await send(`Bearer ${reader.token}`);
      assert.ok(codesOf(await diagnosis()).includes('insufficient_scope'), 'reads go on, and changes do not');
      if (end === 'revoked') await app.api.post(`/credentials/${reader.credential.id}/revoke`, { force: true });
      else await send(`Bearer ${token}`, { method: 'POST' });
      assert.ok(!codesOf(await diagnosis()).includes('insufficient_scope'), end);
    }
  });

  it('without a read-only token, once a member allowed changes on the page; the same token is accepted then', async () => {
    const { directory, send, diagnosis } = await makeWorld(app);
    const reader = await app.api.issue(directory.id, { scopes: ['scim.read'] });
    await send(`Bearer ${reader.token}`);
    assert.equal(await send(`Bearer ${reader.token}`, { method: 'POST' }), 403);
    const [refused] = (await diagnosis()).findings;
    assert.match(textOf(refused), /Reads are allowed, but we haven't accepted one since then\./);
    assert.doesNotMatch(textOf(refused), /Nothing has/);
    assert.match(textOf(refused), /Allow changes on .* page\. The token stays the same/);
    assert.doesNotMatch(textOf(refused), /Generate|paste|revoke/);
    const owner = await signInOperator(app);
    assert.match((await owner.open(`/directories/${directory.id}`)).html, /allow-changes/);
    await owner.send(`/credentials/${reader.credential.id}/allow-changes`);
    assert.equal(await send(`Bearer ${reader.token}`, { method: 'POST' }), 200);
    assert.ok(!codesOf(await diagnosis()).includes('insufficient_scope'));
  });

  it('as disabled without a word of accepted requests, whatever else is refused', async () => {
    const { directory, send, token, credential, diagnosis } = await makeWorld(app);
    const { body: other } = await app.api.post(`/directories/${directory.id}/credentials`, {});
    await send(`Bearer ${token}`);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    await send(`Bearer ${token}`);
    await send(`Bearer ${other.token}`);
    await send(`Bearer ${token}`);
    const partial = (await diagnosis()).findings.find(({ code }: Answer) => code === 'token_revoked');
    assert.match(textOf(partial), /^Some requests .* Other requests are being accepted/);
    await app.api.post(`/directories/${directory.id}/disable`);
    await send(`Bearer ${other.token}`);
    const { findings } = await diagnosis();
    assert.deepEqual(codesOf({ findings }), ['directory_disabled', 'token_revoked', 'no_owner']);
    for (const finding of findings.slice(0, 2)) {
      assert.doesNotMatch(textOf(finding), /Other requests are being accepted|is valid|^Some requests/);
      assert.match(textOf(finding), /Nothing is accepted while the directory is disabled\./);
    }
  });

  it('with the date of an end however many tokens came after it, and of what was disabled before many others', async () => {
    const { directory, send, token, credential, diagnosis } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await app.api.patch(`/credentials/${credential.id}`, {
      expiresAt: new Date(app.clock.now().getTime() + HOUR),
    });
    let latest = (await app.api.post(`/directories/${directory.id}/credentials`, {})).body;
    const off = latest;
    await app.api.post(`/credentials/${off.credential.id}/disable`);
    app.clock.advance(2 * HOUR);
    await app.app.rounds.find(({ name }) => name === 'due credentials')?.run();
    for (let turn = 0; turn < 12; turn++) {
      if (turn > 0) await app.api.post(`/credentials/${latest.credential.id}/revoke`, { force: true });
      latest = (await app.api.post(`/directories/${directory.id}/credentials`, {})).body;
      await app.api.post(`/credentials/${latest.credential.id}/disable`);
      await app.api.post(`/credentials/${latest.credential.id}/enable`);
    }
    await send(`Bearer ${token}`);
    await send(`Bearer ${off.token}`);
    const texts = (await diagnosis()).findings.map(textOf);
    const told = (pattern: RegExp) =>
      assert.ok(
        texts.some((text: string) => pattern.test(text)),
        texts.join('\n'),
      );
    told(/expired on \w+, \d+ \w+ \d{4} at/);
    told(/disabled the token that ends in …\w+ on \w+, \d+ \w+ \d{4} at/);
  });

  it('as rotation_overdue, then old_one_still_used, where the old token goes on', async () => {
    const { directory, send, token, diagnosis } = await makeWorld(app);
    await send(`Bearer ${token}`);
    const { body } = await app.api.post(`/directories/${directory.id}/rotate`, {
      mode: 'overlap',
      retire: 'when-replaced',
    });
    app.clock.advance(8 * DAY);
    await send(`Bearer ${token}`);
    assert.deepEqual(codesOf(await diagnosis()), ['rotation_overdue', 'working']);
    await send(`Bearer ${body.token}`);
    for (let day = 0; day < 9; day++) {
      await flush(app);
      app.clock.advance(HOUR);
      await send(`Bearer ${token}`);
      await send(`Bearer ${body.token}`);
    }
    const after = codesOf(await diagnosis());
    assert.ok(!after.includes('rotation_overdue'), after.join());
  });

  it('as credential_ends_soon, urgent within a week', async () => {
    const directory = await app.api.makeDirectory();
    const expiresAt = new Date(app.clock.now().getTime() + 20 * DAY).toISOString();
    const { token } = await app.api.issue(directory.id, { expiresAt });
    const ask = () =>
      fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers: { authorization: `Bearer ${token}` } });
    await ask();
    const soon = await diagnosed(directory);
    assert.deepEqual([soon.findings[0].code, soon.findings[0].severity], ['credential_ends_soon', 'notice']);
    app.clock.advance(14 * DAY);
    await ask();
    const urgent = await diagnosed(directory);
    assert.deepEqual([urgent.findings[0].code, urgent.findings[0].severity], ['credential_ends_soon', 'degraded']);
    assert.equal(urgent.findings[0].until, expiresAt);
  });

  it('as refresh_policy_ends_soon for a connection whose client sets an end', async () => {
    const { exchange, obtainCode } = await import('../support/oauth-client.ts');
    const directory = await app.api.makeDirectory();
    const client = await makeClient(app, { directoryId: directory.id, maximumAgeDays: 20 });
    await exchange(app, client, await obtainCode(app, client, directory));
    const found = codesOf(await diagnosed(directory));
    assert.ok(found.includes('refresh_policy_ends_soon'), found.join());
  });

  it('as waiting, with nobody to act, where what the identity provider has was imported', async () => {
    const bearer = await app.api.makeDirectory();
    const sha256 = (value: string) => createHash('sha256').update(value).digest('hex');
    const given = { sha256: sha256('imported-token-4f1c'), label: 'From Jackson' };
    assert.equal((await app.api.post(`/directories/${bearer.id}/credentials/import`, given)).status, 201);
    const oauth = await app.api.makeDirectory();
    const secret = 'kT9-old+secret/from%elsewhere=42';
    await app.api.post('/clients/import', {
      clientId: 'legacy-waiting',
      clientSecret: secret,
      name: 'Okta',
      provider: 'okta',
      directoryId: oauth.id,
    });
    const refreshToken = 'v1.waiting-refresh-token-of-before';
    const path = `/directories/${oauth.id}/connections/import`;
    assert.equal((await app.api.post(path, { clientId: 'legacy-waiting', refreshToken })).status, 201);

    for (const directory of [bearer, oauth]) {
      const [waiting] = (await diagnosed(directory)).findings;
      assert.deepEqual([waiting.code, waiting.actor], ['waiting_for_first_request', 'idp']);
      assert.deepEqual(waiting.words.steps, []);
      assert.match(textOf(waiting), /was imported\. Okta already has it/);
      assert.doesNotMatch(textOf(waiting), /shown only once|test the connection|\?\?\?\?/);
    }
    const { body: then } = await app.api.get(`/directories/${oauth.id}/diagnosis?at=${app.clock.now().toISOString()}`);
    assert.match(textOf(then.findings[0]), /was imported\. Okta already has it/);
    app.clock.advance(8 * DAY);
    for (const directory of [bearer, oauth]) {
      const [never] = (await diagnosed(directory)).findings;
      assert.deepEqual([never.code, never.actor], ['never_used', 'it_contact']);
      assert.match(
        textOf(never),
        /was imported on .* has never been used here\. .*an earlier one that was pointed here/,
      );
      assert.doesNotMatch(textOf(never), /shown only once|contains the token/);
    }
    const client = { client: {}, id: 'legacy-waiting', secret, redirectUri: '' };
    const { body } = await refresh(app, client, refreshToken);
    assert.equal(await verified(app, oauth.id, body.access_token), 200);
    assert.deepEqual(codesOf(await diagnosed(oauth)), ['working']);
  });

  it('with a new token, and not one to have saved, where the token that would work was imported', async () => {
    const digest = createHash('sha256').update('imported-token-5a2b').digest('hex');
    for (const given of [{ token: 'imported-token-of-before-ab12' }, { sha256: digest }]) {
      const directory = await app.api.makeDirectory();
      const { status } = await app.api.post(`/directories/${directory.id}/credentials/import`, given);
      assert.equal(status, 201);
      assert.equal(await verified(app, directory.id, 'some-other-token'), 401);
      const text = textOf((await diagnosed(directory)).findings[0]);
      assert.match(text, /Generate a new token on the directory's page\. In Okta, .* paste the new token into/);
      assert.doesNotMatch(text, /unless|created|\?\?\?\?/);
    }
  });

  it('as healed_but_missed with a look before any retry, where nothing but reads was refused', async () => {
    for (const provider of ['okta', 'generic']) {
      const { send, token, diagnosis } = await makeWorld(app, { provider });
      await send(`Bearer ${token}`);
      await flush(app);
      for (let times = 0; times < 3; times++) await send('Bearer Bearer other');
      await flush(app);
      await send(`Bearer ${token}`);
      const healed = (await diagnosis()).findings.find(({ code }: Answer) => code === 'healed_but_missed');
      assert.match(
        textOf(healed),
        /^Provisioning works again\. Around \w+day, .*, we refused 3 requests: 3 reads\. No change was among them\./,
      );
      assert.match(healed.words.steps[1], /^If there is nothing, nothing is missing: choose “Nothing to retry”\.$/);
      assert.doesNotMatch(textOf(healed), /every entry|full synchronization/);
    }
  });

  it('of a connection in the words of one: read-only, disabled, or with a new sender', async () => {
    const send = (directory: Answer, token: string, agent = OKTA_AGENT, method = 'GET') =>
      fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
        headers: { authorization: `Bearer ${token}`, 'user-agent': agent, 'x-original-method': method },
      });
    const directory = await app.api.makeDirectory();
    const client = await makeClient(app);
    const code = await obtainCode(app, client, directory, { query: { scope: 'scim.read' } });
    const reader = (await exchange(app, client, code)).body.access_token;
    await send(directory, reader);
    await send(directory, reader, OKTA_AGENT, 'POST');
    const [readOnly] = (await diagnosed(directory)).findings;
    assert.equal(readOnly.code, 'insufficient_scope');
    assert.match(
      textOf(readOnly),
      /Look for scim\.read in .* and the other fields, and change it to scim\..* Allow the connection/,
    );
    assert.doesNotMatch(textOf(readOnly), /Generate|token may/);

    const known = await makeConnection(app);
    let accessToken = known.accessToken;
    for (let day = 0; day < 20; day++) {
      await send(known.directory, accessToken);
      await flush(app);
      app.clock.advance(DAY);
      accessToken = (await refresh(app, known.client, known.refreshToken)).body.access_token;
    }
    await send(known.directory, accessToken, 'python-requests/2.31');
    await send(known.directory, accessToken);
    const [two] = (await diagnosed(known.directory)).findings;
    assert.match(
      textOf(two),
      /^Two programs are using the same connection\..* Choose one to revoke .* connect again with/,
    );
    assert.doesNotMatch(textOf(two), /Generate|own token/);
    await app.api.post(`/credentials/${known.credentialId}/disable`);
    await send(known.directory, accessToken);
    const [disabled] = (await diagnosed(known.directory)).findings;
    assert.match(textOf(disabled), /Enable it on the directory's page\. The connection works again immediately/);
  });

  it('as insufficient_scope where a client asks for tokens that may only read, until it gets another one', async () => {
    const directory = await app.api.makeDirectory();
    const machine = { grantTypes: ['client_credentials'], redirectUris: undefined };
    const client = await makeClient(app, { directoryId: directory.id, ...machine });
    const tokenFor = async (scope: string) =>
      (await ask(app, client, { grant_type: 'client_credentials', scope })).body.access_token;
    const reader = await tokenFor('scim.read');
    const send = async (token: string) => {
      const headers = { authorization: `Bearer ${token}`, 'user-agent': OKTA_AGENT, 'x-original-method': 'POST' };
      const { status } = await fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers });
      app.clock.advance(1000);
      return status;
    };
    await verified(app, directory.id, reader);
    assert.equal(await send(reader), 403);
    const [found] = (await diagnosed(directory)).findings;
    assert.equal(found.code, 'insufficient_scope');
    assert.match(
      textOf(found),
      /because the access token is read-only\..* Look for scim\.read in .* change it to scim\./,
    );
    assert.doesNotMatch(textOf(found), /revoke|Allow the connection/);
    assert.equal(await send(await tokenFor('scim')), 200);
    assert.ok(!codesOf(await diagnosed(directory)).includes('insufficient_scope'));
  });

  it('with the step of connecting again, or of a new client, where a connection ends soon', async () => {
    const endsSoon = async (directoryId: string, set?: string) => {
      const { items } = (await app.api.get(`/directories/${directoryId}/credentials`)).body;
      if (set) await app.api.patch(`/credentials/${items[0].id}`, { expiresAt: set });
      const wanted = set ? 'credential_ends_soon' : 'refresh_policy_ends_soon';
      const { findings } = await diagnosed({ id: directoryId });
      return textOf(findings.find(({ code }: Answer) => code === wanted) ?? assert.fail(codesOf({ findings }).join()));
    };
    const end = () => new Date(app.clock.now().getTime() + 20 * DAY).toISOString();
    const person = await makeConnection(app);
    assert.match(await endsSoon(person.directory.id, end()), /and connect again with Save/);

    for (const fields of [{}, { maximumAgeDays: 20 }]) {
      const directory = await app.api.makeDirectory({ provider: 'entra' });
      const machine = { grantTypes: ['client_credentials'], redirectUris: undefined, provider: 'entra' };
      const client = await makeClient(app, { directoryId: directory.id, ...machine, ...fields });
      await ask(app, client, { grant_type: 'client_credentials' });
      const text = await endsSoon(directory.id, 'maximumAgeDays' in fields ? undefined : end());
      assert.match(text, /Create a new client on the directory's page/);
      assert.doesNotMatch(text, /Allow the connection|Generate/);
    }
  });

  it('as idp_backoff for an identity provider that pauses after refusals', async () => {
    const { send, token, diagnosis } = await makeWorld(app, { provider: 'entra' });
    await send(`Bearer ${token}`);
    await send(`Bearer ${token.slice(0, 20)}`);
    app.clock.advance(2 * HOUR);
    const found = await diagnosis();
    assert.deepEqual(codesOf(found), ['token_truncated', 'idp_backoff', 'no_owner']);
    assert.match(textOf(found.findings[1]), /Restart provisioning/);
    assert.match(textOf(found.findings[1]), /will try again/);
    assert.match(textOf(found.findings[1]), /Once requests are no longer refused/);
  });

  it('as no pause of one that goes on trying once an hour', async () => {
    const { send, token, diagnosis } = await makeWorld(app, { provider: 'entra' });
    await send(`Bearer ${token}`);
    for (let tries = 0; tries < 4; tries++) {
      await send(`Bearer ${token.slice(0, 20)}`);
      app.clock.advance(HOUR);
    }
    assert.ok(!codesOf(await diagnosis()).includes('idp_backoff'));
    app.clock.advance(2 * HOUR);
    assert.ok(codesOf(await diagnosis()).includes('idp_backoff'));
  });

  it('as quiet_for_longer_than_ever after the preset, and not once that is expected', async () => {
    const { directory, send, token, diagnosis } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(8 * DAY);
    assert.deepEqual(codesOf(await diagnosis()), ['working_quiet']);
    app.clock.advance(14 * DAY);
    const found = await diagnosis();
    assert.deepEqual(codesOf(found), ['quiet_for_longer_than_ever']);
    assert.match(textOf(found.findings[0]), /Nothing was refused/);
    await app.api.post(`/directories/${directory.id}/quiet`, { muteDays: 30 });
    assert.deepEqual(codesOf(await diagnosis()), ['working_quiet']);
  });

  it('as new_source, or two_sources_one_token while the known one goes on', async () => {
    const { send, token, diagnosis } = await makeWorld(app);
    for (let day = 0; day < 20; day++) {
      await send(`Bearer ${token}`);
      await flush(app);
      app.clock.advance(DAY);
    }
    await send(`Bearer ${token}`, { agent: 'python-requests/2.31' });
    await send(`Bearer ${token}`);
    const found = await diagnosis();
    assert.deepEqual(codesOf(found), ['two_sources_one_token', 'working']);
    assert.match(textOf(found.findings[0]), /python-requests from 127\.0\.0\.0\/24/);
    app.clock.advance(4 * DAY);
    await send(`Bearer ${token}`, { agent: 'go-http-client/2.0' });
    assert.ok(codesOf(await diagnosis()).includes('new_source'));
  });

  it('as working for 30 simulated days of every identity provider in health, and nothing else', async () => {
    const worlds = await Promise.all(IDENTITY_PROVIDER_IDS.map((provider) => makeWorld(app, { provider })));
    for (const { send, token } of worlds) await send(`Bearer ${token}`);
    for (let day = 0; day < 30; day++) {
      app.clock.advance(DAY - worlds.length * 1000);
      for (const [index, { directory, send, token }] of worlds.entries()) {
        // Each has its own pace: daily to every ninth day; whoever polls comes daily.
        const { kind } = IDENTITY_PROVIDERS[directory.provider as IdentityProviderId].rhythm;
        if (kind === 'polls' || day % (1 + index) === 0) await send(`Bearer ${token}`);
        else app.clock.advance(1000);
      }
      await flush(app);
      if (day % 5 !== 0) continue;
      for (const { directory, diagnosis } of worlds) {
        const codes = codesOf(await diagnosis());
        assert.ok(
          codes.every((code) => code === 'working' || code === 'working_quiet'),
          `${directory.provider}, day ${day}: ${codes.join()}`,
        );
      }
    }
  });
});

/** Facts that no simulator makes in a short time: built by hand, and diagnosed by the same function. */
describe('facts are explained', () => {
  const at = new Date('2026-11-18T12:00:00.000Z');
  const ago = (ms: number) => new Date(at.getTime() - ms);
  const base: Facts = {
    at,
    directory: {
      id: 'dir_1',
      organizationId: 'org_1',
      name: 'Okta production',
      provider: 'okta',
      endpointUrl: 'https://scim.example.com/scim/v2/key',
      isDisabled: false,
      createdAt: ago(90 * DAY),
    },
    credentials: [
      {
        id: 'cred_1',
        kind: 'bearer',
        slot: 'a',
        state: 'active',
        hint: 'LDy1',
        scopes: ['scim'],
        createdAt: ago(80 * DAY),
        isClientGone: false,
        endsByPolicy: false,
        lastUsedAt: ago(HOUR),
      },
    ],
    clients: [],
    refusals: [],
    outcomes: [],
    sees: 'gateway',
    sources: [],
    accepted: { at: ago(HOUR), credentialId: 'cred_1' },
  };
  const spoken = {
    name: 'Okta production',
    provider: 'okta' as const,
    endpointUrl: base.directory.endpointUrl,
    tokenUrl: 'https://scim.example.com/oauth/token',
    authorizationUrl: 'https://scim.example.com/oauth/authorize',
  };
  const codes = (facts: Partial<Facts>) => diagnose({ ...base, ...facts }).findings.map(({ code }) => code);

  it('as fleet_quiet where many are quiet at once, in place of each alone', () => {
    const silence = {
      since: ago(9 * DAY),
      firstAt: ago(40 * DAY),
      longestMs: DAY,
      limitMs: 2 * DAY,
      basis: 'own' as const,
      isAlarm: true,
    };
    assert.deepEqual(codes({ silence }), ['quiet_for_longer_than_ever']);
    assert.deepEqual(codes({ silence: { ...silence, isFleet: true } }), ['fleet_quiet']);
  });

  it('as client_secret_ends_soon where no other secret lasts longer', () => {
    const soon = { hint: 'abcd', expiresAt: new Date(at.getTime() + 10 * DAY) };
    const client = { id: 'client_1', name: 'Entra', createdAt: ago(DAY), secrets: [soon] };
    assert.deepEqual(codes({ clients: [client] }), ['client_secret_ends_soon', 'working']);
    assert.deepEqual(codes({ clients: [{ ...client, secrets: [soon, { hint: 'efgh' }] }] }), ['working']);
  });

  it('as old_one_still_used once the new token is used as well, for long', () => {
    const [credential] = base.credentials;
    assert.ok(credential);
    const rotation = { since: ago(10 * DAY), isOverdue: true, successorUsed: true };
    assert.deepEqual(codes({ credentials: [{ ...credential, rotation }] }), ['old_one_still_used', 'working']);
  });

  it('by each refusal that needs a client nobody knows, another instance, or half a minute', () => {
    for (const code of [
      'client_unknown',
      'client_method_wrong',
      'jwks_unreachable',
      'refresh_token_reused',
      'upstream_slow',
    ] as const) {
      const refusal = {
        code,
        firstAt: ago(1000),
        lastAt: ago(500),
        count: 2,
        evidence: [{ id: 'evt_1', firstAt: ago(1000), lastAt: ago(500) }],
        clientId: 'client_1',
      };
      const [lead] = diagnose({ ...base, refusals: [refusal] }).findings;
      assert.deepEqual([lead?.code, lead?.evidence], [code, ['evt_1']]);
    }
  });

  it('as rate_limited beside its cause, and as no_owner where nobody can be told', () => {
    const refusal = { code: 'token_missing' as const, firstAt: ago(1000), lastAt: ago(500), count: 200, evidence: [] };
    const { accepted: _accepted, ...never } = base;
    const facts = { ...never, refusals: [{ ...refusal, isLimited: true }], hasContact: false };
    const { findings } = diagnose(facts);
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['token_missing', 'no_owner', 'rate_limited'],
    );
  });

  it('as weak_or_imported a month after the import of the token in use', () => {
    const [credential] = base.credentials;
    assert.ok(credential);
    const credentials = [{ ...credential, importedAt: ago(31 * DAY) }];
    assert.deepEqual(codes({ credentials }), ['weak_or_imported', 'working']);
    assert.deepEqual(codes({ credentials: [{ ...credential, importedAt: ago(DAY) }] }), ['working']);
  });

  it('in the same way twice, in the same order', () => {
    assert.deepEqual(diagnose(base), diagnose(base));
  });

  it('with words for every identity provider, reader and finding', async () => {
    const { CODES } = await import('../../src/diagnosis/index.ts');
    for (const [code, { severity, actor }] of Object.entries(CODES)) {
      for (const provider of IDENTITY_PROVIDER_IDS) {
        for (const audience of ['operator', 'it_contact'] as const) {
          const finding = {
            code,
            severity,
            actor,
            since: at.toISOString(),
            facts: {
              count: 3,
              firstAt: ago(HOUR).toISOString(),
              lastAt: at.toISOString(),
              by: 'Dana Ruiz',
              byType: 'operator',
            },
            evidence: [],
            certainty: 'known',
          } as Finding;
          const {
            lead,
            rest,
            detail = [],
            steps,
            unseen,
          } = wordsOf(finding, { ...spoken, provider }, { audience, vendor: 'Acme' });
          const all = [lead, plain(rest), plain(detail), ...steps.map(plain), unseen ?? ''];
          for (const text of all) {
            assert.doesNotMatch(text, /undefined|null|\[object|NaN|Invalid/, `${code} ${provider}: ${text}`);
            assert.doesNotMatch(text, /!|\bplease\b|\bsuccessfully\b|\bmend\b/i, `${code}: ${text}`);
          }
          assert.match(lead, /^[A-Zaa-z].*\.$/, code);
          // An IT contact learns no name of the vendor's staff.
          if (audience === 'it_contact') assert.ok(!all.join(' ').includes('Dana Ruiz'), `${code}: ${all.join(' ')}`);
        }
      }
    }
  });
});
