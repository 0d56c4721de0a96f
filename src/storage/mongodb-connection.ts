/**
 * The connection to MongoDB. What the invariants rest on (majority, journal, the primary, retries, time-outs) is ours to say: a URL that says
 * otherwise is refused, not overruled in silence.
 */

import { ConnectionString } from 'mongodb-connection-string-url';
import mongoose, { type Connection } from 'mongoose';
import type { Log } from '../log.ts';
import { storageUnavailable } from './index.ts';
import { isUnreachable } from './mongodb-faults.ts';
import type { Patience } from './patience.ts';

/** How long the first connection may take: a database that starts together with us is waited for. */
const START_MS = 30_000;

/** Options of a URL that only say how to reach the servers and who we are. */
const FREE_OPTIONS = [
  'appname',
  'authmechanism',
  'authmechanismproperties',
  'authsource',
  'compressors',
  'directconnection',
  'maxconnecting',
  'maxidletimems',
  'maxpoolsize',
  'minpoolsize',
  'proxyhost',
  'proxypassword',
  'proxyport',
  'proxyusername',
  'replicaset',
  'srvmaxhosts',
  'srvservicename',
  'ssl',
  'tls',
  'tlscafile',
  'tlscertificatekeyfile',
  'tlscertificatekeyfilepassword',
  'tlscrlfile',
  'zlibcompressionlevel',
];

/** Options that Latchkey sets itself, and the values that change nothing. A hosting provider's URL often names them. */
const OWN_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  journal: ['true'],
  j: ['true'],
  readconcernlevel: ['majority'],
  readpreference: ['primary'],
  retryreads: ['true'],
  retrywrites: ['true'],
  w: ['majority'],
};

/**
 * Checks a `mongodb://` or `mongodb+srv://` URL. Throws an Error that names the part that can't be, and what is wanted; never the user or the
 * password.
 */
export function checkMongodbUrl(url: string): void {
  let parsed: ConnectionString;
  try {
    parsed = new ConnectionString(url);
  } catch {
    throw new Error('it is not a MongoDB URL; expected mongodb://HOST[,HOST...]/DATABASE?replicaSet=NAME');
  }
  if (!/^\/[^/]+$/.test(parsed.pathname)) {
    throw new Error(
      'it names no database; add one after the hosts, as in mongodb://db1,db2,db3/latchkey?replicaSet=rs0',
    );
  }
  for (const [name, value] of parsed.searchParams) {
    const key = name.toLowerCase();
    if (FREE_OPTIONS.includes(key)) continue;
    const harmless = OWN_OPTIONS[key];
    if (harmless?.includes(value.toLowerCase())) continue;
    throw new Error(
      harmless
        ? `its option ${name}=${value.slice(0, 40)} would weaken what Latchkey promises; remove it (Latchkey itself sets ${name}=${harmless[0]})`
        : `its option ${name} is not one that Latchkey takes from the URL; remove it`,
    );
  }
}

/** Connects to the replica set, and waits for it for a while. Throws storage_unavailable, whose cause says what is wrong. */
export async function connectMongodb(url: string, log: Log, patience: Patience): Promise<Connection> {
  checkMongodbUrl(url);
  const deadline = performance.now() + START_MS;
  for (;;) {
    const connection = mongoose.createConnection(url, {
      bufferCommands: false,
      autoIndex: false,
      autoCreate: false,
      serverSelectionTimeoutMS: patience.selectionMs,
      connectTimeoutMS: patience.selectionMs,
      heartbeatFrequencyMS: patience.heartbeatMs,
      maxPoolSize: 50,
      waitQueueTimeoutMS: patience.operationMs,
      readPreference: 'primary',
      readConcernLevel: 'majority',
      writeConcern: { w: 'majority', journal: true },
      retryWrites: true,
      retryReads: true,
      appName: 'latchkey',
    });
    try {
      await connection.asPromise();
      await demandReplicaSet(connection);
      return connection;
    } catch (error) {
      await connection.close().catch(() => undefined);
      // A wrong URL or password does not become right.
      if (!isUnreachable(error) || performance.now() > deadline) throw storageUnavailable(error);
      log.warn({ err: error }, 'MongoDB cannot be reached yet; trying again');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

async function demandReplicaSet(connection: Connection): Promise<void> {
  if (typeof (await helloOf(connection))['setName'] === 'string') return;
  throw new Error(
    'the server is not a member of a replica set; start it with --replSet and run rs.initiate() once (one member is enough for a trial)',
  );
}

/** What the primary says of itself (`hello`): its set, and its own time. */
export async function helloOf(connection: Connection): Promise<Record<string, unknown>> {
  return (await connection.db?.admin().command({ hello: 1 })) ?? {};
}
