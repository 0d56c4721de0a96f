/** What is compared with what. A group is made when it is its turn, so that `--only` costs no more than what it names. */
import { accessToken, type Connections, connectDirectories, tokenRequest } from './connections.ts';
import type { LoadRequest } from './load.ts';
import type { Group, Subject } from './measure.ts';
import { ANY_CORE, LOAD_CORE, type PinnedProcess } from './pinned-process.ts';
import { capture, introspectRequests, scimRequest, verifyRequest, zipped } from './requests.ts';
import { OWNER_KEY, type Stores } from './stores.ts';

export const FEW = 2000;
const LARGE = 10_000;
/** Each with two, so that as many access tokens are presented as static ones. */
const CONNECTED_DIRECTORIES = 500;
const OIDC_SECRET = 'a-secret-of-the-bench-0123456789';
const OIDC_CONNECTIONS = 100;
const OIDC_CLIENT_CREDENTIALS = tokenRequest('/token', 'scim-server', OIDC_SECRET, 'grant_type=client_credentials');

export function createGroups(deps: { stores: Stores; credentials: number; say: (text: string) => void }) {
  const { stores, credentials, say } = deps;
  const { comparison } = stores;
  const upstream = once(() => comparison(['upstream'], LOAD_CORE));
  const upstreamUrl = async () => `${(await upstream()).url}/scim`;
  const large = once(async () => stores.open(credentials, await upstreamUrl()));
  const few = once(async () => (credentials > LARGE ? stores.open(FEW, await upstreamUrl()) : large()));
  const oidc = once(() => comparison(['oidc-provider', OIDC_SECRET]));
  // As it is run: a vendor has the gateway or asks beside the way, and V8 keeps more garbage alive in a process that has done both.
  const gateway = once(async () => (await large()).startAnother());
  const proxy = once(async () => comparison(['proxy', (await upstream()).url]));
  const connections = once(async (): Promise<Connections> => {
    say(`connecting ${CONNECTED_DIRECTORIES} directories`);
    return connectDirectories((await few()).latchkey.url, OWNER_KEY, CONNECTED_DIRECTORIES);
  });

  const oidcIntrospection = async (): Promise<Subject> => {
    const process = await oidc();
    return { name: "oidc-provider's introspection", process, requests: [await oidcRequest(process)] };
  };

  const groups: Group[] = [
    {
      name: 'verify',
      async make() {
        const { latchkey, bearers } = await few();
        const requests = bearers.map(verifyRequest);
        const bytes = await capture(latchkey.url, requests[0] as LoadRequest);
        const many = await large();
        return [
          { name: 'raw node:http, same bytes', process: await comparison(['same', bytes]), requests },
          { name: 'raw node:http, constant JSON', process: await comparison(['raw']), requests },
          { name: 'Koa, constant JSON', process: await comparison(['koa']), requests },
          { name: '/auth/verify', process: latchkey, requests },
          ...(many.latchkey === latchkey
            ? []
            : [
                {
                  name: `/auth/verify, ${credentials.toLocaleString('en-US')} stored`,
                  process: many.latchkey,
                  requests: many.bearers.map(verifyRequest),
                },
              ]),
        ];
      },
    },
    {
      name: 'access tokens',
      async make() {
        const { latchkey, bearers } = await few();
        return [
          { name: '/auth/verify of static tokens', process: latchkey, requests: bearers.map(verifyRequest) },
          {
            name: '/auth/verify of access tokens',
            process: latchkey,
            requests: (await connections()).accessTokens.map(verifyRequest),
          },
        ];
      },
    },
    {
      name: 'introspection',
      async make() {
        const { latchkey } = await few();
        const requests = await introspectRequests(await few());
        const bytes = await capture(latchkey.url, requests[0] as LoadRequest);
        return [
          { name: 'raw node:http, POST, same bytes', process: await comparison(['same', bytes]), requests },
          await oidcIntrospection(),
          { name: '/oauth/introspect', process: latchkey, requests },
        ];
      },
    },
    {
      name: 'refresh',
      make: async () => [
        { name: "oidc-provider's refresh", process: await oidc(), requests: await oidcRefreshes(await oidc()) },
        {
          name: 'refresh at /oauth/token',
          process: (await few()).latchkey,
          requests: (await connections()).refreshes,
        },
      ],
    },
    {
      name: 'client credentials',
      make: async () => [
        { name: "oidc-provider's client credentials", process: await oidc(), requests: [OIDC_CLIENT_CREDENTIALS] },
        {
          name: 'client credentials at /oauth/token',
          process: (await few()).latchkey,
          requests: (await connections()).clientCredentials,
        },
      ],
    },
    {
      name: 'gateway',
      async make() {
        const requests = (await large()).bearers.map(scimRequest);
        return [
          { name: 'bare node:http proxy', process: await proxy(), requests },
          { name: 'gateway /scim/v2/{key}/Users', process: await gateway(), requests },
        ];
      },
    },
    {
      name: 'gzip',
      async make() {
        const requests = (await large()).bearers.map(scimRequest).map(zipped);
        return [
          { name: 'bare node:http proxy, gzip', process: await proxy(), requests },
          { name: 'gateway of gzip bodies', process: await gateway(), requests },
        ];
      },
    },
    {
      name: 'workers',
      async make() {
        // Each on all cores, which they share with the load: what counts is what a second of processor time brings.
        const { startAnother, bearers } = await few();
        const requests = bearers.map(verifyRequest);
        return [
          { name: 'one worker', process: await startAnother({ LATCHKEY_WORKERS: '1' }, ANY_CORE), requests },
          { name: 'two workers', process: await startAnother({ LATCHKEY_WORKERS: '2' }, ANY_CORE), requests },
        ];
      },
    },
  ];

  return { groups, upstreamUrl, few, large, oidcIntrospection };
}

/** Made when it is first asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

async function oidcRequest({ url }: PinnedProcess): Promise<LoadRequest> {
  const token = await accessToken(url, OIDC_CLIENT_CREDENTIALS);
  return tokenRequest('/token/introspection', 'scim-server', OIDC_SECRET, `token=${token}`);
}

async function oidcRefreshes({ url }: PinnedProcess): Promise<LoadRequest[]> {
  const requests: LoadRequest[] = [];
  while (requests.length < OIDC_CONNECTIONS) {
    const answer = await fetch(`${url}/connection`, { method: 'POST' });
    const { refreshToken } = (await answer.json()) as { refreshToken: string };
    const fields = `grant_type=refresh_token&refresh_token=${refreshToken}`;
    requests.push(tokenRequest('/token', 'identity-provider', OIDC_SECRET, fields));
  }
  return requests;
}
