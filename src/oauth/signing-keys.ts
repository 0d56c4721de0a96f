/**
 * The keys of the authorization server: ES256 for signing, random values for its cookies. Made at the first start, stored encrypted under
 * LATCHKEY_SECRET, rotated by command and by age without a restart; old ones stay for verification.
 */

import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import { type Attribution, type Audit, outboxShape, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { DAY_MS } from '../clock.ts';
import { type Random, randomText } from '../identifiers.ts';
import { seal, unseal } from '../secrets/sealing.ts';
import { isDuplicate, type Storage, type Stored } from '../storage/index.ts';

const shape = {
  /** 1, 2, 3...: unique, so that instances which rotate at the same moment make one key. */
  serial: 'string',
  /** `{jwk, cookieKey}`, encrypted. */
  sealed: 'string',
  createdAt: 'date',
  ...outboxShape,
} as const;

type KeyRecord = Stored<typeof shape>;

export interface Keys {
  /** The first signs, all verify. */
  jwks: { keys: JWK[] };
  cookieKeys: string[];
}

export interface SigningKeys {
  /** Reads what is stored, after making a key where there is none or the newest is older than the age. */
  load(): Promise<Keys>;
  rotate(attribution: Attribution): Promise<void>;
}

const KEPT = 5;
/** Two of the rounds in which instances read the keys: by then each of them verifies, and publishes, what a new one signs. */
const KNOWN_AFTER_MS = 60_000;

export function createSigningKeys(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  secret: string;
  rotateAfterDays: number;
}): SigningKeys {
  const { storage, audit, clock, random, secret, rotateAfterDays } = deps;
  const keys = audit.track(
    'signing_keys',
    storage.collection({
      name: 'signing_keys',
      shape,
      keys: { serial: 'unique', outboxAt: 'index' },
      order: 'createdAt',
    }),
  );

  async function stored(): Promise<KeyRecord[]> {
    return (await keys.page({ limit: KEPT, direction: 'descending' })).items;
  }

  /** The newest that every instance knows signs; where none is that old, the one that they have known for the longest. */
  function signerFirst(records: KeyRecord[]): KeyRecord[] {
    const knownSince = clock.now().getTime() - KNOWN_AFTER_MS;
    const signer = records.find(({ createdAt }) => createdAt.getTime() <= knownSince) ?? records.at(-1);
    return [...records.filter((record) => record === signer), ...records.filter((record) => record !== signer)];
  }

  async function make(newest: KeyRecord | undefined, attribution: Attribution): Promise<void> {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(privateKey);
    const key: JWK = { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' };
    const serial = String(Number(newest?.serial ?? 0) + 1);
    const sealed = seal(
      JSON.stringify({ jwk: key, cookieKey: randomText(43, random) }),
      secret,
      'signing keys',
      random,
    );
    const event = audit.event('signing_key.rotated', attribution, {}, { kid: key.kid ?? '', serial });
    try {
      await keys.insert({ id: `signing-key-${serial}`, serial, sealed, createdAt: clock.now() }, [event]);
    } catch (error) {
      // Another instance rotated at the same moment; its key serves as well.
      if (!isDuplicate(error, 'id') && !isDuplicate(error, 'serial')) throw error;
    }
  }

  return {
    async load() {
      let records = await stored();
      const [newest] = records;
      const age = newest ? clock.now().getTime() - newest.createdAt.getTime() : Number.POSITIVE_INFINITY;
      if (age > rotateAfterDays * DAY_MS) {
        await make(newest, SYSTEM);
        records = await stored();
      }
      const opened = signerFirst(records).map(
        ({ sealed }) => JSON.parse(unseal(sealed, secret, 'signing keys')) as { jwk: JWK; cookieKey: string },
      );
      return { jwks: { keys: opened.map(({ jwk }) => jwk) }, cookieKeys: opened.map(({ cookieKey }) => cookieKey) };
    },
    async rotate(attribution) {
      await make((await stored())[0], attribution);
    },
  };
}
