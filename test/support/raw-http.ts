/** HTTP by hand over a socket, byte for byte: fetch would tidy up what must arrive as it is. */
import { connect, type Socket } from 'node:net';

export interface RawReply {
  /** 0: the connection was closed, or nothing came in time. */
  status: number;
  head: string;
}

export interface RawClient {
  send(request: Buffer, method: string): Promise<RawReply>;
  close(): void;
}

const PATIENCE_MS = 60_000;

/** One connection at a time, kept while the server keeps it; one request after the other. */
export function createRawClient(port: number): RawClient {
  let socket: Socket | undefined;

  function open(): Socket {
    const opened = connect(port, '127.0.0.1');
    opened.setNoDelay(true);
    socket = opened;
    opened.on('error', () => undefined);
    opened.once('close', () => {
      if (socket === opened) socket = undefined;
    });
    return opened;
  }

  return {
    send(request, method) {
      const current = socket ?? open();
      return new Promise((resolve) => {
        let received = Buffer.alloc(0);
        const timer = setTimeout(() => finish({ status: 0, head: 'no answer in time' }), PATIENCE_MS);
        const finish = (reply: RawReply) => {
          clearTimeout(timer);
          current.off('data', onData).off('close', onClose);
          if (reply.status === 0 || /^connection: close/im.test(reply.head)) {
            current.destroy();
            if (socket === current) socket = undefined;
          }
          resolve(reply);
        };
        const onClose = () => finish(read(received) ?? { status: 0, head: received.toString('latin1') });
        const onData = (chunk: Buffer) => {
          received = Buffer.concat([received, chunk]);
          const reply = read(received);
          if (reply && isComplete(received, reply, method)) finish(reply);
        };
        current.on('data', onData).on('close', onClose);
        current.write(request);
      });
    },
    close: () => socket?.destroy(),
  };
}

function read(received: Buffer): RawReply | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const head = received.subarray(0, end).toString('latin1');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  // An interim answer is not the answer.
  return status < 200 ? read(received.subarray(end + 4)) : { status, head };
}

function isComplete(received: Buffer, { head }: RawReply, method: string): boolean {
  if (method === 'HEAD') return true;
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  const start = received.indexOf(head, 0, 'latin1') + head.length + 4;
  if (length !== undefined) return received.length - start >= Number(length);
  return !/^transfer-encoding: *chunked/im.test(head) || received.subarray(start).includes('0\r\n\r\n');
}

/** Numbers that look random and are the same for the same seed (mulberry32). */
export function createDice(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (limit: number) => Math.floor(next() * limit),
    pick: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T,
    chance: (share: number) => next() < share,
  };
}

export type Dice = ReturnType<typeof createDice>;
