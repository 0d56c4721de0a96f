/**
 * What Latchkey is measured against, each as a process of its own: `comparisons.ts raw | koa | upstream | proxy URL | oidc-provider SECRET`.
 * Each prints a line with its URL when it listens.
 */
import { Agent, createServer, type RequestListener, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import Koa from 'koa';

const ANSWER = {
  active: true,
  scope: 'scim',
  directory: 'dir_4kZ0aB1cD2eF3gH4iJ5k',
  organization: 'org_0aB1cD2eF3gH4iJ5kL6m',
};

/** One page of users, with a location for the gateway to rewrite. */
const USERS = {
  schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
  totalResults: 1,
  startIndex: 1,
  itemsPerPage: 1,
  Resources: [
    {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      id: '2819c223-7f76-453a-919d-413861904646',
      userName: 'ada@northwind.example',
      name: { givenName: 'Ada', familyName: 'Lovelace' },
      emails: [{ value: 'ada@northwind.example', type: 'work', primary: true }],
      active: true,
      meta: { resourceType: 'User', location: '/scim/Users/2819c223-7f76-453a-919d-413861904646' },
    },
  ],
};

const SERVERS: Record<string, (argument: string) => RequestListener | Promise<RequestListener>> = {
  raw: () => constant('application/json', ANSWER),
  upstream: () => constant('application/scim+json', USERS),
  koa() {
    const app = new Koa();
    app.use((ctx) => {
      ctx.body = ANSWER;
    });
    return app.callback();
  },
  proxy,
  'oidc-provider': oidcProvider,
};

function constant(type: string, value: object): RequestListener {
  const zipped = gzipSync(JSON.stringify(value));
  return (request, response) => {
    const text = JSON.stringify(value);
    request.resume();
    if (/\bgzip\b/.test(String(request.headers['accept-encoding']))) {
      response.writeHead(200, { 'Content-Type': type, 'Content-Encoding': 'gzip', 'Content-Length': zipped.length });
      response.end(zipped);
      return;
    }
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
    response.end(text);
  };
}

/** The least that a proxy on node:http does: no decision, no rewriting, no clean-up of headers. */
function proxy(upstream: string): RequestListener {
  const { hostname, port } = new URL(upstream);
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  return (request, response) => {
    const path = (request.url ?? '/').replace(/^\/scim\/v2\/[^/]+/, '/scim');
    const outgoing = send(
      { agent, hostname, port, path, method: request.method, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    outgoing.on('error', () => response.writeHead(502).end());
    request.pipe(outgoing);
  };
}

/**
 * Its own endpoints over its in-memory adapter: a client that gets tokens and asks about them, and one with a refresh token that stays the
 * same, as with ours. `POST /connection` makes that refresh token, since nobody is here to consent.
 */
async function oidcProvider(secret: string): Promise<RequestListener> {
  const { Provider } = await import('oidc-provider');
  const accountId = 'dir_4kZ0aB1cD2eF3gH4iJ5k';
  const provider = new Provider('http://127.0.0.1', {
    clients: [
      {
        client_id: 'scim-server',
        client_secret: secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'identity-provider',
        client_secret: secret,
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['https://idp.example/callback'],
      },
    ],
    scopes: ['scim'],
    findAccount: () => ({ accountId, claims: () => ({ sub: accountId }) }),
    issueRefreshToken: () => true,
    rotateRefreshToken: false,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
    },
    ttl: { ClientCredentials: 3600, AccessToken: 3600, RefreshToken: 86_400, Grant: 86_400 },
  });
  const callback = provider.callback();
  return async (request, response) => {
    if (request.url !== '/connection') return callback(request, response);
    const client = await provider.Client.find('identity-provider');
    if (!client) throw new Error('oidc-provider does not know its own client');
    const grant = new provider.Grant({ accountId, clientId: client.clientId });
    grant.addOIDCScope('scim');
    const grantId = await grant.save();
    const token = new provider.RefreshToken({
      accountId,
      client,
      grantId,
      gty: 'authorization_code',
      scope: 'scim',
    } as never);
    response.end(JSON.stringify({ refreshToken: await token.save() }));
  };
}

const [name = '', argument = ''] = process.argv.slice(2);
const make = SERVERS[name];
if (!make) throw new Error(`there is no server "${name}"`);
const server = createServer(await make(argument));
server.keepAliveTimeout = 75_000;
server.listen(0, '127.0.0.1', () => {
  console.log(`${name} is ready at http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
