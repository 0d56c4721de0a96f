/** A scenario for each finding of the authorization and token endpoints. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Finding, wordsOf } from '../../src/diagnosis/index.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { flush, makeWorld, textOf } from '../support/diagnosed.ts';
import { ask, eventsOf, makeClient, makeConnection, refresh, verified } from '../support/oauth-client.ts';
import { CREDENTIALS, makeOauthWorld, makeRevokedWorld, OAUTH_SCENARIOS } from '../support/oauth-scenarios.ts';

describe('a refusal at the OAuth endpoints is explained', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000', LATCHKEY_FAILURES_PER_DIRECTORY: '100000' } });

  async function findingsOf(directory: Answer): Promise<Answer[]> {
    await flush(app);
    return (await app.api.get(`/directories/${directory.id}/diagnosis`)).body.findings;
  }

  for (const [name, { client, drive, says, actor = 'it_contact' }] of Object.entries(OAUTH_SCENARIOS)) {
    it(`as ${name}`, async () => {
      const world = await makeOauthWorld(app, client);
      await drive(world);
      const findings = await findingsOf(world.directory);
      const [lead] = findings;
      assert.equal(lead.code, name.split(':')[0], JSON.stringify(findings.map(({ code, facts }) => [code, facts])));
      assert.equal(lead.actor, actor);
      assert.equal(lead.severity, 'failing');
      for (const pattern of says) assert.match(textOf(lead), pattern);
      assert.ok(lead.words.steps.length > 0 && lead.evidence.length > 0);
      assert.doesNotMatch(textOf(lead), /undefined|\[object|scimcs_[0-9A-Za-z]{10}|Compare client id, secret/);
      assert.ok(!findings.some(({ severity }) => severity === 'fine'), 'a contradiction');
    });
  }

  it('as client_secret_expired', async () => {
    const end = new Date(app.clock.now().getTime() + 400 * DAY).toISOString();
    const { directory, client, request } = await makeOauthWorld(app, { secretExpiresAt: end });
    const { body } = await app.api.get(`/clients/${client.id}`);
    const [secret] = body.secrets ?? [];
    if (!secret?.expiresAt) return;
    app.clock.advance(Date.parse(secret.expiresAt) - app.clock.now().getTime() - 20 * DAY);
    await request(CREDENTIALS);
    const soon = await findingsOf(directory);
    assert.ok(
      soon.some(({ code }) => code === 'client_secret_ends_soon'),
      JSON.stringify(soon.map(({ code }) => code)),
    );
    app.clock.advance(21 * DAY);
    await request(CREDENTIALS);
    const [lead] = await findingsOf(directory);
    assert.equal(lead.code, 'client_secret_expired');
    assert.match(textOf(lead), /client secret expired/);
    assert.match(textOf(lead), /Add a client secret on the directory's page\. Client secrets are created here/);
    const { body: added } = await app.api.post(`/clients/${client.id}/secrets`);
    const hint = String(added.clientSecret).slice(-4);
    const [after] = await findingsOf(directory);
    assert.equal(after.code, 'client_secret_expired');
    assert.match(textOf(after), new RegExp(`unless .* saved the one that ends in …${hint}, created `));
  });

  it('without a word of a token that lies there unused, where a connection fails', async () => {
    const { directory, request } = await makeOauthWorld(app);
    await app.api.issue(directory.id);
    await request(CREDENTIALS, 'wrong');
    const [lead] = await findingsOf(directory);
    assert.equal(lead.code, 'client_secret_wrong');
    assert.doesNotMatch(textOf(lead), /has never been used|is valid/);
  });

  it('as client_deleted for the customer to fix where the directory has a newer client', async () => {
    const { directory, client } = await makeOauthWorld(app);
    const fields = { name: 'Newer', provider: 'entra', directoryId: directory.id, grantTypes: ['client_credentials'] };
    assert.equal((await app.api.post('/clients', fields)).status, 201);
    await app.api.delete(`/clients/${client.id}`);
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: client.id,
      redirect_uri: client.redirectUri,
    });
    assert.equal((await fetch(`${app.url}/oauth/authorize?${query}`, { redirect: 'manual' })).status, 400);
    const [lead] = await findingsOf(directory);
    assert.deepEqual([lead.code, lead.actor], ['client_deleted', 'it_contact']);
    assert.match(textOf(lead), /It has a newer client/);
  });

  it('as of nobody where a client ID is nearly none that we know', async () => {
    const worlds = await Promise.all([makeOauthWorld(app), makeOauthWorld(app)]);
    const [one, other] = worlds.map(({ client }) => client.id);
    for (const id of [`${one?.slice(0, 12)}${other?.slice(-12)}`, `client_${'0'.repeat(20)}`, 'client_short'])
      await ask(app, { id, secret: 'x' }, CREDENTIALS);
    for (const { directory } of worlds)
      assert.ok(!(await findingsOf(directory)).some(({ code }: Answer) => code === 'client_unknown'));
    const { items } = (await app.api.get('/unplaced-refusals')).body;
    assert.ok(items.some(({ code }: Answer) => code === 'client_unknown'));
  });

  it('as none of theirs where a stranger sends nearly the client ID of one that works', async () => {
    const { directory, client } = await makeOauthWorld(app);
    const { access_token: token } = (await ask(app, client, CREDENTIALS)).body;
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers })).status, 200);
    app.clock.advance(MINUTE);
    const near = { ...client, id: `${client.id}x` };
    await ask(app, near, CREDENTIALS, { headers: { 'user-agent': 'curl/8.0' } });
    assert.deepEqual(
      (await findingsOf(directory)).map(({ code }: Answer) => code),
      ['working'],
    );
  });

  it('as failing once the connection is revoked, since its access tokens are refused too', async () => {
    const { directory } = await makeRevokedWorld(app);
    const [lead] = await findingsOf(directory);
    assert.deepEqual([lead.code, lead.severity], ['connection_ended', 'failing']);
    assert.match(textOf(lead), /Requests from .* are being refused\..*Nothing has been accepted since then\./s);
    assert.doesNotMatch(textOf(lead), /current access token/);
  });

  it('as degraded while the access token from before is still accepted', async () => {
    const { directory, connect, client } = await makeOauthWorld(app);
    await connect();
    const { access_token: token } = (await ask(app, client, CREDENTIALS)).body;
    const send = () =>
      fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await send()).status, 200);
    app.clock.advance(MINUTE);
    await ask(app, { ...client, secret: 'wrong' }, CREDENTIALS);
    app.clock.advance(MINUTE);
    assert.equal((await send()).status, 200);
    const [lead] = await findingsOf(directory);
    assert.deepEqual([lead.code, lead.severity], ['client_secret_wrong', 'degraded']);
    assert.match(textOf(lead), /\. Other requests will stop when the current access token expires/);
    app.clock.advance(MINUTE);
    await ask(app, client, CREDENTIALS);
    const after = await findingsOf(directory);
    assert.ok(!after.some(({ code }) => code === 'client_secret_wrong'));
  });

  it('as one finding since it began where two installations share a connection that goes on', async () => {
    const { directory, connect, client } = await makeOauthWorld(app, {
      rotateRefreshTokens: true,
      grantTypes: ['authorization_code', 'refresh_token'],
    });
    const first = await connect();
    let current = first;
    const goOn = async () => {
      current = (await refresh(app, client, current)).body.refresh_token;
      app.clock.advance(HOUR);
    };
    await goOn();
    await goOn();
    const began = app.clock.now().toISOString();
    for (let times = 0; times < 4; times++) {
      await refresh(app, client, first);
      await flush(app);
      app.clock.advance(MINUTE);
      await goOn();
      await goOn();
    }
    const shown = async () => {
      const { code, severity, since, facts } = (await findingsOf(directory))[0] ?? {};
      return [code, severity, since, facts.count];
    };
    assert.deepEqual(await shown(), ['refresh_token_superseded', 'degraded', began, 4]);
    assert.match(textOf((await findingsOf(directory))[0] ?? {}), /Two installations are probably sharing/);
    const told = (await app.api.get(`/events?directoryId=${directory.id}&type=finding.began&limit=50`)).body.items;
    const times = told.filter(({ data }: Answer) => data.code === 'refresh_token_superseded').length;
    assert.ok(times <= 2, `told ${times} times`);
    for (let hour = 0; hour < 12; hour++) await goOn();
    assert.ok(!(await findingsOf(directory)).some(({ code }) => code === 'refresh_token_superseded'));
  });

  it('as token_expired where an expired access token is sent on, with a connection that has not ended', async () => {
    const { directory, accessToken } = await makeConnection(app);
    await verified(app, directory.id, accessToken);
    app.clock.advance(7 * HOUR);
    assert.equal(await verified(app, directory.id, accessToken), 401);
    const [lead] = await findingsOf(directory);
    assert.deepEqual([lead.code, lead.actor], ['token_expired', 'it_contact']);
    assert.match(
      textOf(lead),
      /an access token that has expired.* connect again .*The connection itself has not ended/,
    );
    assert.doesNotMatch(textOf(lead), /new token on|connection “Provisioning” expired/);
    const [event] = await eventsOf(app, 'request.denied');
    assert.deepEqual([event.data.reason, event.data.subReason], ['expired', 'access_token_expired']);
  });

  it('as token_expired that waits for the next request, once the identity provider got a new access token', async () => {
    const { directory, client, accessToken, refreshToken } = await makeConnection(app);
    await verified(app, directory.id, accessToken);
    app.clock.advance(7 * HOUR);
    assert.equal(await verified(app, directory.id, accessToken), 401);
    app.clock.advance(MINUTE);
    const { body } = await refresh(app, client, refreshToken);
    const [waiting] = await findingsOf(directory);
    assert.deepEqual([waiting.code, waiting.severity], ['token_expired', 'degraded']);
    assert.match(textOf(waiting), /has a new access token, but hasn't used it yet.*Wait for the next request/);
    assert.doesNotMatch(textOf(waiting), /instead of asking|connect again|are being refused/);
    app.clock.advance(MINUTE);
    assert.equal(await verified(app, directory.id, accessToken), 401);
    assert.match(textOf((await findingsOf(directory))[0]), /It's sending an access token that has expired/);
    app.clock.advance(MINUTE);
    assert.equal(await verified(app, directory.id, body.access_token), 200);
    assert.ok(!(await findingsOf(directory)).some(({ code }) => code === 'token_expired'));
  });

  it('by what the token endpoint refuses, and not by the expired access token that is sent meanwhile', async () => {
    const { directory, client, accessToken, refreshToken } = await makeConnection(app);
    const wrong = () => refresh(app, { ...client, secret: 'wrong' }, refreshToken);
    app.clock.advance(5 * MINUTE);
    await wrong();
    app.clock.advance(45 * MINUTE);
    await verified(app, directory.id, accessToken);
    app.clock.advance(15 * MINUTE);
    await wrong();
    assert.equal(await verified(app, directory.id, accessToken), 401);
    const findings = await findingsOf(directory);
    assert.deepEqual(
      findings.map(({ code, severity }) => [code, severity]),
      [['client_secret_wrong', 'failing']],
    );
    assert.match(textOf(findings[0]), /Other requests were accepted until the access token expired\./);
  });

  it('as an old access token where an unknown one comes and a connection gets new ones', async () => {
    const { directory, accessToken } = await makeConnection(app);
    await verified(app, directory.id, accessToken);
    app.clock.advance(MINUTE);
    assert.equal(await verified(app, directory.id, `scimat_${'a'.repeat(43)}`), 401);
    const [lead] = await findingsOf(directory);
    assert.equal(lead?.code, 'token_unknown');
    const waits =
      /Wait until Okta asks for a new access token\. .* If it doesn't: In Okta, open .* check that Access token endpoint URI is set to the URL below\. .*Access token endpoint URI http.*\/oauth\/token/;
    assert.match(textOf(lead), /It's probably an old one\./);
    assert.match(textOf(lead), waits);
    assert.doesNotMatch(textOf(lead), /Authentication Mode/);

    const moved = await app.api.makeDirectory();
    const clientId = 'legacy-moved';
    const fields = { clientId, clientSecret: 'kT9-old+secret/of%elsewhere=43', name: 'Okta', provider: 'okta' };
    await app.api.post('/clients/import', { ...fields, directoryId: moved.id });
    const refreshToken = 'v1.refresh-token-of-the-old-system';
    const imported = await app.api.post(`/directories/${moved.id}/connections/import`, { clientId, refreshToken });
    assert.equal(imported.status, 201);
    const waiting = (await findingsOf(moved)).find((finding) => finding.code === 'waiting_for_first_request');
    assert.match(textOf(waiting ?? {}), /asks the token URL for a new access token.*\/oauth\/token, or an earlier URL/);
    assert.match(textOf(waiting ?? {}), /other requests arrive here if .*\/scim\/v2\//);
    const jwt = [{ alg: 'RS256' }, { iss: 'https://old.example' }].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    for (const [value, code] of [
      ['an-opaque-token-of-the-old-system', 'token_unknown'],
      [`${jwt.join('.')}.sig`, 'foreign_token'],
    ] as const) {
      await verified(app, moved.id, value);
      const found = (await findingsOf(moved)).find((finding) => finding.code === code);
      assert.match(textOf(found ?? {}), /probably an access token from the system before: those are not imported\./);
      assert.match(textOf(found ?? {}), waits);
    }
  });

  it('as connection_ended where an access token of a connection comes that has expired', async () => {
    const { directory, accessToken } = await makeConnection(app, { maximumAgeDays: 1 });
    await verified(app, directory.id, accessToken);
    app.clock.advance(DAY + HOUR);
    assert.equal(await verified(app, directory.id, accessToken), 401);
    const findings = await findingsOf(directory);
    assert.equal(findings[0]?.code, 'connection_ended');
    assert.match(textOf(findings[0]), /The connection expired on \w+day, .* connect again/);
    assert.ok(!findings.some(({ code }) => code === 'token_expired'));
  });

  it('with the step of connecting with OAuth where an unknown token comes and OAuth is how it connects', async () => {
    const byOauth =
      /Authentication Mode to OAuth 2\. Then .*Allow the connection on the page that opens\. To use a token/;
    const { directory, credentialId, accessToken } = await makeConnection(app);
    await verified(app, directory.id, accessToken);
    await app.api.post(`/credentials/${credentialId}/revoke`, { force: true });
    app.clock.advance(MINUTE);
    await verified(app, directory.id, 'a-token-of-another-system');
    const [ended] = await findingsOf(directory);
    assert.equal(ended?.code, 'token_unknown');
    assert.match(textOf(ended), byOauth);

    const fresh = await app.api.makeDirectory();
    await makeClient(app, { directoryId: fresh.id });
    await verified(app, fresh.id, 'a-token-of-another-system');
    assert.match(textOf((await findingsOf(fresh))[0] ?? {}), byOauth);

    const entra = await app.api.makeDirectory({ provider: 'entra' });
    const machine = { grantTypes: ['client_credentials'], redirectUris: undefined };
    await makeClient(app, { directoryId: entra.id, provider: 'entra', ...machine });
    await verified(app, entra.id, 'a-token-of-another-system');
    const [alone] = await findingsOf(entra);
    assert.match(textOf(alone), /Authentication Method to OAuth2 client credentials grant\./);
    assert.doesNotMatch(textOf(alone), /Allow the connection/);
  });

  it('with the step of a new client where an unknown token comes and the client can never connect again', async () => {
    const createsClient =
      /Create a new client on the directory's page\. .* Paste the new client ID into Client Identifier, and the new client secret into Client Secret\. Then select Test Connection → Save\. To use a token instead: Generate/;
    // As the setup makes it, which can connect in either way.
    const grantTypes = ['authorization_code', 'refresh_token', 'client_credentials'];
    for (const fields of [{ grantTypes }, { grantTypes: ['client_credentials'], redirectUris: undefined }]) {
      const entra = await app.api.makeDirectory({ provider: 'entra' });
      const client = await makeClient(app, { directoryId: entra.id, provider: 'entra', ...fields });
      const { access_token: token } = (await ask(app, client, CREDENTIALS)).body;
      assert.equal(await verified(app, entra.id, token), 200);
      const { items } = (await app.api.get(`/directories/${entra.id}/credentials`)).body;
      await app.api.post(`/credentials/${items[0].id}/revoke`, { force: true });
      app.clock.advance(MINUTE);
      assert.equal((await ask(app, client, CREDENTIALS)).body.error, 'invalid_grant');
      app.clock.advance(MINUTE);
      await verified(app, entra.id, 'a-token-of-another-system');
      const [lead] = await findingsOf(entra);
      assert.equal(lead?.code, 'token_unknown');
      assert.match(textOf(lead), createsClient);

      const { client: newer } = await makeClient(app, { directoryId: entra.id, provider: 'entra', ...fields });
      assert.doesNotMatch(textOf((await findingsOf(entra))[0] ?? {}), /new client/);
      await app.api.delete(`/clients/${newer.id}`);
      await app.api.delete(`/clients/${client.id}`);
      await verified(app, entra.id, 'a-token-of-another-system');
      const deleted = (await findingsOf(entra)).find(({ code }) => code === 'token_unknown');
      assert.match(textOf(deleted ?? {}), /Create a new client on the directory's page\. The client in Entra ID can't/);
    }
  });

  it('with where the values of a client belong, where one of them comes as the token', async () => {
    const entra = await app.api.makeDirectory({ provider: 'entra' });
    const machine = { grantTypes: ['client_credentials'], redirectUris: undefined };
    const client = await makeClient(app, { directoryId: entra.id, provider: 'entra', ...machine });
    const entersBoth = new RegExp(
      `set Authentication Method to OAuth2 client credentials grant\\. Paste the client ID below into Client Identifier, and the client secret into Client Secret\\. Then select Test Connection → Save\\. .* Client Identifier ${client.id}`,
    );
    await verified(app, entra.id, client.secret);
    assert.match(textOf((await findingsOf(entra))[0] ?? {}), entersBoth);
    await app.api.issue(entra.id);
    await verified(app, entra.id, client.secret);
    assert.match(textOf((await findingsOf(entra))[0] ?? {}), entersBoth);
    assert.equal(await verified(app, entra.id, (await ask(app, client, CREDENTIALS)).body.access_token), 200);
    app.clock.advance(MINUTE);
    await verified(app, entra.id, client.id);
    assert.match(textOf((await findingsOf(entra))[0] ?? {}), entersBoth);
  });

  it('with the step of generating a token where a static token comes that was cut off or has ended', async () => {
    const { directory, token, credential, send } = await makeWorld(app);
    await makeClient(app, { directoryId: directory.id });
    await send(`Bearer ${token}`);
    await send(`Bearer ${token.slice(0, 20)}`);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    assert.match(
      textOf((await findingsOf(directory))[0] ?? {}),
      /Generate a new token on the directory's page\. In Okta/,
    );
    await send(`Bearer ${token}`);
    assert.match(
      textOf((await findingsOf(directory))[0] ?? {}),
      /Generate a new token on the directory's page\. In Okta/,
    );
  });

  it('as none of theirs where a stranger sent a wrong secret and the identity provider works', async () => {
    const { directory, request, client } = await makeOauthWorld(app);
    const { access_token: token } = (await ask(app, client, CREDENTIALS)).body;
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers })).status, 200);
    app.clock.advance(MINUTE);
    const guess = { ...client, secret: 'guess' };
    await ask(app, guess, CREDENTIALS, { headers: { 'user-agent': 'curl/8.0' } });
    await flush(app);
    const { findings, strangers } = (await app.api.get(`/directories/${directory.id}/diagnosis`)).body;
    assert.deepEqual(
      [findings.map(({ code }: Answer) => code), strangers.map(({ code }: Answer) => code)],
      [['working'], ['client_secret_wrong']],
    );
    app.clock.advance(MINUTE);
    await request(CREDENTIALS, 'wrong');
    assert.equal((await findingsOf(directory))[0]?.code, 'client_secret_wrong');
  });

  it('as probably theirs where it goes on from another place and nothing else comes', async () => {
    const { directory, client } = await makeOauthWorld(app);
    await ask(app, client, CREDENTIALS);
    const moved = { headers: { 'user-agent': 'another/1.0' } };
    for (let hour = 0; hour < 4; hour++) {
      app.clock.advance(HOUR);
      await ask(app, { ...client, secret: 'wrong' }, CREDENTIALS, moved);
    }
    const [lead] = await findingsOf(directory);
    assert.deepEqual([lead?.code, lead?.certainty], ['client_secret_wrong', 'likely']);
  });

  it('as consent_refused where somebody chose Cancel', async () => {
    const { directory, client } = await makeOauthWorld(app);
    await app.api.get(`/clients/${client.id}`);
    const { createItContact, makeLink } = await import('../support/it-contact.ts');
    const contact = createItContact(app.url);
    await contact.enter((await makeLink(app.api, directory.organizationId)).url);
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: client.id,
      redirect_uri: client.redirectUri,
    });
    const page = await contact.reachConsent(`${app.url}/oauth/authorize?${query}`);
    await contact.decide(page, { decision: 'cancel' });
    const [lead] = await findingsOf(directory);
    assert.deepEqual([lead?.code, lead?.severity], ['consent_refused', 'notice']);
    assert.match(textOf(lead ?? {}), /Someone chose Cancel when .* asked to connect/);
  });

  it('as redirect_uri_unknown, until a later request reaches the consent page', async () => {
    const directory = await app.api.makeDirectory({ provider: 'okta' });
    const { client } = (await app.api.post('/clients', { name: 'Okta', provider: 'okta', directoryId: directory.id }))
      .body;
    const { redirectUris } = (await app.api.patch(`/clients/${client.id}`, { appName: 'acme_1' })).body;
    const { createItContact, makeLink } = await import('../support/it-contact.ts');
    const contact = createItContact(app.url);
    await contact.enter((await makeLink(app.api, directory.organizationId)).url);
    const addressOf = (redirectUri: string) =>
      `${app.url}/oauth/authorize?${new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: redirectUri })}`;
    const other = redirectUris[0].replace('acme_1', 'acme_2');
    await contact.browser.open(addressOf(other));
    const [lead] = await findingsOf(directory);
    assert.deepEqual([lead.code, lead.actor, lead.words.value.value], ['redirect_uri_unknown', 'it_contact', other]);
    const page = await contact.browser.open(`${app.url}/portal/directories/${directory.id}`);
    assert.match(page.html, /Correct the app name<\/a> with the button below/);
    assert.match(page.html, /class="btn primary" href="[^"]*setup\/oauth\?app-name#app-name">\s*Correct the app name/);
    app.clock.advance(MINUTE);
    await contact.reachConsent(addressOf(redirectUris[0]));
    assert.ok(!(await findingsOf(directory)).some(({ code }: Answer) => code === 'redirect_uri_unknown'));
  });

  it('as a notice with what to do where a browser comes with an unknown redirect URI while another connection works', async () => {
    const { directory, connect, client } = await makeOauthWorld(app);
    await connect();
    app.clock.advance(MINUTE);
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: client.id,
      redirect_uri: 'https://idp.example/x',
    });
    await fetch(`${app.url}/oauth/authorize?${query}`, { headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux)' } });
    await flush(app);
    const { findings, strangers } = (await app.api.get(`/directories/${directory.id}/diagnosis`)).body;
    assert.deepEqual(strangers, []);
    const found = findings.find(({ code }: Answer) => code === 'redirect_uri_unknown');
    assert.deepEqual([found?.severity, found?.certainty], ['notice', 'likely']);
    assert.match(textOf(found), /isn't registered.*start the connection again/s);
    assert.ok(!findings.some(({ severity }: Answer) => severity === 'failing'));
  });

  it('as ended by the vendor, with the way back first and no secret where none can be added', () => {
    const finding: Finding = {
      ...{ code: 'connection_ended', severity: 'failing', actor: 'it_contact', certainty: 'known', evidence: [] },
      since: '2026-11-01T10:00:00.000Z',
      facts: { at: '2026-11-01T10:00:00.000Z', by: 'Dana', byType: 'operator', clientId: 'c', clientName: 'Okta' },
    };
    const urls = { endpointUrl: 'https://x', tokenUrl: 'https://x', authorizationUrl: 'https://x' };
    const told = (facts: Finding['facts']) =>
      wordsOf(
        { ...finding, facts: { ...finding.facts, ...facts } },
        { name: 'Okta', provider: 'okta', ...urls },
        { audience: 'it_contact', vendor: 'Acme' },
      );
    const text = JSON.stringify(told({}));
    assert.match(text, /They gave no reason\. If you didn't expect it, ask them first\./);
    assert.match(text, /Use this browser: Okta brings you back here/);
    assert.match(text, /"steps":\[\["[^"{]*",\{"act":"compare-setup"/);
    assert.match(text, /add-client-secret/);
    const full = JSON.stringify(told({ areSecretsFull: true, reason: 'audit' }));
    assert.doesNotMatch(full, /add-client-secret|gave no reason/);
    assert.match(full, /remove one first/);
  });

  it('as client_deleted, and as access_token_last before the token ends', async () => {
    const { directory, connect, client } = await makeOauthWorld(app);
    await connect();
    app.clock.advance(MINUTE);
    const before = app.clock.now();
    app.clock.advance(MINUTE);
    await app.api.delete(`/clients/${client.id}`);
    const [lasting] = await findingsOf(directory);
    assert.equal(lasting.code, 'access_token_last');
    assert.equal(lasting.actor, 'vendor');
    app.clock.advance(7 * HOUR);
    const [gone] = await findingsOf(directory);
    assert.equal(gone.code, 'client_deleted');
    assert.match(textOf(gone), /was deleted/);
    const then = async (at: Date) =>
      (await app.api.get(`/directories/${directory.id}/diagnosis?at=${at.toISOString()}`)).body.findings[0].code;
    const later = app.clock.now();
    app.clock.advance(HOUR);
    assert.equal(await then(later), 'client_deleted');
    assert.notEqual(await then(before), 'client_deleted');
  });
});
