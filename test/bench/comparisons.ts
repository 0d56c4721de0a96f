/**
 * What Latchkey is measured against, each as a process of its own: `comparisons.ts raw | koa | same ANSWER | upstream | proxy URL |
 * oidc-provider SECRET`. Each prints a line with its URL when it listens.
 */
import { Agent, createServer, type RequestListener, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import Koa from 'koa';
import type { AdapterPayload } from 'oidc-provider';

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
  same,
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

/** Sends what was captured of another server: `{headers, body}` as JSON, so that as many bytes go in and out. */
function same(captured: string): RequestListener {
  const { headers, body } = JSON.parse(captured) as { headers: string[]; body: string };
  return (request, response) => {
    const answer = () => {
      response.writeHead(200, headers);
      response.end(body === '' ? undefined : body);
    };
    if (request.method !== 'POST') answer();
    else {
      request.on('data', () => undefined);
      request.on('end', answer);
    }
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
 * Keeps in memory whatever it is given, found in one step. The adapter that comes with oidc-provider holds a thousand entries and goes through
 * all tokens of a grant for each new one: with many refreshes it forgets what it is asked for, and that was no fair comparison.
 */
class MemoryAdapter {
  static readonly kept = new Map<string, AdapterPayload>();
  readonly #model: string;

  constructor(model: string) {
    this.#model = model;
  }

  #key(id: string): string {
    return `${this.#model}:${id}`;
  }

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    MemoryAdapter.kept.set(this.#key(id), payload);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return MemoryAdapter.kept.get(this.#key(id));
  }

  async findByUid(): Promise<undefined> {}
  async findByUserCode(): Promise<undefined> {}
  async revokeByGrantId(): Promise<undefined> {}

  async consume(id: string): Promise<void> {
    const payload = await this.find(id);
    if (payload) payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id: string): Promise<void> {
    MemoryAdapter.kept.delete(this.#key(id));
  }
}

/**
 * Its own endpoints over memory: a client that gets tokens and asks about them, and one with a refresh token that stays the
 * same, as with ours. `POST /connection` makes that refresh token, since nobody is here to consent.
 */
async function oidcProvider(secret: string): Promise<RequestListener> {
  const { Provider } = await import('oidc-provider');
  const accountId = 'dir_4kZ0aB1cD2eF3gH4iJ5k';
  const provider = new Provider('http://127.0.0.1', {
    adapter: MemoryAdapter,
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
