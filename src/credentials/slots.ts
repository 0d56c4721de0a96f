/**
 * Two slots per directory, held by the storage engine: a record that holds a slot carries its `slotKey`, which is unique, so the insert
 * itself is the claim and 100 parallel issues leave two.
 */
import type { Audit, AuditEvent, Tracked } from '../audit/index.ts';
import { SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { isDuplicate } from '../storage/index.ts';
import { createTurns } from '../timing/turns.ts';
import { type Credential, ended, factsOf, SLOTS, slotKey, stateAt, subjectOf } from './records.ts';
import type { Usage } from './usage.ts';

export interface Slots {
  /** Inserts the record into a free slot. Throws slots_full (naming the holders and their last use), credential_exists. */
  claim(draft: Omit<Credential, 'slot' | 'slotKey'>, eventOf: (record: Credential) => AuditEvent): Promise<Credential>;
  /** Throws slots_full when both are taken. */
  assertFree(directoryId: string): Promise<void>;
  /** Throws credential_exists, which names where the value is. */
  assertNew(digest: string): Promise<void>;
  /** Who holds the slots of a directory now. */
  holders(directoryId: string): Promise<Credential[]>;
  /** The same without those that have expired. */
  live(directoryId: string): Promise<Credential[]>;
  /** Work on the slots of a directory that no claim of this process comes between. */
  undisturbed<T>(directoryId: string, work: () => Promise<T>): Promise<T>;
  /** Ends a credential whose time has come, which frees its slot. */
  expire(id: string): Promise<void>;
}

export function createSlots(deps: {
  credentials: Tracked<Credential>;
  audit: Audit;
  clock: Clock;
  usage: Usage;
}): Slots {
  const { credentials, audit, clock, usage } = deps;
  const undisturbed = createTurns();

  async function expire(id: string): Promise<void> {
    await credentials.update(id, (record) => {
      if (record.state === 'expired' || stateAt(record, clock.now()) !== 'expired') return undefined;
      const event = audit.event('credential.expired', SYSTEM, subjectOf(record), {
        ...factsOf(record),
        ...(record.expiresAt && { expiresAt: record.expiresAt.toISOString() }),
      });
      return { record: ended(record, 'expired', {}), events: [event] };
    });
  }

  async function holders(directoryId: string): Promise<Credential[]> {
    const found = await Promise.all(SLOTS.map((slot) => credentials.findBy('slotKey', slotKey(directoryId, slot))));
    return found.filter((holder) => holder !== undefined);
  }

  async function live(directoryId: string): Promise<Credential[]> {
    return (await holders(directoryId)).filter((holder) => stateAt(holder, clock.now()) !== 'expired');
  }

  async function full(directoryId: string): Promise<AppError> {
    const taken = await holders(directoryId);
    const totals = await usage.totals(taken.map(({ id }) => id));
    return new AppError('slots_full', {
      holders: taken.map(({ id, slot, kind, label, hint, ...record }) => ({
        credentialId: id,
        slot,
        kind,
        state: stateAt(record, clock.now()),
        label: label ?? null,
        hint,
        lastUsedAt: totals.get(id)?.lastUsedAt ?? null,
        lastUsedFrom: totals.get(id)?.lastUsedFrom ?? null,
      })),
    });
  }

  async function assertNew(digest: string): Promise<void> {
    const found = await credentials.findBy('digest', digest);
    if (!found) return;
    const { id, directoryId, organizationId } = found;
    throw new AppError('credential_exists', {
      credentialId: id,
      directoryId,
      organizationId,
      state: stateAt(found, clock.now()),
    });
  }

  async function claim(
    draft: Omit<Credential, 'slot' | 'slotKey'>,
    eventOf: (record: Credential) => AuditEvent,
  ): Promise<Credential> {
    const expired = (await holders(draft.directoryId)).filter((holder) => stateAt(holder, clock.now()) === 'expired');
    for (const { id } of expired) await expire(id);
    for (const slot of SLOTS) {
      const record: Credential = { ...draft, slot, slotKey: slotKey(draft.directoryId, slot) };
      try {
        await credentials.insert(record, [eventOf(record)]);
        return record;
      } catch (error) {
        if (isDuplicate(error, 'digest') && draft.digest !== undefined) await assertNew(draft.digest);
        if (!isDuplicate(error, 'slotKey')) throw error;
      }
    }
    // With both keys taken the engine names whichever it looked at first: a value that is there already is told as such.
    if (draft.digest !== undefined) await assertNew(draft.digest);
    throw await full(draft.directoryId);
  }

  return {
    claim: (draft, eventOf) => undisturbed(draft.directoryId, () => claim(draft, eventOf)),
    undisturbed,
    assertNew,
    async assertFree(directoryId) {
      if ((await live(directoryId)).length === SLOTS.length) throw await full(directoryId);
    },
    holders,
    live,
    expire,
  };
}
