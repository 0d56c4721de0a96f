/**
 * Finds the oldest entry of a map that forgets in the order of its insertions. `map.entries().next()` steps over every entry that was deleted
 * since the map last grew, 40,000 of them for each new key of a full map, so several are read in one go. An iterator that is kept instead
 * keeps every table that the map has outgrown, with all that was in them.
 */

const READ_AT_ONCE = 500;

/** Gives the entry that was inserted the longest ago. A caller that moves an entry in the map sets a new value. */
export function createOldestEntry<K, V>(map: ReadonlyMap<K, V>): () => readonly [key: K, value: V] | undefined {
  /** The oldest as of the last reading, the oldest last. What was inserted since is newer than all of them. */
  let read: (readonly [key: K, value: V])[] = [];

  return () => {
    for (;;) {
      const oldest = read.at(-1);
      if (oldest === undefined) {
        if (map.size === 0) return undefined;
        read = firstOf(map);
      } else if (map.get(oldest[0]) === oldest[1]) return oldest;
      // It was deleted, or inserted again: it is no longer the oldest.
      else read.pop();
    }
  };
}

function firstOf<K, V>(map: ReadonlyMap<K, V>): (readonly [key: K, value: V])[] {
  const first: [K, V][] = [];
  for (const entry of map) if (first.push(entry) === READ_AT_ONCE) break;
  return first.reverse();
}
