/** Everything that a store keeps, as text that can be searched. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import mongoose from 'mongoose';

export interface Captured {
  /** Where the text was found: a request, a file, a collection. */
  call: string;
  text: string;
}

/** All that the store has on its disk, or in its collections. */
export async function dump(url: string): Promise<Captured[]> {
  if (url.startsWith('file:')) {
    const folder = url.slice('file:'.length);
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    return names.map((name) => ({ call: name, text: readFileSync(join(folder, name), 'latin1') }));
  }
  const connection = await mongoose.createConnection(url).asPromise();
  const collections = (await connection.db?.collections()) ?? [];
  const found = await Promise.all(
    collections.map(async (collection) => ({
      call: collection.collectionName,
      text: JSON.stringify(await collection.find().toArray()),
    })),
  );
  await connection.close();
  assert.ok(found.length > 5);
  return found;
}

/**
 * What a text must not hold of a secret: all of it, all but its prefix, and how Basic writes it. A JWT has no prefix: what follows its first
 * `_` can be a few last characters, which a trace may show.
 */
export function spellingsOf(secret: string): string[] {
  return [secret, secret.replace(/^[a-z]+_/, ''), Buffer.from(secret).toString('base64').slice(0, -4)];
}
