/**
 * Rotation of static tokens. `overlap` puts the new token next to the old one, which then ends by hand, at a time, or automatically once the
 * new one is used and the old one is quiet (`when-replaced`): an old one that is still in use is shown, never cut. `immediate` leaves the new
 * token alone. An OAuth connection is never touched.
 */
import { type Attribution, type Audit, SYSTEM, type Tracked } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { AppError, isAppError } from '../errors.ts';
import { createTurns } from '../timing/turns.ts';
import {
  absent,
  type Credential,
  earliest,
  ended,
  factsOf,
  hasPlan,
  type Issued,
  type IssueInput,
  type Scope,
  stateAt,
  subjectOf,
} from './records.ts';
import type { Slots } from './slots.ts';
import type { Usage } from './usage.ts';

export interface RotateInput extends IssueInput {
  mode: 'overlap' | 'immediate';
  /** What happens to the old token of an overlap: nothing, retirement once replaced, or retirement after so many seconds. */
  retire?: 'manual' | 'when-replaced' | number | undefined;
}

export interface RotationProgress {
  successorId: string;
  since: Date;
  retire: 'manual' | 'when-replaced' | 'at';
  successorAccepted: boolean;
  /** `waiting_for_successor`: the new token was not accepted yet. `waiting_for_quiet`: it was, and the old one is not quiet long enough, or
   *  the new one was not used since. `still_in_use`: that lasts unusually long; the IdP, or another one, still holds the old token. */
  status: 'manual' | 'scheduled' | 'waiting_for_successor' | 'waiting_for_quiet' | 'still_in_use';
  /** When it retires if only the new one is used; null when that is not known. */
  retiresAt: Date | null;
}

interface Dependencies {
  credentials: Tracked<Credential>;
  slots: Slots;
  audit: Audit;
  clock: Clock;
  directories: Directories;
  usage: Usage;
  waitOutLease: () => Promise<void>;
  retireQuietMs: number;
  retireOverdueMs: number;
  issueInto(
    directory: Directory,
    input: IssueInput & Pick<Credential, 'generation' | 'replacing'> & { replaces?: string },
    attribution: Attribution,
  ): Promise<Issued>;
  /** Ends a new credential whose value reaches no one, and throws storage_unavailable. */
  takeBack(id: string, attribution: Attribution, reason?: unknown): Promise<never>;
}

/** How often a rotation whose successor was not seen yet is looked at. */
const LOOK_AGAIN_MS = 30_000;
/** Rotations of one directory that race for its slots settle long before this. */
const ATTEMPTS = 50;

export type Rotation = ReturnType<typeof createRotation>;

export function createRotation(deps: Dependencies) {
  const {
    credentials,
    slots,
    audit,
    clock,
    directories,
    usage,
    waitOutLease,
    retireQuietMs,
    retireOverdueMs,
    issueInto,
    takeBack,
  } = deps;

  const inTurn = createTurns();

  async function staticTokens(directoryId: string): Promise<Credential[]> {
    return (await slots.live(directoryId)).filter(({ kind }) => kind === 'bearer');
  }

  async function retire(id: string, successorId: string, attribution: Attribution): Promise<void> {
    await credentials.update(id, (record) => {
      if (record.state !== 'active' && record.state !== 'disabled') return undefined;
      const facts = {
        revokedAt: clock.now(),
        revokedBy: attribution.actor,
        revokedReason: `replaced by ${successorId}`,
      };
      const event = audit.event('credential.retired', attribution, subjectOf(record), {
        ...factsOf(record),
        successorId,
      });
      return { record: ended(record, 'revoked', facts), events: [event] };
    });
  }

  async function overlap(directory: Directory, input: RotateInput, attribution: Attribution): Promise<Issued> {
    const [old] = await staticTokens(directory.id);
    if (!old) return issueInto(directory, inherited(old, input), attribution);
    const { retire: wish = 'manual' } = input;
    const isAtTime = typeof wish === 'number';
    const replacing = planFor(old.id, isAtTime ? 'at' : wish, isAtTime ? wish : undefined);
    const issued = await issueInto(directory, { ...inherited(old, input), replaces: old.id, replacing }, attribution);
    await settleIfPossible(issued.credential);
    return issued;
  }

  function planFor(credentialId: string, retire: RotationProgress['retire'], seconds?: number) {
    const since = clock.now();
    const retireAt = seconds === undefined ? undefined : new Date(since.getTime() + seconds * 1000);
    return { credentialId, since, retire, ...(retireAt && { retireAt }) };
  }

  /** Writes the plan that a new credential brought along to the one that it replaces. */
  async function settle({ id, replacing }: Pick<Credential, 'id' | 'replacing'>): Promise<void> {
    if (!replacing) return;
    const { credentialId, ...plan } = replacing;
    await credentials.update(credentialId, (record) => {
      if (record.slotKey === undefined || (record.rotation && record.rotation.since > plan.since)) return undefined;
      const lookAt = plan.retire === 'manual' ? undefined : (plan.retireAt ?? plan.since);
      const dueAt = earliest(record.expiresAt, lookAt);
      return { record: { ...record, rotation: { successorId: id, ...plan }, ...(dueAt && { dueAt }) }, events: [] };
    });
    await credentials.update(id, ({ replacing: brought, dueAt: _dueAt, ...record }) => {
      if (!brought) return undefined;
      const dueAt = earliest(record.expiresAt, hasPlan(record) ? clock.now() : undefined);
      return { record: { ...record, ...(dueAt && { dueAt }) }, events: [] };
    });
  }

  /** The claim of the slot is what counts; where the store goes away after it, the next round writes the plan. */
  async function settleIfPossible(record: Pick<Credential, 'id' | 'replacing'>): Promise<void> {
    await settle(record).catch(() => {});
  }

  /**
   * Several immediate rotations of one directory may run at once. Each takes a number first; whoever is done looks at all static tokens and
   * ends those below the highest number present. So the one with the highest number stays, in whatever order the writes came.
   */
  async function immediate(directory: Directory, input: RotateInput, attribution: Attribution): Promise<Issued> {
    const issued = await inTurn(directory.id, () => replaceAll(directory, input, attribution));
    await waitOutLease();
    return issued;
  }

  async function replaceAll(directory: Directory, input: RotateInput, attribution: Attribution): Promise<Issued> {
    const generation = await directories.nextGeneration(directory.id);
    let issued: Issued | undefined;
    let [old] = await staticTokens(directory.id);
    for (let attempt = 0; !issued; attempt++) {
      try {
        issued = await issueInto(
          directory,
          { ...inherited(old, input), generation, ...(old && { replaces: old.id }) },
          attribution,
        );
      } catch (error) {
        if (!isAppError(error, 'slots_full') || attempt === ATTEMPTS) throw error;
        const holders = await slots.holders(directory.id);
        const present = holders.filter(({ kind }) => kind === 'bearer');
        // Nothing but connections: those are not ours to end.
        if (holders.length === 2 && present.length === 0) throw error;
        if (holders.length < 2) continue;
        const victim = await leastUsed(present.filter((token) => (token.generation ?? 0) < generation));
        // Later rotations, of other instances, have both slots.
        if (!victim) throw error;
        if (attribution.commit?.() === false)
          throw new AppError('storage_unavailable', {}, { cause: new Error('the answer was given up') });
        await retire(victim.id, 'a new token', attribution);
        old = victim;
      }
    }
    const present = await staticTokens(directory.id);
    const highest = Math.max(...present.map((token) => token.generation ?? 0));
    for (const token of present) {
      if ((token.generation ?? 0) < highest) await retireSurely(token.id, issued, attribution);
    }
    return issued;
  }

  /** Ends an old token; where that fails, the new one goes instead, since its value would reach no one. */
  async function retireSurely(id: string, { credential }: Issued, attribution: Attribution): Promise<void> {
    try {
      await retire(id, credential.id, attribution);
    } catch (error) {
      const old = await credentials.find(id, { authoritative: true });
      // It was written all the same; only the answer of the store was lost.
      if (!old || !isLive(stateAt(old, clock.now()))) return;
      await takeBack(credential.id, attribution, error);
    }
  }

  async function leastUsed(tokens: Credential[]): Promise<Credential | undefined> {
    const totals = await usage.totals(tokens.map(({ id }) => id));
    const lastUse = ({ id }: Credential) => totals.get(id)?.lastUsedAt?.getTime() ?? 0;
    return tokens.sort((a, b) => lastUse(a) - lastUse(b))[0];
  }

  async function stateOf(id: string): Promise<Credential['state']> {
    const credential = await credentials.find(id);
    return credential ? stateAt(credential, clock.now()) : 'revoked';
  }

  async function progress(credential: Credential): Promise<RotationProgress | undefined> {
    const { rotation, id } = credential;
    if (!rotation) return undefined;
    const { successorId, since, retire: wish } = rotation;
    // A successor that is gone replaces nothing.
    if (!isLive(await stateOf(successorId))) return undefined;
    const totals = await usage.totals([id, successorId]);
    const successorAccepted = (totals.get(successorId)?.acceptedCount ?? 0) > 0;
    const usedAt = (credentialId: string) => totals.get(credentialId)?.lastUsedAt?.getTime() ?? 0;
    const lastUse = Math.max(usedAt(id), since.getTime());
    const quietAt = lastUse + retireQuietMs;
    // Someone may have tried the new token without saving it. Then the old one is still needed, even if it is rarely used.
    const wentBack = successorAccepted && usedAt(id) > usedAt(successorId);
    const now = clock.now().getTime();
    // Silence alone proves nothing: the identity provider may still have the old token, or could not reach us.
    const isReplaced = usedAt(successorId) >= quietAt;
    const facts = { successorId, since, retire: wish, successorAccepted };
    if (wish === 'at') return { ...facts, status: 'scheduled', retiresAt: rotation.retireAt ?? null };
    const isInUse = wentBack || now < quietAt;
    const isOverdue = now - since.getTime() >= retireOverdueMs && isInUse;
    if (isOverdue) return { ...facts, status: 'still_in_use', retiresAt: null };
    if (wish === 'manual') return { ...facts, status: 'manual', retiresAt: null };
    if (!successorAccepted) return { ...facts, status: 'waiting_for_successor', retiresAt: null };
    const isWaitingForUse = wentBack || (now >= quietAt && !isReplaced);
    return { ...facts, status: 'waiting_for_quiet', retiresAt: isWaitingForUse ? null : new Date(quietAt) };
  }

  return {
    async rotate(directoryId: string, input: RotateInput, attribution: Attribution): Promise<Issued> {
      const directory = await directories.get(directoryId);
      return input.mode === 'overlap'
        ? overlap(directory, input, attribution)
        : immediate(directory, input, attribution);
    },

    progress,

    /** The plan for a credential that an OAuth connection in the other slot replaces: it is claimed with that slot, and settled after. */
    planFor: (id: string) => planFor(id, 'when-replaced'),
    settleIfPossible,

    /** Ends a credential whose place another one takes. */
    retireReplaced: (id: string, successorId: string) => retire(id, successorId, SYSTEM),

    /** One look at a credential whose time has come: one that replaces another, or is replaced. */
    async advance(record: Credential): Promise<void> {
      if (record.replacing) return settle(record);
      const state = record.rotation ? await stateOf(record.rotation.successorId) : 'revoked';
      const step = state === 'active' ? await progress(record) : undefined;
      if (step?.retiresAt && step.retiresAt <= clock.now()) {
        await retire(record.id, step.successorId, SYSTEM);
        return;
      }
      await credentials.update(record.id, ({ dueAt: _dueAt, rotation, ...rest }) => {
        // A successor that is gone replaces nothing: the old token stays. One that is disabled may come back.
        const plan = isLive(state) ? rotation : undefined;
        const lookAt = new Date(clock.now().getTime() + LOOK_AGAIN_MS);
        const nextLook = plan && plan.retire !== 'manual' ? (step?.retiresAt ?? lookAt) : undefined;
        const dueAt = earliest(rest.expiresAt, nextLook);
        return { record: { ...rest, ...(plan && { rotation: plan }), ...(dueAt && { dueAt }) }, events: [] };
      });
    },

    async retireNow(id: string, attribution: Attribution): Promise<Credential> {
      const record = await credentials.find(id);
      if (!record) throw absent(id);
      const state = stateAt(record, clock.now());
      if (!isLive(state)) throw new AppError('credential_final', { credentialId: id, state });
      const step = await progress(record);
      // Nor while the new one is disabled: nothing would be left that works.
      if (!step?.successorAccepted || (await stateOf(step.successorId)) !== 'active')
        throw new AppError('not_replaced', { credentialId: id, successorId: step?.successorId ?? null });
      await retire(id, step.successorId, attribution);
      await waitOutLease();
      return (await credentials.find(id)) ?? record;
    },
  };
}

function isLive(state: Credential['state']): boolean {
  return state === 'active' || state === 'disabled';
}

/** A rotated token may do what the old one may, and no more, unless it is said. */
function inherited(old: Credential | undefined, { label, scopes, expiresAt }: RotateInput): IssueInput {
  return { label: label ?? old?.label, scopes: scopes ?? (old?.scopes as Scope[] | undefined), expiresAt };
}
