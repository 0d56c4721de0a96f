/** What a MongoDB server does to a request, in the words of the port: one deadline for all of it, and three kinds of failure. */
import mongoose from 'mongoose';
import { DuplicateKey, storageUnavailable } from './index.ts';
import type { Patience } from './patience.ts';

export type Guarded = <T>(collection: string, work: (isGivenUp: () => boolean) => Promise<T>) => Promise<T>;

/** Makes what runs work against the server under one deadline and translates what it throws. */
export function createGuard({ operationMs }: Patience): Guarded {
  return async (collection, work) => {
    let timer: NodeJS.Timeout | undefined;
    let isLate = false;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        isLate = true;
        reject(storageUnavailable(new Error(`no response within ${operationMs} ms`)));
      }, operationMs);
    });
    try {
      return await Promise.race([work(() => isLate), late]);
    } catch (error) {
      const taken = duplicateKey(error);
      if (taken !== undefined) throw new DuplicateKey(collection, taken, { cause: error });
      throw translated(error);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** The same without a deadline. */
export async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translated(error);
  }
}

function translated(error: unknown): unknown {
  return isServerError(error) ? storageUnavailable(error) : error;
}

export function duplicateKey(error: unknown): string | undefined {
  const {
    code,
    keyPattern,
    writeErrors,
    message = '',
  } = (error ?? {}) as {
    code?: unknown;
    keyPattern?: object;
    writeErrors?: { err?: { keyPattern?: object } }[];
    message?: string;
  };
  if (code !== 11000) return undefined;
  // A bulk write carries the pattern one level down, some servers only the index's name.
  const pattern = keyPattern ?? writeErrors?.[0]?.err?.keyPattern;
  const attribute = pattern ? Object.keys(pattern)[0] : (/index: (\w+?)_1/.exec(message)?.[1] ?? '_id');
  return attribute === '_id' ? 'id' : attribute;
}

export function isServerError(error: unknown): boolean {
  return (
    error instanceof mongoose.mongo.MongoError ||
    (error instanceof mongoose.Error &&
      !(error instanceof mongoose.Error.CastError) &&
      !(error instanceof mongoose.Error.StrictModeError))
  );
}

/** The server could not be asked, or its answer was lost: the outcome of a write is not known. */
export function isUnreachable(error: unknown): boolean {
  const { MongoNetworkError, MongoServerSelectionError, MongoPoolClearedError, MongoNotConnectedError } =
    mongoose.mongo as unknown as Record<string, new () => Error>;
  const kinds = [
    MongoNetworkError,
    MongoServerSelectionError,
    MongoPoolClearedError,
    MongoNotConnectedError,
    mongoose.Error.MongooseServerSelectionError,
  ];
  return kinds.some((kind) => kind !== undefined && error instanceof kind);
}
