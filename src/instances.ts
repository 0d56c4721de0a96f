/**
 * The instances that serve from this store, and how long each may answer from memory. A revoke waits out the longest lease of them all,
 * so that instances whose settings differ, as during a roll-out, do not break its promise.
 */
import type { Clock } from './clock.ts';
import { type Random, randomText } from './identifiers.ts';
import type { Storage } from './storage/index.ts';

/** An instance that could not announce itself for so long could not read a credential either: what it remembered is over. */
const KEPT_MS = 180_000;
export const ANNOUNCE_EVERY_MS = 30_000;
const MOST_INSTANCES = 200;

export interface Instances {
  announce(): Promise<void>;
  /** Of all instances that were alive lately, this one included. */
  longestLeaseMs(): Promise<number>;
  leave(): Promise<void>;
}

export function createInstances(deps: { storage: Storage; clock: Clock; random: Random; leaseMs: number }): Instances {
  const { storage, clock, random, leaseMs } = deps;
  const instances = storage.collection({
    name: 'instances',
    shape: { leaseMs: 'number', startedAt: 'date', expiresAt: 'date' },
    keys: {},
    order: 'startedAt',
    expires: 'expiresAt',
  });
  const id = `instance_${randomText(12, random)}`;
  const startedAt = clock.now();

  return {
    async announce() {
      const expiresAt = new Date(clock.now().getTime() + KEPT_MS);
      const known = await instances.update(id, (record) => ({ ...record, expiresAt }));
      if (!known) await instances.insert({ id, leaseMs, startedAt, expiresAt });
    },
    async longestLeaseMs() {
      const { items } = await instances.page({ limit: MOST_INSTANCES, direction: 'descending' });
      return Math.max(leaseMs, ...items.map((instance) => instance.leaseMs));
    },
    async leave() {
      await instances.remove(id);
    },
  };
}
