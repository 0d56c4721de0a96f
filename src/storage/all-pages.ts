import type { Page } from './port.ts';

/** All pages of a list, one after the other, each read when the one before was taken. */
export async function* allPages<R>(read: (after: string | undefined) => Promise<Page<R>>): AsyncGenerator<R[]> {
  let after: string | undefined;
  do {
    const { items, nextCursor } = await read(after);
    yield items;
    after = nextCursor ?? undefined;
  } while (after !== undefined);
}
