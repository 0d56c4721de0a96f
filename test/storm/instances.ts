/** Three processes of Latchkey, each with a network of its own to the store and a clock that can be set. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { freePort, type MongoServer } from '../support/mongo-server.ts';
import { type LatchkeyProcess, startLatchkey } from '../support/process.ts';
import { pause } from '../support/traffic.ts';
import { createNetwork, type Network } from './network.ts';

export const LEASE_MS = 1000;
const CLOCK = pathToFileURL(join(import.meta.dirname, 'stepped-clock.js')).href;
const LINES_TOLD = 12;

export interface Instance {
  name: string;
  url: string;
  port: number;
  network: Network;
  /** Starts it, again and again where the store can't be reached; false when `giveUp` says that it is of no use any more. */
  start(giveUp?: () => boolean): Promise<boolean>;
  /** Ends it by a signal, and waits for its end. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Sends a signal to it where it runs. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  setClock(aheadMs: number): void;
  close(): Promise<void>;
}

/** `onCrash` hears of each end that nobody asked for. */
export async function createInstance(
  name: string,
  { server, publicUrl, onCrash }: { server: MongoServer; publicUrl: string; onCrash: (what: string) => void },
): Promise<Instance> {
  const network = await createNetwork(Number(new URL(server.origin).port));
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-storm-'));
  const clockFile = join(folder, 'clock');
  writeFileSync(clockFile, '0');
  let running: LatchkeyProcess | undefined;

  async function startOnce(): Promise<void> {
    const started = await startLatchkey({
      // Directly: the address by which the server knows itself leads past this network.
      databaseUrl: `mongodb://127.0.0.1:${network.port}/storm?directConnection=true`,
      env: {
        NODE_OPTIONS: `--import=${CLOCK}`,
        LATCHKEY_TEST_CLOCK_FILE: clockFile,
        LATCHKEY_PORT: `${port}`,
        LATCHKEY_PUBLIC_URL: publicUrl,
        LATCHKEY_LEASE_MS: `${LEASE_MS}`,
        LATCHKEY_DRAIN_SECONDS: '3',
        // No token retires within a run: whoever looks at the history can't know when it would.
        LATCHKEY_RETIRE_QUIET_SECONDS: '31536000',
        LATCHKEY_FAILURES_PER_ADDRESS: '1000000000',
        LATCHKEY_FAILURES_PER_DIRECTORY: '1000000000',
        LATCHKEY_OAUTH_ALLOW_HTTP_REDIRECTS: 'true',
        LATCHKEY_LOG_LEVEL: 'fatal',
      },
    });
    running = started;
    started.child.once('exit', (code, signal) => {
      if (running !== started) return;
      running = undefined;
      const said = started.output().trim().split('\n').slice(-LINES_TOLD).join('\n');
      onCrash(`${name} ended by itself (${code ?? signal}):\n${said}`);
    });
  }

  return {
    name,
    port,
    url: `http://127.0.0.1:${port}`,
    network,
    async start(giveUp = () => false) {
      while (!giveUp()) {
        try {
          await startOnce();
          return true;
        } catch {
          // The store could not be reached for longer than a start waits: a supervisor tries again.
          await pause(500);
        }
      }
      return false;
    },
    async end(signal) {
      const ending = running;
      running = undefined;
      await ending?.end(signal);
    },
    signal(signal) {
      running?.child.kill(signal);
    },
    setClock(aheadMs) {
      writeFileSync(clockFile, `${aheadMs}`);
      running?.child.kill('SIGUSR2');
    },
    async close() {
      const ending = running;
      running = undefined;
      ending?.child.kill('SIGCONT');
      await ending?.end('SIGKILL');
      await network.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
