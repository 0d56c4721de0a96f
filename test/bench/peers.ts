/**
 * Other software that checks a SCIM token, installed from npm into a folder of its own and started as a process: `peers.ts NAME FOLDER`. Each
 * checks a token and then reads a page of users from its empty store, which it can't be asked to leave out. Latchkey's gateway checks a
 * token and has a SCIM server send a page; `/auth/verify` checks it alone.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LoadRequest } from './load.ts';

export const PEERS = ['saml-jackson', 'better-auth'] as const;
export type Peer = (typeof PEERS)[number];

const TOKEN = 'a-secret-of-the-bench-kR7vXq2mWz9tLd4Yh1Np';
const INSTALL_MS = 600_000;

interface PeerEntry {
  /** With exact versions, so that figures can be repeated. */
  packages: string[];
  name: string;
  /** The handler, and the request that it answers with 200. */
  make(load: (module: string) => Promise<unknown>): Promise<{ handle: RequestListener; path: string; token: string }>;
}

const ENTRIES: Record<Peer, PeerEntry> = {
  'saml-jackson': {
    packages: ['@boxyhq/saml-jackson@26.2.0'],
    name: 'saml-jackson, in memory: token and an empty page of users',
    async make(load) {
      type Start = (options: object) => Promise<{ directorySyncController: DirectorySync }>;
      const { default: exported } = (await load('@boxyhq/saml-jackson')) as { default: Start | { default: Start } };
      // A loader of CommonJS unwraps one level of `default` or none.
      const start = typeof exported === 'function' ? exported : exported.default;
      const { directorySyncController: sync } = await start({
        externalUrl: 'http://127.0.0.1',
        samlAudience: 'bench',
        samlPath: '/sso',
        oidcPath: '/oidc',
        db: { engine: 'mem' },
        noAnalytics: true,
      });
      const { data } = await sync.directories.create({
        tenant: 'northwind',
        product: 'bench',
        name: 'Okta',
        type: 'okta-scim-v2',
        webhook_url: '',
        webhook_secret: '',
      });
      const path = `/api/scim/v2.0/${data.id}/Users?startIndex=1&count=1`;
      return {
        path,
        token: data.scim.secret,
        // What its own route does: the token of the header, the directory of the path.
        async handle(request, response) {
          const [, directoryId = ''] = /^\/api\/scim\/v2\.0\/([^/]+)\/Users/.exec(request.url ?? '') ?? [];
          const apiSecret = (request.headers.authorization ?? '').replace(/^Bearer /, '');
          const query = { startIndex: 1, count: 1 };
          const asked = { method: 'GET', directoryId, apiSecret, resourceType: 'users', query };
          const { status, data: body } = await sync.requests.handle(asked);
          response.writeHead(status, { 'Content-Type': 'application/scim+json' });
          response.end(JSON.stringify(body));
        },
      };
    },
  },
  'better-auth': {
    packages: ['better-auth@1.7.25', '@better-auth/scim@1.7.5', 'kysely@0.28.19', 'libsql@0.5.29'],
    name: 'better-auth, SQLite in memory: token and an empty page of users',
    async make(load) {
      const [{ betterAuth }, { toNodeHandler }, { getMigrations }, { scim }, { default: Database }, kysely] =
        (await Promise.all(
          ['better-auth', 'better-auth/node', 'better-auth/db/migration', '@better-auth/scim', 'libsql', 'kysely'].map(
            load,
          ),
        )) as [
          { betterAuth(options: object): object },
          { toNodeHandler(auth: object): RequestListener },
          { getMigrations(options: object): Promise<{ runMigrations(): Promise<void> }> },
          { scim(options: object): object },
          { default: new (path: string) => object },
          { Kysely: new (options: object) => object; SqliteDialect: new (options: object) => object },
        ];
      const dialect = new kysely.SqliteDialect({ database: new Database(':memory:') });
      const credentials = [{ type: 'bearer', id: 'first', token: TOKEN }];
      const options = {
        baseURL: 'http://127.0.0.1',
        secret: `${TOKEN}${TOKEN}`,
        rateLimit: { enabled: false },
        logger: { disabled: true },
        database: { db: new kysely.Kysely({ dialect }), type: 'sqlite', transaction: true },
        plugins: [scim({ connections: [{ id: 'okta', credentials }] })],
      };
      const auth = betterAuth(options);
      await (await getMigrations(options)).runMigrations();
      return {
        handle: toNodeHandler(auth),
        path: '/api/auth/scim/v2/Users?startIndex=1&count=1',
        token: TOKEN,
      };
    },
  },
};

interface DirectorySync {
  directories: { create(options: object): Promise<{ data: { id: string; scim: { secret: string } } }> };
  requests: { handle(request: object): Promise<{ status: number; data: unknown }> };
}

export function nameOfPeer(peer: Peer): string {
  return ENTRIES[peer].name;
}

/** Throws where npm can't install it. */
export function installPeer(peer: Peer, folder: string): void {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const flags = ['--no-audit', '--no-fund', '--legacy-peer-deps', '--ignore-scripts', '--loglevel=error'];
  execFileSync('npm', ['install', ...flags, ...ENTRIES[peer].packages], {
    cwd: folder,
    timeout: INSTALL_MS,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** What a peer that was started is asked. */
export async function peerRequest(url: string): Promise<LoadRequest> {
  const { path, token } = (await (await fetch(`${url}/how`)).json()) as { path: string; token: string };
  const headers = { Authorization: `Bearer ${token}`, Accept: 'application/scim+json' };
  return { method: 'GET', path, headers };
}

async function serve(peer: Peer, folder: string): Promise<void> {
  const { resolve } = createRequire(join(folder, 'package.json'));
  const load = (module: string) => import(pathToFileURL(resolve(module)).href);
  const { handle, path, token } = await ENTRIES[peer].make(load);
  const server = createServer((request, response) => {
    if (request.url === '/how') response.end(JSON.stringify({ path, token }));
    else handle(request, response);
  });
  server.keepAliveTimeout = 75_000;
  server.listen(0, '127.0.0.1', () => {
    console.log(`${peer} is ready at http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
}

if (process.argv[1] === import.meta.filename) {
  const [peer, folder] = process.argv.slice(2);
  await serve(peer as Peer, folder ?? '');
}
