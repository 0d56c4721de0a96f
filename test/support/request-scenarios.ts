/** Requests that are refused, one way for each finding about a presented token or its URL. */
import { HOUR } from './clock.ts';
import { OKTA_AGENT, type World } from './diagnosed.ts';
import { sendRaw } from './raw-request.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (iss: string) => `${part({ alg: 'RS256' })}.${part({ iss })}.sig`;

export interface RequestScenario {
  provider?: string;
  drive: (world: World) => Promise<unknown>;
  says: RegExp[];
  actor?: string;
}

export const REQUEST_SCENARIOS: Record<string, RequestScenario> = {
  token_missing: { drive: ({ send }) => send(), says: [/without a token/, /Authorization/] },
  token_in_query: {
    drive: ({ app, directory, token }) =>
      sendRaw(app.url, {
        path: '/auth/verify',
        headers: {
          'User-Agent': OKTA_AGENT,
          'X-Original-URI': `/scim/v2/${directory.endpointKey}/Users?access_token=${token}`,
        },
      }),
    says: [
      /token in the URL parameter access_token\. URLs end up in logs/,
      /Generate a new token .*The one in the URL may be in the logs/,
      /revoke the token that was in the URL/,
      /Replace the value of .* with the URL below/,
    ],
  },
  token_in_other_place: {
    provider: 'onelogin',
    drive: ({ app, directory, token }) =>
      sendRaw(app.url, { path: `/scim/v2/${directory.endpointKey}/Users`, headers: { 'X-Api-Key': token } }),
    says: [
      /token in the header X-Api-Key instead of the Authorization header/,
      /Custom Headers probably contain it/,
      /into SCIM Bearer Token, and remove its line from Custom Headers/,
    ],
  },
  token_truncated: {
    drive: ({ send, token }) => send(`Bearer ${token.slice(0, 30)}`),
    says: [
      /incomplete token: 30 of its 43 characters\. The beginning is there, but the end is missing/,
      /all 43 characters of it/,
      /unless .* saved the one that ends in/,
    ],
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
  header_name_in_value: { drive: ({ send }) => send('Authorization: Bearer other'), says: [/header name/] },
  header_twice: {
    drive: ({ app, directory, token }) =>
      fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers: { authorization: `Bearer ${token}` } }).then(
        () => {
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
      /still sending the token that ends in …/,
      /revoked/,
      /is valid, but has never been used/,
      /unless .* saved the one that ends in ….{4}, created .*paste that token/,
    ],
  },
  token_replaced: {
    async drive({ app, send, token, directory }) {
      await send(`Bearer ${token}`);
      await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'immediate' });
      await send(`Bearer ${token}`);
    },
    says: [/was replaced/, /unless .* saved the one that ends in ….{4}, created .*paste that token/],
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
    says: [/disabled/, /Enable it on the directory's page/],
    actor: 'vendor',
  },
  token_elsewhere: {
    async drive({ app, directory, send, token }) {
      await send(`Bearer ${token}`);
      const other = await app.api.makeDirectory({ organizationId: directory.organizationId, name: 'Okta test' });
      await send(`Bearer ${(await app.api.issue(other.id)).token}`);
    },
    says: [
      /token from the directory “Okta test” to the URL of “Okta.*”\. The URL and the token must come from the same page/,
      /It's probably “(?!Okta test)[^”]+”: requests were accepted there until these began, and “Okta test” has never/,
      /If it belongs to “(?!Okta test)[^”]+”: Generate a new token/,
      /unless .* saved the one that ends in ….{4}, created .*paste that token/,
      /belongs to “Okta test”/,
    ],
  },
  insufficient_scope: {
    async drive({ app, directory, send }) {
      const { token } = await app.api.issue(directory.id, { scopes: ['scim.read'] });
      await send(`Bearer ${token}`);
      await send(`Bearer ${token}`, { method: 'POST' });
      await send(`Bearer ${token}`);
    },
    says: [
      /can read, but can't change/,
      /Ask the customer first: read-only access may be intended/,
      /Allow changes on .* page\. The token stays the same, so Okta can keep using it/,
      /is valid, but has never been used/,
    ],
  },
  directory_disabled: {
    async drive({ app, directory, send, token }) {
      await app.api.post(`/directories/${directory.id}/disable`);
      await send(`Bearer ${token}`);
    },
    says: [/directory is disabled/, /Enable the directory/],
    actor: 'vendor',
  },
  wrong_path: {
    drive: ({ sendTo }) => sendTo('/Users'),
    says: [/wrong URL/, /isn't the SCIM endpoint/, /\/scim\/v2\//, /already has this URL, a proxy in front/],
  },
  wrong_endpoint_key: {
    drive: ({ send, token }) => send(`Bearer ${token}`, { directory: 'no-such-directory' }),
    says: [/directory that does not exist/, /\/scim\/v2\//],
  },
  doubled_slash: {
    drive: ({ sendTo, directory }) => sendTo(`//scim/v2/${directory.endpointKey}/Users`),
    says: [/double slash/],
  },
};
