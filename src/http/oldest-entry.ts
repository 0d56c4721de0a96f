/**
 * Finds the oldest entry of a map that forgets in the order of its insertions. `map.keys().next()` steps over every entry that was deleted since
 * the map last grew: 40,000 of them for each new key of a full map.
 */

/** Gives the entry that was inserted the longest ago. A caller that moves an entry in the map sets a new value. */
export function createOldestEntry<K, V>(map: ReadonlyMap<K, V>): () => readonly [key: K, value: V] | undefined {
  /** It goes on from where it stood. */
  let walk = map.entries();
  let oldest: readonly [key: K, value: V] | undefined;

  return () => {
    // An entry that was deleted, or inserted again, is no longer the oldest.
    while (oldest === undefined || map.get(oldest[0]) !== oldest[1]) {
      const next = walk.next();
      oldest = next.value;
      if (!next.done) continue;
      if (map.size === 0) return undefined;
      walk = map.entries();
    }
    return oldest;
  };
}
