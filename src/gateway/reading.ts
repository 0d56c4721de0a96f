/**
 * What undici reads of a SCIM server. It takes all that a socket holds, and when it pauses puts the rest back: the socket then reads more, and
 * holds more each time, until a long answer is in memory as a whole and copied again for each of its pieces. So it is given a little at a time.
 *
 * Nor is it paused: where the connection of a paused answer ends, and was not to be kept, it throws an assertion that nobody can catch
 * (https://github.com/nodejs/undici/issues/5360; its release with the fix needs Node.js 22). While an answer has to wait, its socket has nothing
 * to read instead, and neither its end nor what is behind it comes out.
 *
 * It also takes interim answers out of what a SCIM server sends. We ask for none, but a server may send `100 Continue` all the same, before or after
 * others, and the answer follows (RFC 9110 15.2); undici ends the connection on it. `101` is no interim answer: nothing follows in HTTP.
 */
import type { Socket } from 'node:net';

const INTERIM = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r]/;
/** As much of a head as has to be in before it is known for one or for none. */
const START = 'HTTP/1.1 100 ';
const END = '\r\n\r\n';
/** A status line with a few headers; more is no interim answer of anybody. */
const LONGEST = 8192;

/** What undici gets at once. */
const READ_BYTES = 64 * 1024;

/** Whether an answer begins that is no interim one: `HTTP/1.1 2`, as nearly all do. */
function isFinal(chunk: Buffer): boolean {
  return chunk.length > 9 && chunk[9] !== 0x31;
}

/** Lets undici read on. May be called again. */
export type ReadOn = () => void;

/** Of the socket from which undici read last: its answers are told in the same turn. */
let hold: (() => ReadOn) | undefined;

/** For an answer that is being told of a piece: no more is read of it for now. */
export function holdReading(): ReadOn {
  if (!hold) throw new Error('no answer is being read');
  return hold();
}

/** Guides what is read from a socket on which undici is about to speak HTTP. */
export function guideReading(socket: Socket): void {
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket);
  /** A request went out, and nothing of its answer is in yet. */
  let isWaiting = false;
  let held = Buffer.alloc(0);
  let isOnHold = false;

  const holdThis = (): ReadOn => {
    isOnHold = true;
    return () => {
      if (!isOnHold) return;
      isOnHold = false;
      // undici may be at work on a piece of this socket, and reads the next one anyway then.
      queueMicrotask(() => socket.emit('readable'));
    };
  };

  // undici writes heads as text and bodies as bytes.
  socket.write = ((chunk: string | Uint8Array, ...rest: never[]) => {
    if (typeof chunk === 'string') isWaiting = true;
    return write(chunk, ...rest);
  }) as Socket['write'];

  socket.read = (size?: number): Buffer | null => {
    if (isOnHold) return null;
    const chunk = read(size ?? (socket.readableLength > READ_BYTES ? READ_BYTES : undefined)) as Buffer | null;
    hold = holdThis;
    if (!isWaiting || chunk === null) return chunk;
    if (held.length === 0 && isFinal(chunk)) {
      isWaiting = false;
      return chunk;
    }
    let bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    held = Buffer.alloc(0);
    for (;;) {
      const text = bytes.toString('latin1', 0, LONGEST);
      const mayBecome = text.length < START.length && INTERIM.test(text + START.slice(text.length));
      const end = INTERIM.test(text) ? text.indexOf(END) : undefined;
      if (end === undefined && !mayBecome) {
        isWaiting = false;
        return bytes;
      }
      if (end === undefined || end === -1) {
        if (bytes.length >= LONGEST) {
          isWaiting = false;
          return bytes;
        }
        held = Buffer.from(bytes);
        return null;
      }
      bytes = bytes.subarray(end + END.length);
      if (bytes.length === 0) return null;
    }
  };
}
