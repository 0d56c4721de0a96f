/** The real application in this process, on a port of its own, with a clock that tests move. */
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { type App, createApp } from '../../src/app/index.ts';
import type { Clock } from '../../src/clock.ts';
import { readConfig, readSources } from '../../src/config/index.ts';
import { createHttpServer, type ServerLimits } from '../../src/http/server.ts';
import { systemRandom } from '../../src/identifiers.ts';
import { createLog } from '../../src/log.ts';
import { openStorage, type Storage } from '../../src/storage/index.ts';
import { type Api, createApi } from './api.ts';
import { createMovableClock, type MovableClock } from './clock.ts';
import { type Engine, engines, PATIENT } from './engines.ts';
import { inSuite } from './suite.ts';

export interface TestApp {
  url: string;
  clock: MovableClock;
  storage: Storage;
  app: App;
  ownerKey: string;
  /** Calls the admin API as the owner. */
  api: Api;
  /** Everything logged so far, one JSON document a line. */
  log(): string;
  close(): Promise<void>;
}

export interface TestAppOptions {
  /** Default: SQLite in memory, or a new MongoDB database where the run is on MongoDB. */
  databaseUrl?: string;
  /** Settings besides the defaults. Upstreams may be private unless it is said. */
  env?: Record<string, string>;
  clock?: MovableClock;
  /** What the application gets instead of the movable clock. */
  realClock?: Clock;
  /** The time of the store, where it is not that of the application's clock. */
  storeTime?: () => Date;
  /** Puts something around the real storage: counts its writes, or lets one of them fail. */
  wrapStorage?: (storage: Storage) => Storage;
  /** Where the keys of OAuth clients are fetched from. */
  fetch?: typeof fetch;
  /** What it is called; browsers make passkeys for no address. */
  hostname?: 'localhost' | '127.0.0.1';
  /** What the store may cost one request, where a test is about that. */
  answerMs?: number;
  /** The patience of the HTTP server. */
  limits?: ServerLimits;
  /** Told once the application is made, before what it does in the background. */
  onMade?: () => void;
}

export const OWNER_KEY = 'lk_test00000000000000000000000000000000000';

export async function startApp({
  databaseUrl: givenUrl,
  env = {},
  clock = createMovableClock(),
  realClock,
  storeTime = () => (realClock ?? clock).now(),
  wrapStorage = (storage) => storage,
  fetch: fetchKeys,
  hostname = '127.0.0.1',
  answerMs = PATIENT.answerMs,
  limits,
  onMade,
}: TestAppOptions = {}): Promise<TestApp> {
  const place = givenUrl === undefined && engines[0]?.name === 'mongodb' ? engines[0].place() : undefined;
  const databaseUrl = givenUrl ?? place?.url ?? 'file::memory:';
  const settings = {
    LATCHKEY_DATABASE_URL: databaseUrl,
    LATCHKEY_SECRET: 'a secret of the tests, long enough for use',
    LATCHKEY_UPSTREAM_ALLOW: '127.0.0.0/8,::1',
    LATCHKEY_LOG_LEVEL: 'debug',
    ...env,
  };
  const config = readConfig(settings, () => '');
  const sources = readSources(settings);
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const log = createLog(config.LATCHKEY_LOG_LEVEL, sink);
  const opened = await openStorage({ url: databaseUrl, clock: realClock ?? clock, log, patience: PATIENT.store });
  // A store of MongoDB lives in real time, and tests do not.
  const storage = { ...opened, now: async () => storeTime() };
  let app: App | undefined;
  const { server } = createHttpServer({
    handle: (request, response) => app?.handle(request, response),
    onUnreadable: (unreadable) => app?.noteUnreadable(unreadable) ?? '',
    isTrusted: () => false,
    ...(limits && { limits }),
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://${hostname}:${(server.address() as AddressInfo).port}`;
  app = await createApp({
    config,
    sources,
    publicUrl: config.LATCHKEY_PUBLIC_URL ?? url,
    storage: wrapStorage(storage),
    machineClock: realClock ?? clock,
    random: systemRandom,
    log,
    answerMs,
    ...(fetchKeys && { fetch: fetchKeys }),
    secret: 'a secret of the tests, long enough for use',
    version: '0.0.0-test',
  });
  onMade?.();
  await app.settled();
  await app.apiKeys.ensureOwner(OWNER_KEY);
  const running = app;
  return {
    url,
    clock,
    storage,
    app: running,
    ownerKey: OWNER_KEY,
    api: createApi(url, OWNER_KEY),
    log: () => lines.join(''),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await running.close();
      await storage.close();
      await place?.remove();
    },
  };
}

/** The application of a suite. `engine`: on a store of its own there. */
export function runApp({ engine, ...options }: TestAppOptions & { engine?: Engine } = {}): TestApp {
  return inSuite(async () => {
    const place = engine?.place();
    const app = await startApp({ ...options, ...(place && { databaseUrl: place.url }) });
    return {
      ...app,
      async close() {
        await app.close();
        await place?.remove();
      },
    };
  });
}
