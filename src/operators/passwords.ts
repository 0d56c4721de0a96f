/** Passwords of operators: argon2id digests, a few at a time, and none that everybody tries first. */
import { hash as hashPassword, verify as verifyPassword } from '@node-rs/argon2';
import { AppError } from '../errors.ts';

export const SHORTEST_PASSWORD = 12;
export const LONGEST_PASSWORD = 256;
/**
 * Digests are computed in the thread pool that also resolves names and reads files. Two at a time leave half of its four threads to those,
 * however many people sign in.
 */
const AT_ONCE = 2;
const QUEUE = 16;
const FEWEST_CHARACTERS = 5;

export interface Passwords {
  /** Throws busy. */
  digest(password: string): Promise<string>;
  /** Takes as long for an account without a password. Throws busy. */
  isRight(passwordHash: string | undefined, password: string): Promise<boolean>;
  /** Throws invalid_request for one that is too short, too long or too common. `words`: what others know of the person. */
  assertStrong(password: string, words: readonly string[]): Promise<void>;
}

/** Checked in place of an unknown account's; what it is of doesn't matter. Made at the start, so that no first attempt takes longer. */
let nobody: Promise<string> | undefined;

export function createPasswords(): Passwords {
  const inTurn = createQueue(AT_ONCE, QUEUE);
  nobody ??= hashPassword('nobody');
  const ofNobody = nobody;
  return {
    digest: (password) => inTurn(() => hashPassword(password)),
    isRight: async (passwordHash, password) => {
      const wanted = passwordHash ?? (await ofNobody);
      const isSame = await inTurn(() => verifyPassword(wanted, password.slice(0, LONGEST_PASSWORD)));
      // A longer one was never set, and takes no longer to refuse.
      return isSame && passwordHash !== undefined && password.length <= LONGEST_PASSWORD;
    },
    async assertStrong(password, words) {
      const { length } = password;
      if (length < SHORTEST_PASSWORD || length > LONGEST_PASSWORD)
        throw refused(`It has ${length} characters; use ${SHORTEST_PASSWORD} to ${LONGEST_PASSWORD}.`);
      if (await isCommon(password, words)) throw refused('It is too common.');
    },
  };
}

function refused(why: string): AppError {
  return new AppError('invalid_request', {
    detail: `Choose another password. ${why} A sentence of your own works well.`,
  });
}

/** Runs `most` pieces of work at once and lets `queue` more wait. Throws busy. */
export function createQueue(most: number, queue: number) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= most) {
      if (waiting.length >= queue) throw new AppError('busy');
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running++;
    try {
      return await work();
    } finally {
      // The next caller takes over the place.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

let list: Promise<ReadonlySet<string>> | undefined;

/** Read when the first password is set: nobody else needs it in memory. */
function common(): Promise<ReadonlySet<string>> {
  list ??= import('@zxcvbn-ts/language-common').then(({ dictionary }) => new Set(dictionary['passwords-common']));
  return list;
}

/** Whether it is a common password, or one with digits and signs around it, or repeated, or what others know of the person. */
async function isCommon(password: string, words: readonly string[]): Promise<boolean> {
  const text = password.toLowerCase();
  if (new Set(text).size < FEWEST_CHARACTERS || isSequence(text)) return true;
  const known = await common();
  const core = text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
  const parts = [text, core, unrepeated(text), unrepeated(core)];
  return parts.some((part) => part !== '' && (known.has(part) || words.includes(part)));
}

/** `passwordpassword` is `password`. */
function unrepeated(text: string): string {
  return /^(.+?)\1+$/su.exec(text)?.[1] ?? text;
}

/** `abcdefghijkl`, `210987654321`. */
function isSequence(text: string): boolean {
  const steps = new Set([...text].slice(1).map((character, at) => character.charCodeAt(0) - text.charCodeAt(at)));
  return [1, -1].some((step) => [...steps].every((one) => one === step || Math.abs(one) === 9));
}
