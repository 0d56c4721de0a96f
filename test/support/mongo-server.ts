import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { findCommand } from './parts.ts';
import { makeStoreFolder } from './store-folder.ts';

/** SecantusDB as it is started here, for the Python that its command stands next to. */
const SECANTUSD = 'test/python/secantusd.py';

/** A MongoDB server of the test's own: it can be killed and started again on the same data. */
export interface MongoServer {
  /** Connection string without a database name. */
  origin: string;
  /** A database of its own on that server. */
  database(name: string): string;
  start(): Promise<void>;
  kill(): Promise<void>;
  /** Stops the process in its tracks: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** `survivesKill: false` spares a disk write a commit where no test kills the server. */
export async function createMongoServer({ survivesKill = true } = {}): Promise<MongoServer> {
  const command = findCommand('mongodb');
  if (!command) throw new Error('no MongoDB server on this machine');
  const port = await freePort();
  const folder = makeStoreFolder('mongodb');
  const isMongod = command.endsWith('mongod');
  const program = isMongod ? command : join(dirname(command), 'python3');
  const args = isMongod
    ? [
        '--port',
        `${port}`,
        '--bind_ip',
        '127.0.0.1',
        '--dbpath',
        folder,
        '--replSet',
        'rs0',
        '--setParameter',
        'enableTestCommands=1',
      ]
    : [
        SECANTUSD,
        '--host',
        '127.0.0.1',
        '--port',
        `${port}`,
        '--storage-path',
        folder,
        '--enable-test-commands',
        // Its log of operations makes writes slower the longer it grows; nothing here reads it.
        '--oplog-max-entries',
        '500',
        '--oplog-retention-seconds',
        '10',
        ...(survivesKill ? ['--sync-on-commit'] : []),
      ];
  const origin = `mongodb://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    child = spawn(program, args, { stdio: 'ignore' });
    await untilOpen(port);
    if (isMongod) await initiate(origin);
  }
  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await ended;
  }
  await start();
  return {
    origin,
    database: (name) => `${origin}/${name}`,
    start,
    kill: () => end('SIGKILL'),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async stop() {
      await end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** mongo-java-server, for the meaning of queries: it keeps everything in memory and knows no replica set. */
export async function createMemoryServer(): Promise<Pick<MongoServer, 'origin' | 'stop'>> {
  const command = findCommand('memory-server');
  if (!command) throw new Error('no mongo-java-server on this machine');
  const port = await freePort();
  const options = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', '.cache/mongo-java-server/*'];
  const child = spawn(command, [...options, 'test/java/memory-server.java', `${port}`], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await untilOpen(port);
  return {
    origin: `mongodb://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function untilOpen(port: number): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing listens on port ${port}`);
}

async function initiate(origin: string): Promise<void> {
  const { default: mongoose } = await import('mongoose');
  const connection = await mongoose.createConnection(`${origin}/?directConnection=true`).asPromise();
  try {
    await connection.db?.admin().command({ replSetInitiate: {} });
  } catch (error) {
    if ((error as { codeName?: string }).codeName !== 'AlreadyInitialized') throw error;
  } finally {
    await connection.close();
  }
}
