/** Stores with many credentials, two per directory, written through the storage port in large batches; 1000 of them can be presented. */
import { createHash } from 'node:crypto';
import { createApp } from '../../src/app/index.ts';
import { systemClock } from '../../src/clock.ts';
import { readConfig, readSources } from '../../src/config/index.ts';
import { type Credential, digestOf, hintOf } from '../../src/credentials/index.ts';
import { slotKey } from '../../src/credentials/records.ts';
import { mintToken } from '../../src/credentials/static-token.ts';
import type { Directory, Organization } from '../../src/directories/index.ts';
import { systemRandom } from '../../src/identifiers.ts';
import { type Collection, type Identified, openStorage, type Storage } from '../../src/storage/index.ts';
import { silent } from '../support/engines.ts';

/** A token that the load presents, and the endpoint it is for. */
export interface Bearer {
  token: string;
  endpointKey: string;
}

/** The stored keys are encrypted with it, so the server that opens the store is started with the same. */
export const SECRET = 'a secret of the bench, long enough for use';

const PRESENTED = 1000;
/** At once: SQLite puts them into one transaction, MongoDB gets a command for each. */
const BATCH = { sqlite: 20_000, mongodb: 200 };
const ACTOR = { type: 'system', name: 'bench' } as const;

export function organizationIdOf(number: number): string {
  return `org_bench000${String(number).padStart(12, '0')}`;
}

export function directoryIdOf(number: number): string {
  return `dir_bench000${String(number).padStart(12, '0')}`;
}

/** Writes `count` credentials into an empty store and returns those that are presented, spread over all of them. */
export async function fillStore(
  databaseUrl: string,
  count: number,
  upstreamUrl: string,
  progress: (stored: number) => void,
  organizationCount = 1,
): Promise<Bearer[]> {
  // What is written is thrown away after the run, so it need not survive power loss.
  const storage = await openStorage({ url: databaseUrl, clock: systemClock, log: silent, sqliteSynchronous: 'normal' });
  try {
    const collections = await collectionsOf(storage);
    const organizations = collections('organizations') as Collection<Organization>;
    const directories = collections('directories') as Collection<Directory>;
    const credentials = collections('credentials') as Collection<Credential>;
    const now = systemClock.now();
    for (let from = 0; from < organizationCount; from += BATCH.mongodb) {
      const numbers = Array.from({ length: Math.min(BATCH.mongodb, organizationCount - from) }, (_, at) => from + at);
      await Promise.all(
        numbers.map((number) =>
          organizations.insert({
            id: organizationIdOf(number),
            name: `Northwind Traders ${number}`,
            createdAt: now,
            updatedAt: now,
          }),
        ),
      );
    }

    const stride = Math.max(1, Math.floor(count / PRESENTED));
    const bearers: Bearer[] = [];
    const batch = BATCH[storage.engine];
    for (let from = 0; from < count; from += batch) {
      const to = Math.min(count, from + batch);
      const writes: Promise<void>[] = [];
      for (let index = from; index < to; index++) {
        const number = String(Math.floor(index / 2)).padStart(12, '0');
        const organizationId = organizationIdOf(Math.floor(index / 2) % organizationCount);
        const [directoryId, endpointKey] = [directoryIdOf(Math.floor(index / 2)), `bench-${number}`];
        const slot = index % 2 === 0 ? 'a' : 'b';
        if (slot === 'a') {
          const names = {
            id: directoryId,
            organizationId,
            name: 'Okta production',
            provider: 'okta',
            endpointKey,
          } as const;
          writes.push(directories.insert({ ...names, upstreamUrl, state: 'active', createdAt: now, updatedAt: now }));
        }
        const isPresented = index % stride === 0 && bearers.length < PRESENTED;
        const token = isPresented ? mintToken('scim_', systemRandom) : undefined;
        if (token !== undefined) bearers.push({ token, endpointKey });
        writes.push(
          credentials.insert({
            id: `cred_bench00${String(index).padStart(12, '0')}`,
            organizationId,
            directoryId,
            kind: 'bearer',
            slot,
            slotKey: slotKey(directoryId, slot),
            state: 'active',
            digest:
              token === undefined
                ? `sha256:${createHash('sha256').update(`bench ${index}`).digest('hex')}`
                : digestOf(token),
            hint: token === undefined ? '0000' : hintOf(token),
            scopes: ['scim'],
            createdAt: now,
            createdBy: ACTOR,
          }),
        );
      }
      await Promise.all(writes);
      if (to % 20_000 === 0 || to === count) progress(to);
    }
    return bearers;
  } finally {
    await storage.close();
  }
}

/** The collections as the application declares them: it is made once over a storage that notes what it asks for. */
export async function collectionsOf(storage: Storage): Promise<(name: string) => Collection<never & Identified>> {
  const noted = new Map<string, unknown>();
  const noting: Storage = {
    ...storage,
    collection(spec) {
      const collection = storage.collection(spec);
      noted.set(spec.name, collection);
      return collection;
    },
  };
  await createApp({
    config: readConfig({}, () => ''),
    sources: readSources({}),
    publicUrl: 'http://127.0.0.1',
    storage: noting,
    machineClock: systemClock,
    random: systemRandom,
    log: silent,
    secret: SECRET,
    version: '0.0.0-bench',
  });
  return (name) => {
    const collection = noted.get(name);
    if (!collection) throw new Error(`the application has no collection ${name}`);
    return collection as Collection<never & Identified>;
  };
}
