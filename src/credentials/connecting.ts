/** Credentials of kind `oauth`: an authorized connection takes a free slot, or waits for its predecessor's until its first use. */
import { type Actor, type Attribution, type Audit, SYSTEM, type Tracked } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Directories } from '../directories/index.ts';
import { isAppError } from '../errors.ts';
import { isDuplicate } from '../storage/index.ts';
import {
  type Credential,
  earliest,
  ended,
  factsOf,
  hasPlan,
  type Scope,
  SLOTS,
  slotKey,
  stateAt,
  subjectOf,
} from './records.ts';
import type { Rotation } from './rotation.ts';
import type { Slots } from './slots.ts';

export interface ConnectInput {
  /** Chosen by the caller, so that a connection that is tried again is made once. */
  id: string;
  clientId: string;
  label?: string | undefined;
  scopes?: Scope[] | undefined;
  /** Its refresh token could be guessed. */
  weak?: boolean;
  authorizedBy: Actor;
  /** What was given of it, where it comes from another system. */
  importedAs?: string | undefined;
  /** The credential that it replaces. */
  replaces?: string | undefined;
  expiresAt?: Date | undefined;
}

export function createConnecting(deps: {
  credentials: Tracked<Credential>;
  slots: Slots;
  rotation: Pick<Rotation, 'planFor' | 'settleIfPossible' | 'retireReplaced'>;
  audit: Audit;
  clock: Clock;
  directories: Directories;
}) {
  const { credentials, slots, rotation, audit, clock, directories } = deps;

  /** Between the end of the predecessor and the claim of its slot another instance may come first; that is told as an end. */
  async function takeOver(credential: Credential, predecessorId: string): Promise<Credential | undefined> {
    await rotation.retireReplaced(predecessorId, credential.id);
    for (const slot of [credential.slot, ...SLOTS.filter((other) => other !== credential.slot)]) {
      try {
        const result = await credentials.update(credential.id, ({ succeeds: _succeeds, ...record }) =>
          record.state === 'pending'
            ? { record: { ...record, state: 'active', slot, slotKey: slotKey(record.directoryId, slot) }, events: [] }
            : undefined,
        );
        return result?.after;
      } catch (error) {
        if (!isDuplicate(error, 'slotKey')) throw error;
      }
    }
    // Others hold both slots by now: it came too late.
    const late = await credentials.update(credential.id, (record) => {
      if (record.state !== 'pending') return undefined;
      const revokedReason = 'another credential took its place before its first use';
      const facts = { revokedAt: clock.now(), revokedBy: SYSTEM.actor, revokedReason };
      const event = audit.event('credential.revoked', SYSTEM, subjectOf(record), {
        ...factsOf(record),
        reason: revokedReason,
      });
      return { record: ended(record, 'revoked', facts), events: [event] };
    });
    return late?.after;
  }

  return {
    async connect(directoryId: string, input: ConnectInput, attribution: Attribution): Promise<void> {
      const directory = await directories.get(directoryId);
      const { id, clientId, label, scopes = ['scim'], weak, importedAs, authorizedBy, replaces, expiresAt } = input;
      const fresh: Omit<Credential, 'slot' | 'slotKey'> = {
        id,
        organizationId: directory.organizationId,
        directoryId,
        kind: 'oauth',
        state: 'active',
        hint: clientId.slice(-4),
        ...(label !== undefined && { label }),
        ...(weak && { weak }),
        scopes,
        clientId,
        authorizedBy,
        createdAt: clock.now(),
        createdBy: authorizedBy,
        ...(expiresAt && { expiresAt, dueAt: expiresAt }),
      };
      const eventOf = (record: Credential) =>
        importedAs === undefined
          ? audit.event('credential.connected', attribution, subjectOf(record), {
              ...factsOf(record),
              clientId,
              replaces,
            })
          : audit.event('credential.imported', attribution, subjectOf(record), {
              ...factsOf(record),
              scopes,
              expiresAt: expiresAt?.toISOString() ?? null,
              form: importedAs,
              ...(weak && { weak }),
              clientId,
            });
      const replacing = replaces === undefined ? undefined : rotation.planFor(replaces);
      try {
        const claimed = await slots.claim(
          { ...fresh, ...(replacing && { replacing, dueAt: replacing.since }) },
          eventOf,
        );
        await rotation.settleIfPossible(claimed);
      } catch (error) {
        // Another request of the same connection was first.
        if (isDuplicate(error, 'id') || (await credentials.find(id))) return;
        const old = replaces === undefined ? undefined : await credentials.find(replaces);
        if (!isAppError(error, 'slots_full') || old?.slotKey === undefined || old.directoryId !== directoryId)
          throw error;
        const pending: Credential = { ...fresh, slot: old.slot, state: 'pending', succeeds: old.id };
        await credentials.insert(pending, [eventOf(pending)]);
      }
    },

    async extend(id: string, expiresAt: Date): Promise<void> {
      await credentials.update(id, (record) => {
        const state = stateAt(record, clock.now());
        if (state === 'revoked' || state === 'expired' || record.endSetAt) return undefined;
        return {
          record: {
            ...record,
            expiresAt,
            dueAt: earliest(expiresAt, hasPlan(record) ? record.dueAt : undefined) ?? expiresAt,
          },
          events: [],
        };
      });
    },

    async takeOver(credential: Credential): Promise<Credential | undefined> {
      const { succeeds } = credential;
      if (stateAt(credential, clock.now()) !== 'pending' || succeeds === undefined) return credential;
      return slots.undisturbed(credential.directoryId, () => takeOver(credential, succeeds));
    },
  };
}
