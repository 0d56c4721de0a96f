/** Databases that are filled for a run, the servers that are started on them, and what must be taken away afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMongoServer, type MongoServer } from '../support/mongo-server.ts';
import { type Bearer, fillStore, SECRET } from './filled-store.ts';
import { median } from './measure.ts';
import { type PinnedProcess, startPinned } from './pinned-process.ts';

export const OWNER_KEY = 'lk_bench00000000000000000000000000000000000';

export interface Store {
  latchkey: PinnedProcess;
  env: Record<string, string>;
  /** One more process on the same store. */
  startAnother(more?: Record<string, string>, core?: number): Promise<PinnedProcess>;
  bearers: Bearer[];
  startMs: number;
}

const STARTS = 3;

/** What a server on a store of the bench is started with. */
export function environmentOf(databaseUrl: string): Record<string, string> {
  return {
    LATCHKEY_PORT: '0',
    LATCHKEY_DATABASE_URL: databaseUrl,
    LATCHKEY_SECRET: SECRET,
    LATCHKEY_INITIAL_API_KEY: OWNER_KEY,
  };
}

export function createStores(engine: 'sqlite' | 'mongodb', say: (text: string) => void) {
  const running: PinnedProcess[] = [];
  const folders: string[] = [];
  let mongo: MongoServer | undefined;

  function folder(): string {
    const made = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
    folders.push(made);
    return made;
  }

  async function emptyDatabase(): Promise<string> {
    const made = folder();
    if (engine === 'sqlite') return `file:${made}`;
    mongo ??= await createMongoServer();
    return mongo.database(`bench${folders.length}`);
  }

  async function start(args: string[], env: Record<string, string> = {}, core?: number): Promise<PinnedProcess> {
    const server = await startPinned(args, env, core);
    running.push(server);
    return server;
  }

  return {
    folder,
    emptyDatabase,
    start,

    comparison: (args: string[], core?: number) =>
      start(['--import', 'tsx', join(import.meta.dirname, 'comparisons.ts'), ...args], {}, core),

    async open(stored: number, upstreamUrl: string, organizations = 1): Promise<Store> {
      const databaseUrl = await emptyDatabase();
      const progress = (done: number) =>
        say(`storing ${done.toLocaleString('en-US')} of ${stored.toLocaleString('en-US')} credentials`);
      const bearers = await fillStore(databaseUrl, stored, upstreamUrl, progress, organizations);
      const env = { ...environmentOf(databaseUrl), LATCHKEY_UPSTREAM_ALLOW: '127.0.0.0/8' };
      const times: number[] = [];
      for (let turn = 1; turn < STARTS; turn++) {
        const latchkey = await startPinned(['dist/main.js'], env);
        times.push(latchkey.startMs);
        await latchkey.stop();
      }
      const startAnother = (more: Record<string, string> = {}, core?: number) =>
        start(['dist/main.js'], { ...env, ...more }, core);
      const latchkey = await startAnother();
      times.push(latchkey.startMs);
      return { latchkey, env, startAnother, bearers, startMs: median(times) };
    },

    async close(): Promise<void> {
      await Promise.all(running.map((server) => server.stop()));
      await mongo?.stop();
      for (const made of folders) rmSync(made, { recursive: true, force: true });
    },
  };
}

export type Stores = ReturnType<typeof createStores>;
