#!/usr/bin/env node
/** The process edge: environment -> config -> storage -> app -> listen. The only user of `process`. */
import cluster from 'node:cluster';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type App,
  assertNotLost,
  createApp,
  ensureSecret,
  openStore,
  reasonOf,
  smtpOf,
  storeFolder,
  storeOf,
} from './app/index.ts';
import { systemClock } from './clock.ts';
import { runCommand } from './command-line/index.ts';
import { type Config, readConfig, readSources } from './config/index.ts';
import { listen, shutDown } from './http/listening.ts';
import { createTrust } from './http/request-context.ts';
import { createHttpServer } from './http/server.ts';
import { systemRandom } from './identifiers.ts';
import { createLog, type Log } from './log.ts';
import {
  answerWhileStarting,
  createSiblings,
  startWorkers,
  type ToPrimary,
  tightenDataFolder,
  type WorkerProcess,
  workersOf,
} from './operations/index.ts';
import { startRounds } from './timing/rounds.ts';

const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
  .version;

/** For people: a few lines on standard output. What machines read is the log on standard error. */
function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<void> {
  const [command = 'serve', ...rest] = process.argv.slice(2);
  if (command === 'serve') return serve();
  process.exitCode = await runCommand([command, ...rest], {
    say,
    withApp,
    store: () => storeFolder(loadConfig()),
    readFile,
    mail: () => smtpOf(loadConfig()),
  });
}

/** The application on a store that is there already, without listening; instances that serve may run next to it. */
async function withApp(
  work: (app: App, store: string, where: { publicUrl: string; isAssumed: boolean }) => Promise<void>,
): Promise<void> {
  const config = loadConfig();
  const log = createLog('warn', process.stderr);
  const folder = storeFolder(config);
  if (folder !== undefined && !existsSync(join(folder, 'latchkey.db'))) throw noStore(config);
  const storage = await openStore(config, log);
  if (!(await storage.isPrepared())) throw noStore(config);
  const publicUrl = config.LATCHKEY_PUBLIC_URL ?? `http://${config.LATCHKEY_HOST}:${config.LATCHKEY_PORT}`;
  const app = await createApp({
    config,
    sources: readSources(process.env),
    publicUrl,
    storage,
    machineClock: systemClock,
    random: systemRandom,
    log,
    secret: ensureSecret(config, say),
    version,
    serves: false,
  });
  await work(app, storeOf(config), { publicUrl, isAssumed: config.LATCHKEY_PUBLIC_URL === undefined });
  await app.close();
  await storage.close();
}

function noStore(config: Config): Error {
  return new Error(
    `LATCHKEY_DATABASE_URL: ${storeOf(config)} has no Latchkey data. Set it to the store that your Latchkey uses.`,
  );
}

function readFile(path: string): string {
  return readFileSync(path, 'utf8');
}

function loadConfig(): Config {
  return readConfig(process.env, readFile);
}

async function serve(): Promise<void> {
  const config = loadConfig();
  const role = process.env[WORKER_ROLE];
  const log = createLog(config.LATCHKEY_LOG_LEVEL, process.stderr);
  if (role === undefined && workersOf(config.LATCHKEY_WORKERS) > 1) return lead(config, log);
  return answerRequests(config, role === undefined ? log : log.child({ worker: process.pid }), role);
}

/** Several processes answer requests on one port, and this one looks after them. */
async function lead(config: Config, log: Log): Promise<void> {
  // Each worker accepts for itself: a connection that is handed to one that just died would never be answered.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const drainMs = config.LATCHKEY_DRAIN_SECONDS * 1000 + DRAIN_MARGIN_MS;
  const count = workersOf(config.LATCHKEY_WORKERS);
  const workers = startWorkers({ count, start: startWorker, log, onReady: say, drainMs });
  let isStopping = false;
  const stop = (signal: string) => {
    if (isStopping) return;
    isStopping = true;
    log.info({ signal }, 'draining all workers');
    void workers.drain().then(() => process.exit(0));
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  // What is wrong it has said itself.
  process.exitCode = await workers.failed;
}

/** `role`: of a worker; undefined for a process that is alone. */
async function answerRequests(config: Config, log: Log, role: string | undefined): Promise<void> {
  const isFirst = role !== 'follower';
  const siblings = createSiblings(
    role === undefined
      ? undefined
      : {
          send: tellPrimary,
          listen: (hear) => process.on('message', hear),
        },
  );
  if (isFirst) warnOfSurroundings(config, log);
  let app: App | undefined;
  let isStopping = false;
  const { server, stopKeepingAlive } = createHttpServer({
    handle(request, response) {
      if (app) app.handle(request, response);
      else answerWhileStarting(request, response);
    },
    onUnreadable: (unreadable) => app?.noteUnreadable(unreadable) ?? '',
    isTrusted: createTrust(config.LATCHKEY_TRUSTED_PROXIES),
  });
  const address = await listen(server, config.LATCHKEY_PORT, config.LATCHKEY_HOST);
  const host = address.address.includes(':') ? `[${address.address}]` : address.address;
  const listenUrl = `http://${host}:${address.port}`;
  const publicUrl =
    config.LATCHKEY_PUBLIC_URL ??
    `http://${config.LATCHKEY_HOST.includes(':') ? host : config.LATCHKEY_HOST}:${address.port}`;
  const storage = await openStore(config, log);
  await assertNotLost(config, storage);
  const secret = ensureSecret(config, say);
  app = await createApp({
    config,
    sources: readSources(process.env),
    publicUrl,
    listening: address,
    storage,
    machineClock: systemClock,
    random: systemRandom,
    log,
    secret,
    version,
    siblings,
  });
  if (isFirst) await introduce(app, config, publicUrl, log);
  const rounds = startRounds(
    app.rounds.filter(({ ofEachWorker = false }) => isFirst || ofEachWorker),
    log,
    app.hasRightClock,
  );
  const line = `Latchkey ${version} is ready at ${listenUrl}${publicUrl === listenUrl ? '' : ` (public URL ${publicUrl})`}`;
  if (role === undefined) say(line);
  else tellPrimary({ type: 'ready', line });
  log.info({ url: listenUrl, publicUrl, storage: storage.engine, node: process.version }, 'ready');

  const ready = app;
  const stop = (signal: string) => {
    if (isStopping) return;
    isStopping = true;
    log.info({ signal }, 'draining');
    ready.drain();
    stopKeepingAlive();
    void shutDown(server, config.LATCHKEY_DRAIN_SECONDS, async () => {
      await rounds.stop();
      await ready.close();
      await storage.close();
      log.info('stopped');
    }).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopped with an error');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  const { worker } = cluster;
  worker?.once('disconnect', () => {
    // Node would end this process here and now, with the requests under way.
    worker.exitedAfterDisconnect = true;
    if (!isStopping) log.error('the first process ended; its workers drain and end');
    stop('disconnect');
  });
}

function startWorker(role: string): WorkerProcess {
  const worker = cluster.fork({ [WORKER_ROLE]: role });
  return {
    pid: worker.process.pid,
    tell(message) {
      if (worker.isConnected()) worker.send(message);
    },
    kill: (signal) => worker.process.kill(signal),
    onMessage: (hear) => worker.on('message', hear),
    onEnd: (ended) => worker.once('exit', ended),
  };
}

/** A worker whose primary has ended has nobody to tell. */
function tellPrimary(message: ToPrimary): void {
  if (process.connected) process.send?.(message);
}

/** What is said once at the start, however many workers there are. */
async function introduce(app: App, config: Config, publicUrl: string, log: Log): Promise<void> {
  if (config.LATCHKEY_UPSTREAM_ALLOW_PRIVATE) {
    log.warn('LATCHKEY_UPSTREAM_ALLOW_PRIVATE is deprecated: list what you need in LATCHKEY_UPSTREAM_ALLOW');
  }
  if (config.LATCHKEY_PUBLIC_URL === undefined && /^(?:0\.0\.0\.0|::)$/.test(config.LATCHKEY_HOST)) {
    say(`LATCHKEY_PUBLIC_URL is not set. Endpoints are shown as ${publicUrl}, which no identity provider can reach.`);
  }
  await announceOwner(app, config);
  await announceFirstOperator(app, publicUrl);
  const mail = smtpOf(config);
  if (mail) say(`Email is on: from ${mail.from}, through ${new URL(mail.url).host}.`);
  else say('Email is off. To notify contacts, set LATCHKEY_SMTP_URL and LATCHKEY_MAIL_FROM.');
}

/** In the environment of a worker: `lead` or `follower`. Not a setting. */
const WORKER_ROLE = '_LATCHKEY_WORKER';
/** Beyond what the workers give themselves to drain: for what they write at the end. */
const DRAIN_MARGIN_MS = 10_000;
const OLDEST_KEPT_NODE = 22;

/** What makes an attack worse than it has to be, and can be told before anything is served. */
function warnOfSurroundings(config: Config, log: Log): void {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_KEPT_NODE)
    say(`Node.js ${process.versions.node} no longer gets security fixes. Upgrade to Node.js 24.`);
  if (process.getuid?.() === 0) log.warn('started as root: run it as its own user');
  const folder = storeFolder(config);
  if (folder === undefined) return;
  const { closed, left } = tightenDataFolder(folder);
  if (closed.length > 0) log.warn({ closed }, 'others could read the data folder; they no longer can');
  if (left !== undefined)
    log.warn({ folder: left }, 'others can read the data folder: give Latchkey a folder of its own');
}

async function announceFirstOperator(app: App, publicUrl: string): Promise<void> {
  const link = await app.operators.ensureFirst();
  if (link === undefined) return;
  say('Open the dashboard with this sign-in link. It works once, within a day:');
  say('');
  say(`  ${publicUrl}/dashboard/enter/${link.secret}`);
  say('');
  say('Expired? Get another one with `node dist/main.js sign-in-link`.');
  say('');
}

async function announceOwner(app: App, config: Config): Promise<void> {
  const made = await app.apiKeys.ensureOwner(config.LATCHKEY_INITIAL_API_KEY);
  if (made?.key === undefined) return;
  say('');
  say('The owner API key, shown only once:');
  say('');
  say(`  ${made.key}`);
  say('');
  say('Lost it? Create another one with `node dist/main.js api-key create`.');
  say('');
}

process.on('unhandledRejection', crash);
process.on('uncaughtException', crash);

/** A fault that nobody foresaw: say what it was and end; a supervisor starts us again, and nothing acknowledged is lost. */
function crash(error: unknown): never {
  createLog('fatal', process.stderr).fatal({ err: error }, 'unexpected fault');
  process.exit(1);
}

main().catch((error: unknown) => {
  process.stderr.write(`latchkey: ${reasonOf(error)}\n`);
  process.exit(1);
});
