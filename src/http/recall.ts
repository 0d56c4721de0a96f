/**
 * Remembers what was worked out of a text alone, such as the digest of a token: identity providers send the same header with each request.
 * It decides nothing. What a token may do is asked of the lease cache each time, so a revoked one is refused just as soon.
 */

export type Recall<V> = (text: string) => V;

/** Longer texts are worked out each time. */
const LONGEST = 256;

/** Keeps at most twice `most` values: when that many are new, those that were not asked for since the last time are forgotten. */
export function createRecall<V extends object | string | boolean>(make: (text: string) => V, most = 4096): Recall<V> {
  let young = new Map<string, V>();
  let old = new Map<string, V>();

  return (text) => {
    const known = young.get(text);
    if (known !== undefined) return known;
    const value = old.get(text) ?? make(text);
    if (text.length > LONGEST) return value;
    if (young.size >= most) {
      old = young;
      young = new Map();
    }
    young.set(text, value);
    return value;
  };
}
