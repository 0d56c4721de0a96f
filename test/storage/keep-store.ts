/** `npm run keep:store`, at each release: keeps the store as this version writes it, for the suites of all later ones. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mongodbAt, sqlite } from '../support/engines.ts';
import { createMongoServer } from '../support/mongo-server.ts';
import { dump, FOLDER, fill, openStore } from './released-store.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const server = await createMongoServer({ survivesKill: false });
try {
  mkdirSync(FOLDER, { recursive: true });
  for (const engine of [sqlite, mongodbAt(server.origin)]) {
    const file = join(FOLDER, `${version.replaceAll('.', '-')}-${engine.name}.json`);
    if (existsSync(file)) throw new Error(`${file} is there already: what a release left stays as it is`);
    const place = engine.place();
    const store = await openStore(place);
    const given = await fill(store);
    await store.close();
    writeFileSync(file, `${JSON.stringify({ given, ...(await dump(engine.name, place.url)) }, null, 1)}\n`);
    await place.remove();
    console.log(`kept ${file}`);
  }
} finally {
  await server.stop();
}
