/**
 * The engines that a suite runs on, each with stores of its own. A suite says once which it needs: `for (const engine of bothEngines)`
 * where what a store keeps, or keeps apart, is what the suite is about, `for (const engine of engines)` everywhere else.
 */

import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { it, type TestContext } from 'node:test';
import { pino } from 'pino';
import type { Clock } from '../../src/clock.ts';
import { type OpenOptions, openStorage, type Storage } from '../../src/storage/index.ts';
import { makeStoreFolder } from './store-folder.ts';

export const silent = pino({ level: 'silent' });

/**
 * How long tests wait for a store. What Latchkey promises (an answer within 5 s) is held by the tests that are about it, with the patience
 * that it has in use; every other test has to pass on a machine that is busy with something else.
 */
export const PATIENT = {
  store: { operationMs: 60_000, linearizableMs: 55_000, selectionMs: 30_000, heartbeatMs: 2000 },
  answerMs: 60_000,
} satisfies { store: OpenOptions['patience']; answerMs: number };

export interface Place {
  url: string;
  open(clock: Clock): Promise<Storage>;
  remove(): Promise<void>;
}

export interface Engine {
  name: 'sqlite' | 'mongodb';
  /** What the tests are called after. */
  title: string;
  /** A server whose answer to `{ key: { $eq, $regex } }` forgets the `$eq`: a fault of its own. */
  forgetsEqBesideRegex?: true;
  /** A new, empty store. */
  place(): Place;
}

export const sqlite: Engine = {
  name: 'sqlite',
  title: 'sqlite',
  place() {
    const folder = makeStoreFolder('sqlite');
    return place(`file:${folder}`, async () => rmSync(folder, { recursive: true, force: true }));
  },
};

/** On the server at that address. */
export const mongodbAt = (server: string): Engine => ({
  name: 'mongodb',
  title: 'mongodb',
  place() {
    const url = databaseUrl(server, `t${randomUUID().replaceAll('-', '').slice(0, 16)}`);
    return place(url, async () => {
      const { default: mongoose } = await import('mongoose');
      const connection = await mongoose.createConnection(url).asPromise();
      await connection.dropDatabase();
      await connection.close();
    });
  },
});

function place(url: string, remove: () => Promise<void>): Place {
  return { url, open: (clock) => openStorage({ url, clock, log: silent, patience: PATIENT.store }), remove };
}

function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/** Values of `npm test -- --engine`. Without one, `engines` is SQLite and `bothEngines` is both. */
export const ENGINE_CHOICES = ['sqlite', 'mongodb'] as const;

const {
  LATCHKEY_TEST_MONGODB_URL: server,
  LATCHKEY_TEST_MEMORY_SERVER_URL: memoryServer,
  LATCHKEY_TEST_ENGINE: choice,
} = process.env;
const withServer = server ? [mongodbAt(server)] : [];

/** A suite that takes so long that each engine has a file of its own: this one, and another on `sqlite`. */
export function mongodbAlone(suite: (engine: Engine) => void): void {
  const [engine] = choice === 'sqlite' ? [] : withServer;
  if (engine) suite(engine);
  else it('needs MongoDB', { skip: 'no MongoDB server in this run' });
}

/** One engine: SQLite, or MongoDB where the run asks for it. */
export const engines: readonly Engine[] = choice === 'mongodb' ? withServer : [sqlite];

/** For storage itself, conformance, the invariants, the fault points, and one journey for each grant. */
export const bothEngines: readonly Engine[] = choice === 'sqlite' ? [sqlite] : [sqlite, ...withServer];

/** `it` of a suite on both engines for what has nothing to do with the store: it runs on the one of `engines`. */
export function itOnce(engine: Engine): (name: string, test: (context: TestContext) => Promise<void>) => void {
  return (name, test) => {
    if (engine.name === engines[0]?.name) it(name, test);
  };
}

/** For what queries mean: a second server that speaks MongoDB's protocol, made by others, has to agree. */
export const everyEngine: readonly Engine[] = [
  ...bothEngines,
  ...(memoryServer && choice !== 'sqlite'
    ? [{ ...mongodbAt(memoryServer), title: 'mongo-java-server', forgetsEqBesideRegex: true as const }]
    : []),
];

/** Whether a run has to bring up a MongoDB server for this test file. */
export function needsMongodb(file: string, asked: string | undefined): boolean {
  return (
    asked === 'mongodb' ||
    (asked === undefined && /bothEngines|everyEngine|mongodbAlone/.test(readFileSync(file, 'utf8')))
  );
}

export function needsMemoryServer(file: string, asked: string | undefined): boolean {
  return asked !== 'sqlite' && /everyEngine/.test(readFileSync(file, 'utf8'));
}

/** Whether a test file is about anything but storage: with `--engine mongodb`, the faster server will do for it. */
export function isContentWithMemoryServer(file: string): boolean {
  return !/bothEngines|everyEngine|mongodbAlone/.test(readFileSync(file, 'utf8'));
}
