/**
 * Inserts and compare-and-swap over documents, whatever keeps them: MongoDB, or the model of it that the tests run. `_id` is the record's ID,
 * `revision` counts its changes, `_nonce` says which insert made it.
 */
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { createTurns } from '../timing/turns.ts';
import { storageUnavailable } from './index.ts';
import type { CollectionSpec, Identified, ReadOptions } from './port.ts';
import { attributesOf, checkRecord } from './shape.ts';

export type Document = Record<string, unknown> & { _id: string; revision: number };

/** What a server does with single documents. What it throws is told apart by the two questions at the end. */
export interface DocumentServer {
  insert(document: Document): Promise<void>;
  /** Without `authoritative` a deposed primary may answer from its past. */
  find(id: string, options?: ReadOptions): Promise<Document | null>;
  /** Whether that very insert was applied; sees everything that was. */
  isStored(id: string, nonce: string): Promise<boolean>;
  /** Changes the document if it still has that revision, and says whether it had. */
  swap(id: string, revision: number, changes: { set: Record<string, unknown>; unset: string[] }): Promise<boolean>;
  pause(ms: number): Promise<void>;
  isDuplicate(error: unknown): boolean;
  /** The server could not be asked, or its answer was lost: the outcome of a write is not known. */
  isUncertain(error: unknown): boolean;
}

export interface Documents<R extends Identified> {
  insert(record: R, isGivenUp: () => boolean): Promise<void>;
  update(
    id: string,
    change: (record: R) => R | undefined,
    isGivenUp: () => boolean,
  ): Promise<{ before: R; after: R } | undefined>;
  encode(record: R): Document;
  decode(document: Document): R;
}

const SWAP_PAUSE_MS = 4;

export function createDocuments<R extends Identified>(
  { name, shape }: CollectionSpec,
  server: DocumentServer,
): Documents<R> {
  const decode = ({ _id, revision: _revision, _nonce, ...rest }: Document) => ({ id: _id, ...rest }) as unknown as R;
  const encode = (record: R): Document => {
    checkRecord(name, shape, record);
    const { id, ...rest } = record;
    return { _id: id, revision: 1, ...defined(rest) };
  };

  async function insert(record: R, isGivenUp: () => boolean): Promise<void> {
    const nonce = randomBytes(9).toString('base64url');
    const document = { ...encode(record), _nonce: nonce };
    for (let isSecondTry = false; ; isSecondTry = true) {
      try {
        await server.insert(document);
        return;
      } catch (error) {
        // The first try may have been applied although its answer was lost. An ID can be derived from what it stands for, so that alone
        // does not say whose record it is: the nonce does.
        if (isSecondTry && server.isDuplicate(error) && (await server.isStored(record.id, nonce))) return;
        if (isSecondTry || isGivenUp() || !server.isUncertain(error)) throw error;
      }
    }
  }

  /** Writers of one record in this process take turns: only other processes are left to swap against. */
  const inTurn = createTurns();

  /**
   * Writes the declared attributes that differ and leaves the rest, which a later release may have added. The swap proves that what a change
   * read was current. Where nothing is written there is no such proof, so every other outcome (absent, already so, refused) is decided again
   * on an authoritative read: a deposed primary would still show what was before.
   */
  async function update(id: string, change: (record: R) => R | undefined, isGivenUp: () => boolean) {
    let authoritative = false;
    for (let attempt = 0; ; attempt++) {
      assertWanted(isGivenUp);
      const found = await server.find(id, { authoritative });
      // Its caller was told that it failed: it must not overtake what has been done since.
      assertWanted(isGivenUp);
      const decided = decide(found, change, authoritative);
      if (decided === 'read again') {
        authoritative = true;
        continue;
      }
      if (!found || !decided || decided.after === decided.before) return decided;
      const { before, after } = decided;
      checkRecord(name, shape, after, before);
      if (await server.swap(id, found.revision, differences(before, after))) return { before, after };
      // Another writer came first: a short, growing, uneven pause keeps many of them from meeting again.
      await server.pause(Math.random() * SWAP_PAUSE_MS * Math.min(attempt + 1, 10));
    }
  }

  function decide(found: Document | null, change: (record: R) => R | undefined, isCertain: boolean) {
    if (!found) return isCertain ? undefined : 'read again';
    const before = decode(found);
    try {
      const after = change(before) ?? before;
      return after === before && !isCertain ? 'read again' : { before, after };
    } catch (error) {
      if (isCertain) throw error;
      return 'read again';
    }
  }

  function differences(before: R, after: R): { set: Record<string, unknown>; unset: string[] } {
    const [old, changed] = [before as Record<string, unknown>, after as Record<string, unknown>];
    const differing = attributesOf(shape)
      .map(({ name }) => name)
      .filter((attribute) => !isDeepStrictEqual(old[attribute], changed[attribute]));
    return {
      set: Object.fromEntries(
        differing.filter((one) => changed[one] !== undefined).map((one) => [one, plain(changed[one])]),
      ),
      unset: differing.filter((one) => changed[one] === undefined),
    };
  }

  return {
    insert,
    update: (id, change, isGivenUp) => inTurn(id, () => update(id, change, isGivenUp)),
    encode,
    decode,
  };
}

function assertWanted(isGivenUp: () => boolean): void {
  if (isGivenUp()) throw storageUnavailable(new Error('given up'));
}

/** Without the attributes that are undefined. */
export function defined(values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** Without the undefined values, which the driver would write as null. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([name, inner]) => [name, plain(inner)]),
  );
}
