/**
 * The store of a release as it left it, in a file of text: what `npm run keep:store` writes for each release, and what the suite opens with
 * every later one.
 */
import { readFileSync } from 'node:fs';
import inject from 'light-my-request';
import mongoose from 'mongoose';
import { type App, createApp } from '../../src/app/index.ts';
import { readConfig, readSources } from '../../src/config/index.ts';
import { systemRandom } from '../../src/identifiers.ts';
import type { Storage } from '../../src/storage/index.ts';
import { loadSqlite } from '../../src/storage/sqlite-connection.ts';
import type { Answer } from '../support/api.ts';
import { createMovableClock, type MovableClock } from '../support/clock.ts';
import { type Engine, type Place, silent } from '../support/engines.ts';

export interface Kept {
  /** What was given out. */
  given: {
    ownerKey: string;
    /** `status`: what forward-auth answers. */
    tokens: { name: string; credentialId: string; directoryId: string; token: string; status: number }[];
    client: { id: string; secret: string; refreshToken: string };
  };
  /** Statements that make the tables, and the rows of each: ID, revision, record. */
  sqlite?: { schema: string[]; rows: Record<string, unknown[][]> };
  /** The documents of each collection, as extended JSON. */
  mongodb?: Record<string, unknown[]>;
}

/** Where the kept stores are, one file for each release and engine. */
export const FOLDER = 'test/storage/releases';
export const OWNER_KEY = 'lk_kept00000000000000000000000000000000000';
const SECRET = 'a secret of the kept stores, long enough for use';
const { EJSON } = mongoose.mongo.BSON;

export interface OpenedStore {
  app: App;
  clock: MovableClock;
  call(method: 'GET' | 'POST', path: string, body?: object): Promise<{ status: number; body: Answer }>;
  verify(directoryId: string, token: string): Promise<number>;
  refresh(client: Kept['given']['client']): Promise<{ status: number; body: Answer }>;
  close(): Promise<void>;
}

export async function openStore(place: Place): Promise<OpenedStore> {
  const clock = createMovableClock();
  const settings = { LATCHKEY_DATABASE_URL: place.url, LATCHKEY_SECRET: SECRET };
  const opened = await place.open(clock);
  const storage: Storage = { ...opened, now: async () => clock.now() };
  const app = await createApp({
    config: readConfig(settings, () => ''),
    sources: readSources(settings),
    publicUrl: 'http://kept.test',
    storage,
    machineClock: clock,
    random: systemRandom,
    log: silent,
    secret: SECRET,
    version: '0.0.0-test',
  });
  await app.settled();
  await app.apiKeys.ensureOwner(OWNER_KEY);
  const send = async (request: inject.InjectOptions) => {
    const { statusCode, payload } = await inject(app.handle, request);
    return { status: statusCode, body: payload.startsWith('{') ? JSON.parse(payload) : {} };
  };
  return {
    app,
    clock,
    call: (method, path, body) =>
      send({
        method,
        url: `/api/v1${path}`,
        headers: { authorization: `Bearer ${OWNER_KEY}`, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { payload: JSON.stringify(body) }),
      }),
    async verify(directoryId, token) {
      const headers = { authorization: `Bearer ${token}` };
      return (await send({ method: 'GET', url: `/auth/verify?directory=${directoryId}`, headers })).status;
    },
    refresh: ({ id, secret, refreshToken }) =>
      send({
        method: 'POST',
        url: '/oauth/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          client_id: id,
          client_secret: secret,
        }).toString(),
      }),
    async close() {
      await app.close();
      await opened.close();
    },
  };
}

/** Fills a new store with one of each kind of credential, and gives what was given out. */
export async function fill({ call, refresh }: OpenedStore): Promise<Kept['given']> {
  const made = async (path: string, body: object) => {
    const answer = await call('POST', path, body);
    if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const { id: organizationId } = await made('/organizations', { name: 'Northwind Traders' });
  const tokens: Kept['given']['tokens'] = [];
  const directory = async (name: string): Promise<string> =>
    (await made('/directories', { organizationId, name, provider: 'okta' })).id;
  const issue = async (name: string, directoryId: string, status: number, fields: object = {}) => {
    const { credential, token } = await made(`/directories/${directoryId}/credentials`, fields);
    tokens.push({ name, credentialId: credential.id, directoryId, token, status });
    return credential.id as string;
  };
  const first = await directory('Tokens');
  await issue('a token', first, 200);
  await issue('a token that ends', first, 200, { label: 'yearly', expiresAt: '2100-01-01T00:00:00.000Z' });
  const second = await directory('Ended tokens');
  await call('POST', `/credentials/${await issue('a revoked token', second, 401)}/revoke`, {
    reason: 'leaked',
    force: true,
  });
  await call('POST', `/credentials/${await issue('a disabled token', second, 401)}/disable`);
  const third = await directory('Rotated');
  await issue('a replaced token', third, 200);
  const rotated = await made(`/directories/${third}/rotate`, { mode: 'overlap' });
  tokens.push({
    name: 'its successor',
    credentialId: rotated.credential.id,
    directoryId: third,
    token: rotated.token,
    status: 200,
  });
  const fourth = await directory('Connected');
  const { client, clientSecret } = await made('/clients', {
    name: 'Okta',
    directoryId: fourth,
    grantTypes: ['authorization_code', 'refresh_token'],
    redirectUris: ['https://idp.test/callback'],
    rotateRefreshTokens: true,
  });
  const { refreshToken } = await made(`/directories/${fourth}/connections`, { clientId: client.id });
  // An access token ends within the hour; what goes on is the connection.
  const { body } = await refresh({ id: client.id, secret: clientSecret, refreshToken });
  return {
    ownerKey: OWNER_KEY,
    tokens,
    client: { id: client.id, secret: clientSecret, refreshToken: body.refresh_token },
  };
}

export async function dump(engine: Engine['name'], url: string): Promise<Omit<Kept, 'given'>> {
  if (engine === 'sqlite') {
    const db = (await loadSqlite())(`${url.slice('file:'.length)}/latchkey.db`, { readOnly: true });
    const all = (sql: string) => db.prepare(sql).all() as unknown[][];
    const schema = all('SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid').map(([sql]) =>
      String(sql),
    );
    const rows: Record<string, unknown[][]> = {};
    for (const [table] of all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")) {
      const columns = table === 'latchkey_meta' ? 'key, value' : 'id, revision, record';
      const found = all(`SELECT ${columns} FROM "${table}" ORDER BY 1`);
      if (found.length > 0) rows[String(table)] = found;
    }
    db.close();
    return { sqlite: { schema, rows } };
  }
  const connection = await mongoose.createConnection(url).asPromise();
  const mongodb: Record<string, unknown[]> = {};
  for (const { name } of (await connection.listCollections()).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const found = await connection.collection(name).find().sort({ _id: 1 }).toArray();
    if (found.length > 0) mongodb[name] = found.map((document) => EJSON.serialize(document));
  }
  await connection.close();
  return { mongodb };
}

/** Makes the store anew at a place where there is none yet. False: the file has none of that engine. */
export async function load(file: string, engine: Engine['name'], url: string): Promise<boolean> {
  const { sqlite, mongodb } = JSON.parse(readFileSync(file, 'utf8')) as Kept;
  if (engine === 'sqlite' && sqlite) {
    const db = (await loadSqlite())(`${url.slice('file:'.length)}/latchkey.db`);
    for (const sql of sqlite.schema) db.exec(sql);
    for (const [table, rows] of Object.entries(sqlite.rows)) {
      const columns = table === 'latchkey_meta' ? 'key, value' : 'id, revision, record';
      const places = (rows[0] ?? []).map(() => '?').join(', ');
      const insert = db.prepare(`INSERT INTO "${table}" (${columns}) VALUES (${places})`);
      for (const row of rows) insert.run(...(row as string[]));
    }
    db.close();
    return true;
  }
  if (engine === 'mongodb' && mongodb) {
    const connection = await mongoose.createConnection(url).asPromise();
    for (const [name, documents] of Object.entries(mongodb))
      await connection.collection(name).insertMany(documents.map((document) => EJSON.deserialize(document as object)));
    await connection.close();
    return true;
  }
  return false;
}
