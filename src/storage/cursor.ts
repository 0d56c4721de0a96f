import { AppError } from '../errors.ts';

/** Where a page ended: the order attribute (ISO time) and the id of its last record. */
export interface Position {
  at: string;
  id: string;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export function encodeCursor(position: Position): string {
  return Buffer.from(JSON.stringify([position.at, position.id])).toString('base64url');
}

export function decodeCursor(cursor: string): Position {
  try {
    const [at, id, ...rest] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (
      typeof at === 'string' &&
      typeof id === 'string' &&
      rest.length === 0 &&
      TIME.test(at) &&
      !Number.isNaN(Date.parse(at))
    ) {
      return { at, id };
    }
  } catch {
    // falls through: not base64url, or not JSON
  }
  throw new AppError('invalid_cursor', { given: cursor.slice(0, 200) });
}

/** `rows` holds one record more than `limit` where there is a next page. */
export function toPage<R extends { id: string }>(rows: R[], limit: number, order: string) {
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return {
    items,
    nextCursor: last
      ? encodeCursor({ at: ((last as Record<string, unknown>)[order] as Date).toISOString(), id: last.id })
      : null,
  };
}
