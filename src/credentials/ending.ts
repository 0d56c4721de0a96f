/** What takes a credential away, for a while or for good: disable and enable, revoke, and the end of all that a directory holds. */
import type { Attribution, Audit, Tracked } from '../audit/index.ts';
import { type Clock, HOUR_MS } from '../clock.ts';
import type { Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import {
  absent,
  assertLive,
  type Credential,
  ended,
  factsOf,
  isDisabledByVendor,
  stateAt,
  subjectOf,
} from './records.ts';
import type { Slots } from './slots.ts';
import type { Usage } from './usage.ts';

interface RevokeOptions {
  reason?: string | undefined;
  force?: boolean | undefined;
}

export type Ending = ReturnType<typeof createEnding>;

/** Use within this time makes a revoke ask for `force`. */
const IN_USE_MS = HOUR_MS;
const CLEAR_BATCH = 100;

/** Whether it was used so lately that ending it breaks something now: what `still_in_use` goes by. */
export function isInUse(lastUsedAt: Date | undefined, now: Date): boolean {
  return lastUsedAt !== undefined && now.getTime() - lastUsedAt.getTime() <= IN_USE_MS;
}

export function createEnding(deps: {
  credentials: Tracked<Credential>;
  slots: Slots;
  audit: Audit;
  clock: Clock;
  usage: Usage;
  waitOutLease: () => Promise<void>;
}) {
  const { credentials, slots, audit, clock, usage, waitOutLease } = deps;

  async function get(id: string): Promise<Credential> {
    const credential = await credentials.find(id);
    if (!credential) throw absent(id);
    return credential;
  }

  async function assertNotHeldBack(directoryId: string, { actor }: Attribution): Promise<void> {
    if (actor.type !== 'it_contact') return;
    if (!(await slots.live(directoryId)).some(isDisabledByVendor)) return;
    throw new AppError('forbidden', {
      detail:
        "Your software vendor disabled a credential in this directory. You can't replace it until they enable or revoke it. Ask them.",
    });
  }

  async function switchTo(
    state: 'active' | 'disabled',
    id: string,
    attribution: Attribution,
    reason?: string,
  ): Promise<Credential> {
    const result = await credentials.update(id, (record) => {
      assertLive(record, clock.now());
      const { disabledBy: _disabledBy, ...rest } = record;
      // What the vendor disabled it has its reasons for; a customer disables and enables what is its own.
      if (state === 'active' && attribution.actor.type === 'it_contact' && isDisabledByVendor(record))
        throw new AppError('forbidden', {
          detail: 'Your software vendor disabled this credential. Only they can enable it. Ask them.',
        });
      // One that has not taken over yet holds no slot: it goes back to waiting.
      const next = state === 'active' && record.succeeds !== undefined ? 'pending' : state;
      if (record.state === next) return undefined;
      const type = state === 'disabled' ? 'credential.disabled' : 'credential.enabled';
      return {
        record: { ...rest, state: next, ...(state === 'disabled' && { disabledBy: attribution.actor }) },
        events: [
          audit.event(type, attribution, subjectOf(record), {
            ...factsOf(record),
            ...(reason !== undefined && { reason }),
          }),
        ],
      };
    });
    if (!result) throw absent(id);
    // Also when nothing changed: an earlier call may have been cut off before it could wait.
    if (state === 'disabled') await waitOutLease();
    return result.after;
  }

  /** Revokes without a wait for the lease. */
  async function cut(
    id: string,
    { reason, force = false }: RevokeOptions,
    attribution: Attribution,
  ): Promise<Credential> {
    if (!force) await assertQuiet(await get(id));
    const result = await credentials.update(id, (record) => {
      if (record.state === 'revoked') return undefined;
      const facts = {
        revokedAt: clock.now(),
        revokedBy: attribution.actor,
        ...(reason !== undefined && { revokedReason: reason }),
      };
      const event = audit.event('credential.revoked', attribution, subjectOf(record), {
        ...factsOf(record),
        reason,
        ...(force && { forced: true }),
      });
      return { record: ended(record, 'revoked', facts), events: [event] };
    });
    if (!result) throw absent(id);
    return result.after;
  }

  async function assertNoneActive({ id: directoryId }: Directory): Promise<void> {
    const active = await slots.live(directoryId);
    if (active.length === 0) return;
    const held = active.map(({ id, slot, label, hint }) => ({ credentialId: id, slot, label: label ?? null, hint }));
    throw new AppError('credentials_active', { directoryId, credentials: held });
  }

  async function assertQuiet(credential: Credential): Promise<void> {
    if (stateAt(credential, clock.now()) !== 'active') return;
    const { lastUsedAt, lastUsedFrom } = (await usage.totals([credential.id])).get(credential.id) ?? {};
    if (!lastUsedAt || !isInUse(lastUsedAt, clock.now())) return;
    const agent = lastUsedFrom?.userAgent ? ` by ${lastUsedFrom.userAgent}` : '';
    throw new AppError('still_in_use', {
      detail: `It was last used at ${lastUsedAt.toISOString()} from ${lastUsedFrom?.address ?? 'an unknown address'}${agent}. Revoke it with "force": true to cut it off.`,
      credentialId: credential.id,
      lastUsedAt,
      lastUsedFrom: lastUsedFrom ?? null,
    });
  }

  return {
    cut,
    assertNotHeldBack,
    assertNoneActive,
    disable: (id: string, attribution: Attribution, reason?: string) => switchTo('disabled', id, attribution, reason),
    enable: (id: string, attribution: Attribution) => switchTo('active', id, attribution),

    async revoke(id: string, options: RevokeOptions, attribution: Attribution): Promise<Credential> {
      if (attribution.actor.type === 'it_contact') await assertNotHeldBack((await get(id)).directoryId, attribution);
      const credential = await cut(id, options, attribution);
      await waitOutLease();
      return credential;
    },

    async clear(directory: Directory, force: boolean, attribution: Attribution): Promise<void> {
      if (!force) await assertNoneActive(directory);
      const where = { directoryId: directory.id, state: ['active', 'disabled', 'pending'] };
      for (let left = true; left; ) {
        const { items, nextCursor } = await credentials.page({ where, limit: CLEAR_BATCH });
        for (const { id } of items) await cut(id, { reason: 'the directory was deleted', force: true }, attribution);
        left = nextCursor !== null;
      }
    },
  };
}
