/** Whatever is asked of the pages, by whoever is signed in: an answer, never a fault; never a way to another site. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { engines } from '../support/engines.ts';
import { type ItContact, welcomeItContact } from '../support/it-contact.ts';
import { type OperatorBrowser, signInOperator } from '../support/operator-browser.ts';

const ODD_IDS = [
  '%00',
  '..%2f..',
  '__proto__',
  'x'.repeat(3000),
  '%F0%9F%92%A9',
  '%ff',
  '%0d%0aSet-Cookie:a=b',
  '%7B%22$gt%22:%22%22%7D',
];
const ODD_QUERIES = [
  '?after=garbage',
  '?after[]=x&after=y',
  '?q=%00',
  `?q=${'x'.repeat(3000)}`,
  '?type=__proto__',
  '?from=abc&to=275760-09-14',
  '?directoryId=%7B%22$gt%22:%22%22%7D',
  '?way=__proto__&part=live',
  '?next=//evil.example',
];
const ODD_FIELDS = [
  '__proto__=x&name=__proto__&provider=__proto__&role=__proto__&scope=constructor&expiresOn=275760-09-14&label=%00&endpointKey=__proto__',
  `name=${'x'.repeat(9000)}&label=${'y'.repeat(3000)}&value=%00%ff&expiresOn=9999-12-31&redirectUris=javascript:alert(1)&appName=..&upstreamUrl=file:///etc/passwd`,
  'name=a&name=b&value=x&provider=okta&endpointKey=%F0%9F%92%A9&expiresOn=2001-01-01&retire=__proto__&mode=__proto__&email=a%0d%0ab',
  `x=${'x'.repeat(100_000)}`,
];

for (const engine of engines) {
  describe(`odd requests for pages on ${engine.name}`, () => {
    const app = runApp({ engine });
    let directory: Answer;
    let owner: OperatorBrowser;
    let contact: ItContact;
    before(async () => {
      directory = await app.api.makeDirectory({ provider: 'entra' });
      owner = await signInOperator(app);
      contact = await welcomeItContact(app.url, app.api, directory.organizationId);
    });

    const tokenIn = (html: string) => /name="token" value="([0-9a-f]{64})"/.exec(html)?.[1] ?? assert.fail('no form');

    async function ask(path: string, init: RequestInit = {}): Promise<void> {
      const answer = await fetch(app.url + path, { ...init, redirect: 'manual' });
      await answer.arrayBuffer();
      const told = `${init.method ?? 'GET'} ${path.slice(0, 120)}: ${answer.status}`;
      assert.ok(answer.status < 500, told);
      assert.equal(answer.headers.get('set-cookie')?.includes('a=b') ?? false, false, told);
      const to = answer.headers.get('location');
      if (to !== null) assert.equal(new URL(to, app.url).origin, app.url, `${told} ${to}`);
    }

    async function askAll(face: string, cookie: string, token: string, paths: string[]): Promise<void> {
      for (const path of paths) {
        const whole = face + path.replace(':id', directory.id).replace(':organization', directory.organizationId);
        for (const id of ODD_IDS) {
          if (!path.includes(':')) continue;
          const odd = face + path.replace(/:\w+/, id);
          await ask(odd, { headers: { cookie } });
          const body = `token=${token}&name=x`;
          const headers = {
            cookie,
            'sec-fetch-site': 'same-origin',
            'content-type': 'application/x-www-form-urlencoded',
          };
          await ask(odd, { method: 'POST', headers, body });
        }
        for (const query of ODD_QUERIES) await ask(whole + query, { headers: { cookie } });
        for (const method of ['HEAD', 'PUT', 'DELETE', 'OPTIONS']) await ask(whole, { method, headers: { cookie } });
        for (const fields of ODD_FIELDS) {
          for (const type of ['application/x-www-form-urlencoded', 'application/json', 'multipart/form-data']) {
            const headers = { cookie, 'sec-fetch-site': 'same-origin', 'content-type': type };
            await ask(whole, { method: 'POST', headers, body: `token=${token}&${fields}` });
          }
        }
      }
      const { state } = (await app.api.get(`/directories/${directory.id}`)).body;
      assert.equal(state, 'active');
    }

    const guided = [
      '/directories/:id',
      ...['generate', 'import', 'rotate', 'check', 'setup', 'setup/access', 'setup/bearer', 'setup/oauth'].map(
        (end) => `/directories/:id/${end}`,
      ),
      '/directories/:id/setup/client',
      '/directories/:id/setup/client/secrets',
    ];

    it('are answered by the dashboard', async () => {
      const token = tokenIn((await owner.open('/account')).html);
      await askAll('/dashboard', owner.browser.cookieFor(`${app.url}/dashboard`), token, [
        ...guided,
        '/organizations',
        '/organizations/:organization',
        '/organizations/:organization/directories',
        '/clients',
        '/clients/new',
        '/api-keys',
        '/operators',
        '/account',
        '/audit',
        '/audit.csv',
        '/audit.jsonl',
        '/search',
        '/settings',
        '/sign-in',
      ]);
    });

    it('are answered by the portal', async () => {
      const page = await contact.browser.open(`${app.url}/portal/directories/${directory.id}/setup`);
      const cookie = contact.browser.cookieFor(`${app.url}/portal`);
      await askAll('/portal', cookie, tokenIn(page.html), ['', ...guided]);
    });

    it('cuts a body off that does not end, after saying that it is too large', async () => {
      const { port } = new URL(app.url);
      const socket = connect(Number(port), '127.0.0.1');
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk.toString();
      });
      socket.on('error', () => undefined);
      const over = new Promise((resolve) => socket.on('close', resolve));
      socket.write(
        `POST /dashboard/sign-in HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nSec-Fetch-Site: same-origin\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
      let sent = 0;
      const more = () => {
        while (!socket.destroyed && sent < 64 * 1024 * 1024) {
          sent += piece.length;
          if (!socket.write(piece)) return socket.once('drain', more);
        }
        return socket;
      };
      more();
      await over;
      assert.match(answer, /^HTTP\/1\.1 413 /);
      assert.ok(sent < 32 * 1024 * 1024, `took ${sent} bytes`);
    });
  });
}
