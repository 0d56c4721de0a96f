/** What `Storage.prepare` has to do once to the events of earlier releases. */
import { isDeepStrictEqual } from 'node:util';
import type { Collection, Migration } from '../storage/index.ts';
import { PAYLOADS } from './events.ts';
import { cleaned } from './payload.ts';
import { placeOf } from './places.ts';
import type { Untold } from './subscribers.ts';

const CLEANED_AT_ONCE = 200;

export function migrationsOf(events: Collection<Untold>): readonly Migration[] {
  return [
    { name: 'clean_events', run: cleanEvents },
    { name: 'place_events', run: placeEvents },
  ];

  /** Events of earlier releases were written without the key by which a directory's own are found. */
  async function placeEvents(): Promise<void> {
    let after: string | undefined;
    do {
      const { items, nextCursor } = await events.page({ after, limit: CLEANED_AT_ONCE });
      for (const event of items)
        if (event.place !== placeOf(event).place) await events.update(event.id, (now) => ({ ...now, ...placeOf(now) }));
      after = nextCursor ?? undefined;
    } while (after !== undefined);
  }

  /** Earlier releases kept what callers sent as it came. */
  async function cleanEvents(): Promise<void> {
    let after: string | undefined;
    do {
      const { items, nextCursor } = await events.page({ after, limit: CLEANED_AT_ONCE });
      for (const { id, type, data } of items) {
        if (isDeepStrictEqual(cleaned(PAYLOADS[type], data), data)) continue;
        // Counted meanwhile by another instance: its latest state is cleaned.
        await events.update(id, (event) => ({ ...event, data: cleaned(PAYLOADS[type], event.data) }));
      }
      after = nextCursor ?? undefined;
    } while (after !== undefined);
  }
}
