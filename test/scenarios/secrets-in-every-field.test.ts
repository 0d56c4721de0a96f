/**
 * Every kind of secret that we mint, sent in every field of every endpoint: part of the path, query, header, half of Basic, JSON and form, as
 * the name of a field as well as its value. Then the store, the log, the metrics, what was answered, where browsers were sent, every page
 * that a viewer can open, and every email, webhook payload, chat message and report are searched for each of them.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { SignJWT } from 'jose';
import { type Answer, type Api, createApi } from '../support/api.ts';
import { type BrowserSession, createBrowserSession } from '../support/browser-session.ts';
import { engines, type Place } from '../support/engines.ts';
import { createFillings, formsOf, kindOf, linksOf, requestsWith } from '../support/every-field.ts';
import { welcomeItContact } from '../support/it-contact.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import { exchange, makeClient, obtainCode, REDIRECT_URI, refresh } from '../support/oauth-client.ts';
import { createOperatorBrowser } from '../support/operator-browser.ts';
import { type LatchkeyProcess, PROCESS_OWNER_KEY, startLatchkey } from '../support/process.ts';
import { type Captured, dump, spellingsOf } from '../support/stored-text.ts';
import { type Receiver, startReceiver } from '../support/webhook-receiver.ts';

const METRICS_TOKEN = 'metrics-token-of-this-scenario';
const AT_ONCE = 8;
const PAGES_OF_KIND = 3;
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
/** What the gateway answers is the SCIM server's own word. */
const UPSTREAM = /^\S+ \/scim\/v2\//;

for (const engine of engines) {
  describe(`secrets in every field, on ${engine.name}`, () => {
    let place: Place;
    let latchkey: LatchkeyProcess;
    let upstream: Server;
    let mailServer: MailServer;
    let receiver: Receiver;
    let api: Api;
    const answers: Captured[] = [];

    before(async () => {
      place = engine.place();
      upstream = createServer((request, response) => {
        const detail = `There is nothing at ${request.url}.`;
        request
          .resume()
          .on('end', () =>
            response.writeHead(400, { 'content-type': 'application/scim+json' }).end(JSON.stringify({ detail })),
          );
      }).listen(0, '127.0.0.1');
      await new Promise((resolve) => upstream.once('listening', resolve));
      mailServer = await startMailServer();
      receiver = await startReceiver();
      latchkey = await startLatchkey({
        databaseUrl: place.url,
        env: {
          ...mailServer.env,
          LATCHKEY_METRICS_TOKEN: METRICS_TOKEN,
          LATCHKEY_LOG_LEVEL: 'trace',
          LATCHKEY_LOG_VERIFICATIONS: '1',
          LATCHKEY_LEASE_MS: '20',
          LATCHKEY_FAILURES_PER_ADDRESS: '1000000',
          LATCHKEY_FAILURES_PER_DIRECTORY: '1000000',
          LATCHKEY_TRUSTED_PROXIES: '127.0.0.1',
        },
      });
      api = createApi(latchkey.url, PROCESS_OWNER_KEY);
    });
    after(async () => {
      await latchkey.end('SIGKILL');
      upstream.closeAllConnections();
      upstream.close();
      await mailServer.close();
      await receiver.close();
      await place.remove();
    });

    /** Sends a request as it is, and keeps what came back. */
    async function call(
      method: string,
      path: string,
      headers: Record<string, string> = {},
      body?: string,
    ): Promise<void> {
      const response = await fetch(latchkey.url + path, {
        method,
        headers,
        redirect: 'manual',
        ...(body !== undefined && { body }),
      });
      const text = await response.text();
      const shown = [...response.headers].filter(([name]) => name !== 'location' || !isOfClient(response));
      answers.push({
        call: `${method} ${path} ${body ?? ''}`.slice(0, 3000),
        text: `${response.status} ${JSON.stringify(shown)} ${text}`,
      });
      assert.ok(
        response.status < 500 || UPSTREAM.test(`${method} ${path}`) || response.status === 503,
        `${method} ${path}: ${response.status} ${text}`,
      );
    }

    /** Where the client's own redirect URI gets its own state back, as RFC 6749 has it. */
    const isOfClient = ({ headers }: Response) => headers.get('location')?.startsWith(`${REDIRECT_URI}?`) === true;

    it('are in no answer, no redirect, no event, no log, no metric, no page and no file', {
      timeout: 280_000,
    }, async () => {
      const { secrets, ids, owner, contact, viewer } = await mintAll();
      const document = (await api.get('/../openapi.json')).body;
      const kinds = [...secrets.values()];
      const idAt = (path: string) =>
        ids[Object.keys(ids).find((part) => path.startsWith(`/api/v1${part}`)) ?? ''] ?? 'none';
      const operations = requestsWith(kinds, document, idAt).map(({ method, path, body }) => () => {
        const key = { authorization: `Bearer ${PROCESS_OWNER_KEY}` };
        return body === undefined
          ? call(method, path, key)
          : call(method, path, { ...key, 'content-type': 'application/json' }, JSON.stringify(body));
      });
      const others = [...kinds, kinds.join('~')].map((secret) =>
        protocolWork(secret, ids['key'] ?? '', ids['directory'] ?? '', ids['client'] ?? ''),
      );
      const [first = []] = others;
      const work = [
        ...operations,
        ...first.flatMap((_, index) => others[index % kinds.length]?.[index] ?? []),
        ...(others.at(-1) ?? []),
      ];
      await inTurns(work);
      const pages: Captured[] = [];
      for (let after = '', more = true; more; ) {
        const { status, body } = await api.get(`/events?limit=200${after}`);
        assert.equal(status, 200);
        pages.push({ call: 'GET /api/v1/events', text: JSON.stringify(body) });
        more = body.nextCursor !== null;
        after = `&after=${encodeURIComponent(body.nextCursor)}`;
      }
      // The dashboard's forms end what the portal shows, so they come last.
      await fillForms(contact, '/portal', kinds);
      pages.push(...(await crawl(contact, '/portal')));
      pages.push(...(await crawl(viewer, '/dashboard')));
      await fillForms(owner, '/dashboard', kinds);
      pages.push(...(await crawl(viewer, '/dashboard')));
      pages.push(...(await readReports(owner)));
      const metrics = await fetch(`${latchkey.url}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
      pages.push({ call: 'GET /metrics', text: await metrics.text() });
      assert.equal(await latchkey.end(), 0);
      const everywhere = [
        ...answers,
        ...pages,
        ...(await dump(place.url)),
        ...toldOf(),
        { call: 'the log', text: latchkey.output() },
      ];
      assert.ok(answers.length > 2000, `${answers.length} answers`);
      assert.ok(pages.length > 20, `${pages.length} pages`);

      const found = new Set<string>();
      for (const [kind, secret] of secrets) {
        const spellings = spellingsOf(secret);
        for (const { call: where, text } of everywhere)
          if (spellings.some((spelling) => text.includes(spelling)))
            found.add(
              `${kind} in ${where
                .replaceAll(secret, '{secret}')
                .replace(/(?:~[\w.-]+){3,}/g, '~...')
                .slice(0, 600)}`,
            );
      }
      assert.deepEqual([...found].sort(), []);
    });

    async function mintAll() {
      const { port } = upstream.address() as AddressInfo;
      const target = { url: latchkey.url, api };
      const directory = await api.makeDirectory({ upstreamUrl: `http://127.0.0.1:${port}/scim` });
      const other = await api.makeDirectory({ organizationId: directory.organizationId });
      const { token, credential } = await api.issue(other.id);
      const client = await makeClient(target, { grantTypes: ['authorization_code', 'refresh_token'] });
      const code = await obtainCode(target, client, directory);
      const connected = await exchange(target, client, code);
      assert.equal(connected.status, 200, JSON.stringify(connected.body));
      const refreshed = await refresh(target, client, connected.body.refresh_token);
      assert.equal(refreshed.status, 200);
      const unused = await obtainCode(target, client, await api.makeDirectory());
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }];
      const keyed = await makeClient(target, { tokenEndpointAuthMethod: 'private_key_jwt', jwks: { keys } });
      const now = Math.floor(Date.now() / 1000);
      const assertion = await new SignJWT({
        iss: keyed.id,
        sub: keyed.id,
        aud: latchkey.url,
        iat: now,
        exp: now + 300,
        jti: 'one',
      })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .sign(privateKey);
      const made = async (path: string, body: unknown): Promise<Answer> => {
        const reply = await api.post(path, body);
        assert.equal(reply.status, 201, JSON.stringify(reply.body));
        return reply.body;
      };
      const key = await made('/api-keys', { name: 'asks', role: 'introspect' });
      const link = await made('/portal-links', { organizationId: directory.organizationId });
      const hook = await made('/webhooks', { url: `http://127.0.0.1:${port}/hook`, events: ['dsync.*'] });
      await addContact(directory.organizationId, 'it@contoso.example');
      await addContact(null, 'vendor@acme.example');
      await made('/webhooks', { url: `${receiver.url}/hook`, events: [] });
      for (const kind of ['slack', 'teams'])
        await made('/webhooks', { url: `${receiver.url}/${kind}`, kind, events: ['dsync.*', 'campaign.*'] });
      await made('/campaigns', { name: 'Move', goal: 'oauth', filter: { organizationId: directory.organizationId } });
      const person = async (role: string) => {
        const { operator } = await made('/operators', { name: role, role });
        const browser = createOperatorBrowser(latchkey.url);
        const { url } = await made(`/operators/${operator.id}/sign-in-links`, undefined);
        const entered = await browser.browser.submit(await browser.browser.open(url), {});
        assert.equal(entered.status, 200, entered.html);
        return browser.browser;
      };
      const { operator: spare } = await made('/operators', { name: 'spare', role: 'viewer' });
      const signIn = await made(`/operators/${spare.id}/sign-in-links`, undefined);
      const lastOf = (url: string) => url.slice(url.lastIndexOf('/') + 1);
      const secrets = new Map<string, string>([
        ['static token', token],
        ['access token', connected.body.access_token],
        ['refresh token', connected.body.refresh_token],
        ['client secret', client.secret],
        ['API key', key.key],
        ['portal link', lastOf(link.url)],
        ['sign-in link', lastOf(signIn.url)],
        ['code', unused],
        ['used code', code],
        ['assertion', assertion],
        ['webhook secret', hook.secret],
      ]);
      const ids: Record<string, string> = {
        '/credentials': credential.id,
        '/organizations': directory.organizationId,
        '/directories': other.id,
        '/api-keys': key.apiKey.id,
        '/portal-links': link.portalLink.id,
        '/operators': spare.id,
        '/clients': keyed.id,
        '/webhooks': hook.webhook.id,
        key: directory.endpointKey,
        directory: directory.id,
        client: client.id,
      };
      return {
        secrets,
        ids,
        owner: await person('owner'),
        viewer: await person('viewer'),
        contact: (await welcomeItContact(latchkey.url, api, directory.organizationId)).browser,
      };
    }

    /** Reports as pages, files and answers of the API. */
    async function readReports(owner: BrowserSession): Promise<Captured[]> {
      const [from, to] = [new Date(Date.now() - 86_400_000).toISOString(), new Date().toISOString()];
      const day = from.slice(0, 10);
      const found: Captured[] = [];
      for (const path of [
        '/reports/credentials?states=all&limit=200',
        `/evidence?from=${from}&to=${to}`,
        '/campaigns',
      ]) {
        const { status, body } = await api.get(path);
        assert.equal(status, 200, path);
        found.push({ call: `GET /api/v1${path}`, text: JSON.stringify(body) });
      }
      const { items } = (await api.get('/campaigns')).body;
      assert.ok(items.length > 0);
      const period = `from=${day}&to=${day}`;
      for (const path of [
        '/reports',
        '/reports/credentials.csv?states=all',
        `/reports/evidence?${period}`,
        `/reports/evidence.csv?${period}`,
        `/reports/campaigns/${items[0].id}`,
      ]) {
        const { status, html } = await owner.open(`${latchkey.url}/dashboard${path}`);
        assert.equal(status, 200, path);
        found.push({ call: `GET /dashboard${path}`, text: html });
      }
      return found;
    }

    /** What left for people, their software and their channels. */
    function toldOf(): Captured[] {
      const { mails } = mailServer;
      const { received } = receiver;
      assert.ok(mails.length > 2, `${mails.length} emails`);
      for (const path of ['/hook', '/slack', '/teams'])
        assert.ok(
          received.some((request) => request.path === path),
          path,
        );
      return [
        ...mails.map(({ to, subject, text, html, attachments }) => ({
          call: `an email to ${to}`,
          text: `${subject}\n${text}\n${html}\n${attachments.map(({ content }) => String(content)).join('\n')}`,
        })),
        ...received.map(({ path, headers, body }) => ({
          call: `a message to ${path}`,
          text: `${JSON.stringify(headers)} ${body}`,
        })),
      ];
    }

    /** A contact who has confirmed, and hears of everything. */
    async function addContact(organizationId: string | null, email: string): Promise<void> {
      const { status } = await api.post('/contacts', { organizationId, name: 'Told', email });
      assert.equal(status, 201);
      const link = /http\S+\/portal\/contact\/\S+/.exec(
        mailServer.mails.findLast(({ to }) => to === email)?.text ?? '',
      );
      const browser = createBrowserSession(latchkey.url);
      await browser.submit(await browser.open(link?.[0] ?? ''), {});
    }

    /** Requests to the endpoints that are no operations of the API. */
    function protocolWork(
      secret: string,
      endpointKey: string,
      directoryId: string,
      clientId: string,
    ): (() => Promise<void>)[] {
      const work: (() => Promise<void>)[] = [];
      const send = (...request: Parameters<typeof call>) => work.push(() => call(...request));
      const basic = (user: string, password: string) => ({
        authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
      });
      const presenting = [
        { authorization: `Bearer ${secret}x` },
        { authorization: secret },
        { authorization: `Token ${secret}` },
        { authorization: `${secret} x` },
        basic(secret, 'x'),
        basic('x', secret),
        basic(secret, secret),
        basic(clientId, secret),
      ];
      const headers = [
        'user-agent',
        'referer',
        'x-request-id',
        'origin',
        'accept',
        'accept-language',
        'content-type',
        'idempotency-key',
        'x-forwarded-for',
        'x-forwarded-host',
        'x-forwarded-uri',
        'x-original-uri',
        'x-original-method',
        'x-http-method-override',
        'cookie',
        'dpop',
        secret.replace(/[^\w-]/g, ''),
      ];
      const scim = `/scim/v2/${endpointKey}`;
      const targets: [method: string, path: string][] = [
        ['GET', `${scim}/Users`],
        ['POST', `${scim}/Users`],
        ['GET', `/auth/verify?directory=${directoryId}`],
        ['POST', '/oauth/introspect'],
        ['POST', '/oauth/token'],
        ['POST', '/oauth/revoke'],
        ['GET', `/oauth/authorize?client_id=${clientId}&response_type=code`],
        ['GET', '/oauth/jwks'],
        ['GET', '/metrics'],
        ['GET', '/healthz'],
        ['GET', '/api/v1/organizations'],
        ['GET', '/dashboard'],
        ['GET', '/dashboard/sign-in'],
        ['GET', '/portal'],
        ['GET', '/nowhere'],
        ['GET', '/.well-known/oauth-authorization-server'],
      ];
      for (const [method, path] of targets) {
        for (const authorization of presenting) send(method, path, { ...FORM, ...authorization });
        for (const name of headers)
          send(
            method,
            path,
            name === 'cookie'
              ? { cookie: `latchkey_operator=${secret}; latchkey_portal=${secret}; ${secret.replace(/[^\w-]/g, '')}=1` }
              : { [name]: secret },
          );
        const mark = path.includes('?') ? '&' : '?';
        send(method, `${path}${mark}access_token=${secret}`);
        send(method, `${path}${mark}${secret}=1`);
        send(method, `${path}${mark}next=/${secret}`);
      }
      for (const path of [
        `/${secret}`,
        `/scim/v2/${secret}/Users`,
        `${scim}/${secret}`,
        `${scim}/Users/${secret}?filter=${secret}`,
        `/scim/${secret}`,
        `/auth/verify/${secret}`,
        `/auth/verify?directory=${secret}`,
        `/oauth/${secret}`,
        `/.well-known/${secret}`,
        `/.well-known/oauth-protected-resource/scim/v2/${secret}`,
        `/assets/${secret}`,
        `/dashboard/${secret}`,
        `/dashboard/enter/${secret}x`,
        `/dashboard/sign-in?next=/dashboard/${secret}`,
        `/portal/${secret}`,
        `/portal/enter/${secret}x`,
        `/api/${secret}`,
        `/api/v1/${secret}`,
      ])
        for (const method of ['GET', 'POST']) send(method, path);
      send('GET', `/scim/v2/${endpointKey}/Users/${secret}`, { authorization: `Bearer ${secret}` });
      send('GET', '/auth/verify', { 'x-original-uri': `${scim}/${secret}?a=${secret}`, 'x-original-method': secret });

      const fields = [
        'grant_type',
        'client_id',
        'client_secret',
        'code',
        'refresh_token',
        'redirect_uri',
        'code_verifier',
        'scope',
        'client_assertion',
        'client_assertion_type',
        'resource',
        'token',
        'token_type_hint',
        'response_type',
        'state',
        'nonce',
        'code_challenge',
        'code_challenge_method',
        'response_mode',
        'prompt',
        'login_hint',
        'request',
        'request_uri',
        'username',
        'password',
        secret,
      ];
      const whole = {
        grant_type: 'authorization_code',
        client_id: clientId,
        redirect_uri: REDIRECT_URI,
        code: 'none',
        refresh_token: 'none',
        response_type: 'code',
        token: 'none',
      };
      for (const field of fields) {
        const filled = new URLSearchParams({ ...whole, [field]: secret }).toString();
        const json = JSON.stringify({ ...whole, [field]: secret });
        for (const path of ['/oauth/token', '/oauth/revoke', '/oauth/introspect']) {
          send('POST', path, FORM, filled);
          send('POST', path, { ...FORM, ...basic(clientId, 'wrong') }, filled);
          send('POST', path, { 'content-type': 'application/json' }, json);
          send('POST', `${path}?${filled}`, FORM, '');
          send('GET', `${path}?${filled}`);
        }
        send('GET', `/oauth/authorize?${filled}`);
        send('POST', '/oauth/authorize', FORM, filled);
        for (const path of ['/dashboard/sign-in', '/portal/enter/none', '/dashboard/enter/none'])
          send(
            'POST',
            path,
            { ...FORM, 'sec-fetch-site': 'same-origin' },
            new URLSearchParams({ email: 'a@example.com', password: 'x', [field]: secret }).toString(),
          );
      }
      for (const field of ['email', 'password', 'code', 'next', 'token', 'formKey', secret])
        send(
          'POST',
          '/dashboard/sign-in',
          { ...FORM, 'sec-fetch-site': 'same-origin' },
          new URLSearchParams({ email: 'a@example.com', password: 'x', [field]: secret }).toString(),
        );
      return work;
    }

    async function inTurns(work: (() => Promise<void>)[]): Promise<void> {
      let next = 0;
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (let one = work[next++]; one; one = work[next++]) {
            await one();
          }
        }),
      );
    }

    /** Some pages of each kind that links lead to: filters and pages of a list make many of one. */
    async function crawl(browser: BrowserSession, home: string): Promise<Captured[]> {
      const seen = new Map<string, Captured>();
      const ofKind = new Map<string, number>();
      const waiting = [home];
      for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
        const kind = kindOf(path);
        const times = ofKind.get(kind) ?? 0;
        if (seen.has(path) || times >= PAGES_OF_KIND) continue;
        ofKind.set(kind, times + 1);
        const { html, status, url } = await browser.open(latchkey.url + path);
        assert.ok(status < 500, `${path}: ${status}`);
        seen.set(path, { call: path, text: `${url} ${html}` });
        waiting.push(...linksOf(html, home));
      }
      return [...seen.values()];
    }

    /** Every form of every page, with each secret in each of its fields. */
    async function fillForms(browser: BrowserSession, home: string, secrets: string[]): Promise<void> {
      const sent = new Set<string>();
      const fillings = createFillings(secrets);
      for (const { call: path, text } of await crawl(browser, home)) {
        const isSignedOut = (action: string) => /sign-out|leave|\/end$/.test(action);
        for (const { action, fields } of formsOf(text)) {
          const address = new URL(action, latchkey.url + path);
          if (sent.has(kindOf(address.pathname)) || isSignedOut(action)) continue;
          sent.add(kindOf(address.pathname));
          const { token = '', ...others } = fields;
          const names = Object.keys(others).filter((name) => !name.startsWith('shown_'));
          for (const name of [...names, ''])
            for (const secret of fillings()) {
              const body = new URLSearchParams({ token, ...others, [name || secret]: secret }).toString();
              const from = {
                ...FORM,
                'sec-fetch-site': 'same-origin',
                referer: address.href,
                cookie: browser.cookieFor(address.href),
              };
              await call('POST', address.pathname, from, body);
            }
        }
      }
      assert.ok(sent.size > (home === '/portal' ? 3 : 12), `${[...sent].join(' ')}`);
      const { html } = await browser.open(latchkey.url + home);
      assert.doesNotMatch(html, /name="password"/, 'the browser is not signed in any more');
    }
  });
}
