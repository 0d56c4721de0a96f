/** A scenario for each finding about a presented token or its URL: the world is driven, then code, evidence, words and remedy are read. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApp, type TestApp } from '../support/app.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { makeWorld, textOf, type World } from '../support/diagnosed.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (iss: string) => `${part({ alg: 'RS256' })}.${part({ iss })}.sig`;

interface Scenario {
  provider?: string;
  drive: (world: World) => Promise<unknown>;
  says: RegExp[];
  actor?: string;
}

const scenarios: Record<string, Scenario> = {
  token_missing: { drive: ({ send }) => send(), says: [/without a token/, /Authorization/] },
  token_truncated: {
    drive: ({ send, token }) => send(`Bearer ${token.slice(0, 30)}`),
    says: [/incomplete token/, /43 characters/, /whole/],
  },
  token_doubled: { drive: ({ send, token }) => send(`Bearer ${token}${token}`), says: [/two tokens/] },
  token_with_blanks: {
    drive: ({ send, token }) => send(`Bearer ${token.slice(0, 9)} ${token.slice(9)}`),
    says: [/space or line break/],
  },
  token_unknown: { drive: ({ send }) => send('Bearer something-else'), says: [/don't recognize/] },
  scheme_twice: { drive: ({ send }) => send('Bearer Bearer other'), says: [/word Bearer/] },
  scheme_basic: { drive: ({ send }) => send(basic('admin:secret')), says: [/user name and password/, /Basic/] },
  scheme_unknown: {
    provider: 'pingone',
    drive: ({ send }) => send('OAuth something', { agent: 'x' }),
    says: [/word other than Bearer/, /Auth Type Header/],
  },
  header_name_in_value: { drive: ({ send }) => send('Authorization: Bearer other'), says: [/name of the header/] },
  header_twice: {
    drive: ({ app, directory, token }) =>
      fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers: { authorization: `Bearer ${token}` } }).then(
        async () => {
          const { sendRaw } = await import('../support/raw-request.ts');
          app.clock.advance(1000);
          return sendRaw(app.url, {
            path: `/auth/verify?directory=${directory.id}`,
            headers: [
              ['User-Agent', 'Okta SCIM Client 1.0.0'],
              ['Authorization', `Bearer ${token}`],
              ['Authorization', 'Basic eA=='],
            ],
          });
        },
      ),
    says: [/two Authorization headers/, /proxy/],
  },
  value_quoted: { drive: ({ send }) => send('"Bearer some thing"'), says: [/quotation marks/] },
  other_secret_presented: {
    drive: ({ send }) => send(`Bearer scimcs_${'x'.repeat(43)}`),
    says: [/client secret/, /where the token belongs/],
  },
  idp_own_token: {
    provider: 'entra',
    drive: ({ send }) => send(`Bearer ${jwt('https://sts.windows.net/1/')}`, { agent: 'x' }),
    says: [/Secret Token/, /empty/],
  },
  foreign_token: {
    drive: ({ send }) => send(`Bearer ${jwt('https://idp.example/')}`),
    says: [/another authorization server/],
  },
  token_revoked: {
    async drive({ app, send, token, credential, directory }) {
      await send(`Bearer ${token}`);
      await app.api.issue(directory.id);
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      await send(`Bearer ${token}`);
    },
    says: [
      /still sends the token that ends in …/,
      /revoked/,
      /fine but has never been used/,
      /paste the current token/,
    ],
  },
  token_replaced: {
    async drive({ app, send, token, directory }) {
      await send(`Bearer ${token}`);
      await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'immediate' });
      await send(`Bearer ${token}`);
    },
    says: [/was replaced/, /paste the current token/],
  },
  token_expired: {
    async drive({ app, send, directory, credential }) {
      const expiresAt = new Date(app.clock.now().getTime() + HOUR).toISOString();
      const { token } = await app.api.issue(directory.id, { expiresAt });
      await send(`Bearer ${token}`);
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      app.clock.advance(2 * HOUR);
      await send(`Bearer ${token}`);
    },
    says: [/expired/, /Generate a new token/],
  },
  token_disabled: {
    async drive({ app, send, token, credential }) {
      await send(`Bearer ${token}`);
      await app.api.post(`/credentials/${credential.id}/disable`);
      await send(`Bearer ${token}`);
    },
    says: [/disabled/, /Enable it on this page/],
  },
  token_elsewhere: {
    async drive({ app, directory, send, token }) {
      await send(`Bearer ${token}`);
      const other = await app.api.makeDirectory({ organizationId: directory.organizationId, name: 'Okta test' });
      await send(`Bearer ${(await app.api.issue(other.id)).token}`);
    },
    says: [/token of the directory “Okta test”/, /\/scim\/v2\//],
  },
  insufficient_scope: {
    async drive({ app, directory, send }) {
      const { token } = await app.api.issue(directory.id, { scopes: ['scim.read'] });
      await send(`Bearer ${token}`);
      await send(`Bearer ${token}`, { method: 'POST' });
      await send(`Bearer ${token}`);
    },
    says: [/can read, but not change/, /full access/],
  },
  directory_disabled: {
    async drive({ app, directory, send, token }) {
      await app.api.post(`/directories/${directory.id}/disable`);
      await send(`Bearer ${token}`);
    },
    says: [/directory is disabled/, /Enable the directory/],
    actor: 'vendor',
  },
  wrong_path: { drive: ({ sendTo }) => sendTo('/Users'), says: [/wrong URL/, /not the SCIM endpoint/, /\/scim\/v2\//] },
  wrong_endpoint_key: {
    drive: ({ send, token }) => send(`Bearer ${token}`, { directory: 'no-such-directory' }),
    says: [/directory that does not exist/, /\/scim\/v2\//],
  },
  doubled_slash: {
    drive: ({ sendTo, directory }) => sendTo(`//scim/v2/${directory.endpointKey}/Users`),
    says: [/doubled slash/],
  },
};

describe('a refused request is explained', () => {
  let app: TestApp;
  before(async () => {
    app = await startApp({
      env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000', LATCHKEY_FAILURES_PER_DIRECTORY: '100000' },
    });
  });
  after(() => app.close());

  for (const [code, { provider = 'okta', drive, says, actor = 'it_contact' }] of Object.entries(scenarios)) {
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
      assert.match(lead.words.steps.join(' '), /Generate a new token on this page/, value);
      assert.doesNotMatch(lead.words.steps.join(' '), /paste the token|again|was not kept/, value);
    }
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
    assert.match(textOf(theirs), /sent to the URL of another one/);
    assert.ok(!JSON.stringify(theirs).includes(world.directory.id));
  });

  it('waits for the first request, and says so differently after a week', async () => {
    const { diagnosis } = await makeWorld(app);
    assert.equal((await diagnosis()).findings[0].code, 'waiting_for_first_request');
    app.clock.advance(8 * DAY);
    const { findings } = await diagnosis();
    assert.equal(findings[0].code, 'never_used');
    assert.match(textOf(findings[0]), /was never used/);
  });
});
