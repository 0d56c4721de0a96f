/** Stands between a client and a server, and can cut a connection just when a request was carried out and its answer is on the way. */
import { connect, createServer, type Socket } from 'node:net';

export interface ConnectionCutter {
  port: number;
  /** The next request that contains `text` reaches the server; its answer does not reach the client. */
  loseAnswerTo(text: string): void;
  /** How many answers were lost so far. */
  lost(): number;
  close(): Promise<void>;
}

export async function createConnectionCutter(targetPort: number): Promise<ConnectionCutter> {
  let wanted: string | undefined;
  let lost = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    let isDoomed = false;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
      socket.once('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk: Buffer) => {
      if (wanted !== undefined && chunk.includes(wanted)) {
        wanted = undefined;
        isDoomed = true;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (!isDoomed) {
        client.write(chunk);
        return;
      }
      lost++;
      end();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    loseAnswerTo(text) {
      wanted = text;
    },
    lost: () => lost,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
