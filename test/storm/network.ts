/** The network between one instance and the store: it can be slow, hold everything back, or cut what is open and refuse what is new. */
import { connect, createServer, type Socket } from 'node:net';
import { pause } from '../support/traffic.ts';

export interface Network {
  port: number;
  /** Each packet takes so long from now on, both ways. */
  slow(latencyMs: number): void;
  /** Nothing passes until `heal`, and nobody is told. */
  hold(): void;
  /** Ends all connections, in the middle of whatever they carry; refuses new ones until `heal`. */
  cut(): void;
  heal(): void;
  close(): Promise<void>;
}

export async function createNetwork(targetPort: number): Promise<Network> {
  const sockets = new Set<Socket>();
  let latencyMs = 0;
  let isCut = false;
  let release = () => {};
  let held = Promise.resolve();

  function carry(from: Socket, to: Socket): void {
    let turn = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      const dueAt = performance.now() + latencyMs;
      turn = turn.then(async () => {
        const leftMs = dueAt - performance.now();
        if (leftMs > 0) await pause(leftMs);
        await held;
        if (!to.destroyed) to.write(chunk);
      });
    });
  }

  const server = createServer((client) => {
    client.on('error', () => undefined);
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect(targetPort, '127.0.0.1');
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay();
      socket.on('error', end).on('close', end);
      socket.once('close', () => sockets.delete(socket));
    }
    carry(client, upstream);
    carry(upstream, client);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');

  const cutAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    slow(ms) {
      latencyMs = ms;
    },
    hold() {
      held = new Promise((resolve) => {
        release = resolve;
      });
    },
    cut() {
      isCut = true;
      cutAll();
    },
    heal() {
      latencyMs = 0;
      isCut = false;
      release();
    },
    async close() {
      release();
      cutAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
