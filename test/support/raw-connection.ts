/** A connection on which a test writes what it likes, piece by piece. */
import { connect, type Socket } from 'node:net';

export interface RawConnection {
  socket: Socket;
  /** All that came, once the connection is closed. */
  all: Promise<string>;
  /** Resolves when that has come. */
  until(text: string): Promise<void>;
}

export function openRaw(origin: string): RawConnection {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  const all = new Promise<string>((resolve) => socket.once('close', () => resolve(received)));
  async function until(text: string): Promise<void> {
    while (!received.includes(text)) await new Promise((resolve) => socket.once('data', resolve));
  }
  return { socket, all, until };
}
