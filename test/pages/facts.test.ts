/** What stands on one page agrees: when it began, how often it failed, what worked, what was changed and by whom. */
import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { causeOf } from '../../src/gateway/outcome.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { HOUR, MINUTE } from '../support/clock.ts';
import { flush, makeWorld } from '../support/diagnosed.ts';
import { makeClient, refresh, verified } from '../support/oauth-client.ts';
import { CREDENTIALS, makeOauthWorld, makeRevokedWorld } from '../support/oauth-scenarios.ts';
import { signInOperator } from '../support/operator-browser.ts';
import { answer, ERROR, LIST } from '../support/upstream-scenarios.ts';

describe('the facts on one page agree', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000', LATCHKEY_FAILURES_PER_DIRECTORY: '100000' } });
  let server: Server;
  let behave: RequestListener = answer(200, LIST);
  let upstreamUrl: string;
  before(async () => {
    server = createServer((request, response) => behave(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    upstreamUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/scim`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const textOf = (html: string) =>
    html
      .replace(/<details>.*?<\/details>/g, ' ')
      .replace(/<[^>]+>/g, ' ')
      .replaceAll('&#39;', "'")
      .replace(/\s+/g, ' ');
  const look = async ({ id }: Answer) => {
    await flush(app);
    const { html } = await (await signInOperator(app)).open(`/directories/${id}`);
    return { html, page: textOf(html) };
  };
  const parted = (page: string) => {
    const [, known = ''] = page.split('How we know');
    return known.split('SCIM endpoint http')[0] ?? '';
  };
  async function enter({ id, organizationId }: Answer, contact?: string) {
    const { url } = (await app.api.post('/portal-links', { organizationId, contact })).body;
    const browser = createBrowserSession(app.url);
    await browser.submit(await browser.open(url), {});
    return { browser, open: async () => textOf((await browser.open(`${app.url}/portal/directories/${id}`)).html) };
  }

  it('where the SCIM server fails at some requests: how to tell who answered, what is missing, and what comes again', async () => {
    const world = await makeWorld(app, { upstreamUrl, provider: 'sailpoint' });
    const send = async (method: string) => {
      await fetch(`${world.directory.endpointUrl}/Users`, {
        method,
        headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/scim+json' },
        ...(method === 'POST' && { body: '{}' }),
      }).then((response) => response.arrayBuffer());
      app.clock.advance(1000);
      await flush(app);
    };
    for (const method of ['GET', 'POST', 'GET', 'POST', 'GET']) {
      behave = method === 'GET' ? answer(200, LIST) : answer(503, '<html>503</html>', 'text/html');
      await send(method);
    }
    behave = answer(200, LIST);
    const { page } = await look(world.directory);
    assert.match(page, /Some requests are failing at the SCIM server/);
    assert.match(page, /If the request is there, fix the error .* If it isn't, it never reached the server/);
    assert.match(
      page,
      /Until this is fixed, the requests that fail change nothing\. Afterwards, .*open .*Account Aggregation in SailPoint, and select Start Aggregation \./,
    );
  });

  it('where the SCIM server was never reached: nothing is said to be passed on', async () => {
    const world = await makeWorld(app, { upstreamUrl: 'http://127.0.0.1:9/scim' });
    await fetch(`${world.directory.endpointUrl}/Users`, { headers: { authorization: `Bearer ${world.token}` } });
    await flush(app);
    const { page } = await look(world.directory);
    assert.match(page, /Accepting requests Last accepted/);
    assert.doesNotMatch(page, /Passing requests on/);
  });

  it('where the SCIM server fails: since when, how often, and what worked last', async () => {
    const world = await makeWorld(app, { upstreamUrl });
    const send = async () => {
      await fetch(`${world.directory.endpointUrl}/Users?count=1`, {
        headers: { authorization: `Bearer ${world.token}` },
      }).then((response) => response.arrayBuffer());
      app.clock.advance(HOUR);
      await flush(app);
    };
    await send();
    app.clock.advance(48 * HOUR);
    behave = answer(404, ERROR(404, 'x'));
    for (let hour = 0; hour < 3; hour++) await send();
    behave = answer(200, LIST);
    const { page, html } = await look(world.directory);
    assert.match(page, /Passing requests on Last passed on/);
    assert.match(page, /Last working response .{5,40} Last failure/);
    const known = parted(page);
    assert.match(known, /First of 3\. Failed: the SCIM server answered list requests with a 404/);
    assert.match(known, /Most recent of 3\. .*with a 404/);
    assert.match(known, /Last working response of the SCIM server/);
    assert.match(known, /Nothing was changed in this directory in the 24 hours before the first failure/);
    assert.doesNotMatch(known, /Last accepted request|gateway/);
    const began = (await app.api.get(`/directories/${world.directory.id}/diagnosis`)).body.findings[0].since;
    assert.match(html, new RegExp(`Since: \\w+ \\d+ \\w+ ${began.slice(11, 16)} UTC</small>`));
  });

  it('where a client secret has expired: on the card, beside the connection that lasts', async () => {
    const end = new Date(app.clock.now().getTime() + 400 * 24 * HOUR).toISOString();
    const { directory, request, connect } = await makeOauthWorld(app, { secretExpiresAt: end });
    await connect();
    app.clock.advance(Date.parse(end) - app.clock.now().getTime() + HOUR);
    await request(CREDENTIALS);
    app.clock.advance(MINUTE);
    await request(CREDENTIALS);
    const { page } = await look(directory);
    assert.match(page, /Client secret Expired 1 hour ago Connection ends Never/);
    assert.match(page, /0 accepted in the last 14 days\. 2 token requests refused\./);
    assert.match(parted(page), /The client secret expired/);
    assert.doesNotMatch(page, /0 refused in the last 14 days/);
  });

  it('where a colleague revoked the connection: revoked, by whom, and whose colleague that is', async () => {
    const { directory, client, connect } = await makeOauthWorld(app);
    const token = await connect();
    const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
    const jonas = await enter(directory, 'Jonas Weber');
    const address = `${app.url}/portal/credentials/${items[0].id}/revoke`;
    await jonas.browser.submit(await jonas.browser.open(address), { reason: 'Cleaning up' });
    app.clock.advance(MINUTE);
    await refresh(app, client, token);
    const { page } = await look(directory);
    assert.match(page, /Jonas Weber from the customer's IT revoked the connection/);
    assert.match(parted(page), /was revoked: Cleaning up Jonas Weber \(IT contact\)/);
    assert.match(parted(page), /refused: the connection was revoked/);
    assert.doesNotMatch(page, /revoked or has expired/);
    const helen = await enter(directory, 'Helen Brandt');
    const shown = await helen.open();
    assert.match(shown, /Jonas Weber from your organization revoked the connection/);
    assert.doesNotMatch(shown, /someone/);
  });

  it('where a member disabled the directory: that stands in the evidence', async () => {
    const world = await makeWorld(app);
    await world.send(`Bearer ${world.token}`);
    await flush(app);
    app.clock.advance(HOUR);
    await (await signInOperator(app)).send(`/directories/${world.directory.id}/disable`);
    app.clock.advance(HOUR);
    await world.send(`Bearer ${world.token}`);
    const known = parted((await look(world.directory)).page);
    assert.match(known, /disabled.{0,40} Dana Ruiz.*Refused: the directory is disabled/);
  });

  it('where an IT contact reads of refused requests: they are the identity provider’s, and nobody is unknown', async () => {
    const { directory, send, token } = await makeWorld(app, { provider: 'okta' });
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(HOUR);
    for (let times = 0; times < 2; times++) await send(`Bearer ${token.slice(0, 30)}`);
    await flush(app);
    assert.match((await look(directory)).page, /No one at the customer has opened a portal link/);
    const { open } = await enter(directory);
    const page = await open();
    assert.doesNotMatch(page, /someone|has opened a portal link|We don't (?:have a contact|know anyone)/);
    assert.match(page, /Refused: [^.]*incomplete[^.]* Okta, 127\.0\.0\.1/);
  });

  it('where TLS fails: which fault of its certificate it is, or that both sides do not agree', () => {
    const because = (code: string) => causeOf(Object.assign(new Error(code), { code }));
    assert.deepEqual(
      [
        'CERT_HAS_EXPIRED',
        'DEPTH_ZERO_SELF_SIGNED_CERT',
        'ERR_TLS_CERT_ALTNAME_INVALID',
        'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        'CERT_REVOKED',
        'EE_KEY_TOO_SMALL',
        'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
        'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
        'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
        'ERR_SSL_UNSUPPORTED_PROTOCOL',
        'EPROTO',
        'ERR_SSL_WRONG_VERSION_NUMBER',
      ].map(because),
      [
        ...['tls_expired', 'tls_untrusted', 'tls_name', 'tls_chain', 'tls', 'tls'],
        ...Array(5).fill('tls_handshake'),
        'wrong_protocol',
      ],
    );
  });

  it('on the home page: the longest first among those as bad, with since, count and who', async () => {
    const names = ['Later', 'Latest'];
    for (const name of names) {
      const { send, token } = await makeWorld(app, { name, provider: 'okta' });
      app.clock.advance(HOUR);
      for (let times = 0; times < 3; times++) await send(`Bearer ${token.slice(0, 30)}`);
      await flush(app);
    }
    const dana = await signInOperator(app);
    const { html } = await dana.open('/organizations');
    const box = textOf(/aria-label="Needs attention">(.*?)<\/section>/.exec(html)?.[1] ?? '');
    assert.match(box, /Show all, with notices/);
    const list = textOf((await dana.open('/findings')).html);
    assert.ok(list.indexOf('Later ,') < list.indexOf('Latest ,'), list);
    assert.match(list, /Latest ,.*3 requests since \d\d:\d\d UTC today ?\. The customer's IT contact can fix it/);
  });

  it('for the customer: an operator copies the steps in the words that the IT contact would read', async () => {
    const { directory, send, token } = await makeWorld(app, { name: 'Passed on' });
    await send(`Bearer ${token}`);
    await send(`Bearer ${token.slice(0, 30)}`);
    await flush(app);
    const dana = await signInOperator(app);
    const { html } = await dana.open(`/directories/${directory.id}`);
    const [, link = ''] = /href="\/dashboard([^"]*\/ticket\?customer)"/.exec(html) ?? assert.fail(html);
    const ticket = textOf((await dana.open(link)).html);
    assert.match(
      ticket,
      /For the customer's IT contact .*unless you saved the one .* which your software vendor created/,
    );
    assert.doesNotMatch(ticket.split('As JSON')[0] ?? '', /ask the customer|Dana Ruiz.*initial key/);
    assert.match(ticket, /Afterwards, open Dashboard → Tasks in Okta/);
  });

  it('where a connection was revoked: the SCIM endpoint refuses too, and is not told as never reached', async () => {
    const { directory } = await makeRevokedWorld(app);
    const { page } = await look(directory);
    const [, path = ''] = /Where it stops(.*?)What to do/.exec(page) ?? assert.fail(page);
    assert.match(path, /Token endpoint.*Refusing: connection ended.*SCIM endpoint.*Refusing requests.*SCIM server/);
  });

  it('where an unknown token leads: the token endpoint refuses too, and has no connection before that', async () => {
    const { directory } = await makeRevokedWorld(app);
    app.clock.advance(MINUTE);
    await verified(app, directory.id, 'a-token-of-another-system');
    const [, refusing = ''] = /Where it stops(.*?)What to do/.exec((await look(directory)).page) ?? [];
    assert.match(refusing, /Token endpoint.*Refusing: connection ended.*SCIM endpoint.*Refusing: unknown token/);

    const { directory: ended, connect, client } = await makeOauthWorld(app);
    await refresh(app, client, await connect());
    const { items } = (await app.api.get(`/directories/${ended.id}/credentials`)).body;
    await app.api.post(`/credentials/${items[0].id}/revoke`, { force: true });
    app.clock.advance(MINUTE);
    await verified(app, ended.id, 'a-token-of-another-system');
    const [, idle = ''] = /Where it stops(.*?)What to do/.exec((await look(ended)).page) ?? [];
    assert.match(idle, /Token endpoint.*No connection.*Last token.*SCIM endpoint/);

    const fresh = await app.api.makeDirectory();
    await verified(app, fresh.id, 'a-token-of-another-system');
    const [, empty = ''] = /Where it stops(.*?)What to do/.exec((await look(fresh)).page) ?? [];
    assert.match(empty, /Token endpoint.*No connection yet.*SCIM endpoint/);
    assert.doesNotMatch(empty, /uses a token instead/);
  });

  it('where nothing has happened yet: nothing is wrong, and whoever reads knows what comes next', async () => {
    const directory = await app.api.makeDirectory({ name: 'Fresh' });
    const { page } = await look(directory);
    assert.match(page, /Not connected yet\. Nothing is wrong/);
    assert.match(page, /Create a portal link ?, and send it to the customer's IT contact/);
    assert.doesNotMatch(page, /Send these steps|Where it stops/);
    const contact = await enter(directory);
    assert.match(await contact.open(), /Not connected yet\. Nothing is wrong.*Open the setup/);
    assert.match((await look(directory)).page, /Create a portal link ?, and send/);
    await app.api.issue(directory.id);
    assert.match((await look(directory)).html, /class="dot off" role="img" aria-label="Inactive"/);
    assert.match(
      (await look(directory)).page,
      /has not used the token .* That is normal until someone tests .*only once/,
    );
    assert.match(
      (await look(directory)).page,
      /Someone at the customer has opened a portal link, but we don't know who/,
    );
    const machine = await app.api.makeDirectory({ name: 'Machine', provider: 'entra' });
    await makeClient(app, { provider: 'entra', directoryId: machine.id, grantTypes: ['client_credentials'] });
    assert.doesNotMatch((await look(machine)).page, /Allow the connection|connect again/);
  });

  it('whoever reads: what they did themselves is told as theirs, and nobody is sent to ask themselves', async () => {
    const { directory, send, token } = await makeWorld(app, { name: 'Left' });
    await send(`Bearer ${token}`);
    const dana = await signInOperator(app);
    await dana.send(`/directories/${directory.id}/disable`, { reason: 'contract ended' });
    await send(`Bearer ${token}`);
    await flush(app);
    const [own, other] = await Promise.all(
      [dana, await signInOperator(app, 'admin')].map(async ({ open }) =>
        textOf((await open(`/directories/${directory.id}`)).html),
      ),
    );
    assert.match(
      own ?? '',
      /You disabled it .*You gave this reason: “contract ended”.*Decide whether it is meant to stay/,
    );
    assert.match(
      other ?? '',
      /Dana Ruiz disabled it .*They gave .*Find out from Dana Ruiz whether it is meant to stay/,
    );
    const ticket = textOf((await dana.open(`/directories/${directory.id}/ticket`)).html);
    assert.match(ticket, /Dana Ruiz disabled it .*Find out from Dana Ruiz whether/);
  });

  it('on the home page: what the reader can fix stands first, however much waits for others, and what is left out is counted', async () => {
    const mine = await makeWorld(app, { name: 'Half broken', upstreamUrl });
    behave = (request, response) =>
      (request.method === 'GET' ? answer(200, LIST) : answer(400, ERROR(400, 'No department')))(request, response);
    for (const method of ['GET', 'POST', 'GET'])
      await fetch(`${mine.directory.endpointUrl}/Users`, {
        method,
        headers: { authorization: `Bearer ${mine.token}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
        ...(method === 'POST' && { body: '{}' }),
      }).then((response) => response.arrayBuffer());
    behave = answer(200, LIST);
    for (let index = 0; index < 9; index++) {
      const { send, token } = await makeWorld(app, { name: `Theirs ${index}` });
      await send(`Bearer ${token.slice(0, 30)}`);
    }
    await flush(app);
    const dana = await signInOperator(app);
    const { html } = await dana.open('/organizations');
    const panel = /aria-label="Needs attention">(.*?)<\/section>/.exec(html)?.[1] ?? '';
    const box = textOf(panel);
    assert.match(
      box,
      /You can fix these.*Half broken ,.*rejecting some changes.*The customer's IT contact can fix these/,
    );
    const [, more, failing] = /(\d+) more : (\d+) failing/.exec(box) ?? [];
    assert.equal(more, failing);
    const rest = /href="([^"]*actor=it_contact&(?:amp;)?severity=failing)"/.exec(panel)?.[1] ?? assert.fail(box);
    const all = (await dana.open(rest.replace('/dashboard', '').replace('&amp;', '&'))).html;
    const rows = all.match(/The customer(?:'|&#39;)s IT contact can fix it\./g)?.length;
    assert.equal(rows, 6 + Number(failing));
    assert.doesNotMatch(textOf(all), /Half broken ,/);
  });
});
