/**
 * WHAT. Credentials of directories: issue, import, rotate, disable, enable, revoke, retire. Any change that takes something away
 * returns only when no instance accepts it any more.
 */
import { type Actor, type Attribution, type Audit, changesBetween, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { AppError, isAppError } from '../errors.ts';
import { newId, type Random } from '../identifiers.ts';
import { isDuplicate, type Page, type Storage } from '../storage/index.ts';
import { type ImportInput, readImport } from './imports.ts';
import {
  type Credential,
  credentialSpec,
  earliest,
  ended,
  factsOf,
  type Issued,
  type IssueInput,
  type ReviewDecision,
  type Scope,
  SLOTS,
  slotKey,
  stateAt,
  subjectOf,
} from './records.ts';
import { createRotation, type RotateInput } from './rotation.ts';
import { createSlots } from './slots.ts';
import { type Digest, digestOf, hintOf, mintToken } from './static-token.ts';
import type { Usage } from './usage.ts';
import { assertStrongEnough, isKeyed, UNKNOWN_HINT, type WeakValues } from './weak-values.ts';

export { type ApiKey, type ApiKeys, createApiKeys, ROLES, type Role } from './api-keys.ts';
export { IMPORT_FORMS, type ImportInput } from './imports.ts';
export {
  type Credential,
  type Issued,
  type IssueInput,
  REVIEW_DECISIONS,
  type ReviewDecision,
  SCOPES,
  type Scope,
  stateAt,
} from './records.ts';
export { createRemoval, type Removal } from './removal.ts';
export type { RotateInput, RotationProgress } from './rotation.ts';
export {
  classifyToken,
  type Digest,
  digestOf,
  digestsOf,
  hintOf,
  isAccessToken,
  STATIC_TOKEN_PATTERN,
} from './static-token.ts';
export { createUsage, type Usage, type UsageHour, type UsageTotal } from './usage.ts';
export { assertStrongEnough, createWeakValues, isKeyed, UNKNOWN_HINT, type WeakValues } from './weak-values.ts';

export interface CredentialChanges {
  /** null takes it away. */
  label?: string | null | undefined;
  scopes?: Scope[] | undefined;
  expiresAt?: Date | null | undefined;
}

export interface ConnectInput {
  /** Chosen by the caller, so that a connection that is tried again is made once. */
  id: string;
  clientId: string;
  label?: string | undefined;
  scopes?: Scope[] | undefined;
  /** Its refresh token could be guessed. */
  weak?: boolean;
  authorizedBy: Actor;
  /** The credential that it replaces. */
  replaces?: string | undefined;
  expiresAt?: Date | undefined;
}

/** A new static token; `token` is not kept and can't be shown again. */
export interface Credentials {
  /** How long a replaced one must be quiet before it retires automatically. */
  readonly retireQuietMs: number;
  /** Throws not_found, slots_full. */
  issue(directoryId: string, input: IssueInput, attribution: Attribution): Promise<Issued>;
  /** `isDry`: everything is checked and nothing is written. Throws not_found, slots_full, invalid_token_format, weak_value, credential_exists. */
  import(
    directoryId: string,
    input: ImportInput & IssueInput,
    attribution: Attribution,
    isDry?: boolean,
  ): Promise<Credential>;
  /** Throws not_found, slots_full, invalid_request. */
  rotate(directoryId: string, input: RotateInput, attribution: Attribution): Promise<Issued>;
  /**
   * Makes a credential of kind `oauth`: in a free slot, or pending until its first use when both are taken and it `replaces` one. Of
   * a second call with the same id nothing comes. Throws not_found, slots_full.
   */
  connect(directoryId: string, input: ConnectInput, attribution: Attribution): Promise<void>;
  /** Moves the end of a live credential, as use does; not worth an event. */
  extend(id: string, expiresAt: Date): Promise<void>;
  /** Gives a pending credential its predecessor's slot, which ends that; anything else is returned as it is. */
  takeOver(credential: Credential): Promise<Credential | undefined>;
  find(id: string): Promise<Credential | undefined>;
  /** Throws not_found. */
  get(id: string): Promise<Credential>;
  /** By what was presented; an authoritative read, and one more for what is not found while the store has weak values. */
  findByDigest(digest: Digest): Promise<Credential | undefined>;
  /** By id; an authoritative read. */
  findNow(id: string): Promise<Credential | undefined>;
  /** Newest first, unless it is said. `from` and `to` are about `createdAt`. */
  page(query: {
    directoryId?: string | undefined;
    organizationId?: string | undefined;
    state?: Credential['state'] | readonly Credential['state'][] | undefined;
    from?: Date | undefined;
    to?: Date | undefined;
    direction?: 'ascending' | 'descending' | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<Page<Credential>>;
  /** The connections of a client, in all directories, newest first. */
  ofClient(clientId: string, query: { after?: string | undefined; limit: number }): Promise<Page<Credential>>;
  /** Those of all directories whose value ends so, newest first. */
  withHint(hint: string, limit: number): Promise<Credential[]>;
  /** Who holds the slots of a directory, expired ones left out. */
  holders(directoryId: string): Promise<Credential[]>;
  /** Throws not_found, credential_final. */
  change(id: string, changes: CredentialChanges, attribution: Attribution): Promise<Credential>;
  /** Keeps whether it is still needed, as somebody found; it changes nothing else. Throws not_found, credential_final. */
  review(
    id: string,
    review: { decision: ReviewDecision; note?: string | undefined },
    attribution: Attribution,
  ): Promise<Credential>;
  disable(id: string, attribution: Attribution): Promise<Credential>;
  /** Throws not_found, credential_final; forbidden for an IT contact where the vendor disabled it. */
  enable(id: string, attribution: Attribution): Promise<Credential>;
  /** Revoking a revoked one changes nothing. Throws not_found, still_in_use (unless `force`). */
  revoke(
    id: string,
    options: { reason?: string | undefined; force?: boolean | undefined },
    attribution: Attribution,
  ): Promise<Credential>;
  /** Retires a replaced credential at once. Throws not_found, credential_final, not_replaced. */
  retire(id: string, attribution: Attribution): Promise<Credential>;
  /** How far the rotation of a replaced credential is; undefined when there is none. */
  progress(credential: Credential): ReturnType<ReturnType<typeof createRotation>['progress']>;
  /** Throws slots_full, naming the holders, when both slots are taken. */
  assertFreeSlot(directoryId: string): Promise<void>;
  /**
   * Throws forbidden when the vendor disabled a credential of the directory and an IT contact would get around it: by another token, a
   * rotation, a connection, or by ending the disabled one.
   */
  assertNotHeldBack(directoryId: string, attribution: Attribution): Promise<void>;
  /** Throws credentials_active, naming them, when credentials hold slots of the directory. */
  assertNoneActive(directory: Directory): Promise<void>;
  /** Revokes what holds a slot of the directory; without `force` it throws credentials_active when there is any. */
  clear(directory: Directory, force: boolean, attribution: Attribution): Promise<void>;
  /** Does what is due: expiry and retirement. Called in rounds. */
  advance(): Promise<void>;
  countByState(): Promise<Record<Credential['state'], number>>;
}

/** Whether it was used so lately that ending it breaks something now: what `still_in_use` goes by. */
export function isInUse(lastUsedAt: Date | undefined, now: Date): boolean {
  return lastUsedAt !== undefined && now.getTime() - lastUsedAt.getTime() <= IN_USE_MS;
}

interface Dependencies {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  directories: Directories;
  usage: Usage;
  weakValues: WeakValues;
  /** Waits until no instance answers from memory with what was true before. */
  waitOutLease: () => Promise<void>;
  /** A replaced credential retires after this long without use, once its successor was accepted. */
  retireQuietMs: number;
  /** A replaced credential in use this long after the rotation shows as such. */
  retireOverdueMs: number;
}

/** Use within this time makes a revoke ask for `force`. */
const IN_USE_MS = 3_600_000;
const CLEAR_BATCH = 100;
const ADVANCE_BATCH = 200;

export function createCredentials(deps: Dependencies): Credentials {
  const { storage, audit, clock, random, directories, usage, weakValues, waitOutLease } = deps;
  const credentials = audit.track('credentials', storage.collection(credentialSpec));
  const slots = createSlots({ credentials, audit, clock, usage });

  async function get(id: string): Promise<Credential> {
    const credential = await credentials.find(id);
    if (!credential) throw absent(id);
    return credential;
  }

  function draft(
    directory: Directory,
    digest: Digest,
    hint: string,
    input: IssueInput,
    attribution: Attribution,
  ): Omit<Credential, 'slot' | 'slotKey'> {
    const now = clock.now();
    const { label, scopes = ['scim'], expiresAt } = input;
    if (expiresAt) assertEnd(expiresAt, now);
    return {
      id: newId('cred', random),
      organizationId: directory.organizationId,
      directoryId: directory.id,
      kind: 'bearer',
      state: 'active',
      digest,
      hint,
      ...(label !== undefined && { label }),
      scopes: [...new Set(scopes)],
      createdAt: now,
      createdBy: attribution.actor,
      ...(expiresAt && { expiresAt, dueAt: expiresAt }),
    };
  }

  async function issueInto(
    directory: Directory,
    input: IssueInput & { generation?: number; replaces?: string },
    attribution: Attribution,
  ): Promise<Issued> {
    const token = mintToken('scim_', random);
    const { generation, replaces } = input;
    const fresh = {
      ...draft(directory, digestOf(token), hintOf(token), input, attribution),
      ...(generation !== undefined && { generation }),
    };
    const credential = await slots.claim(fresh, (record) =>
      audit.event('credential.issued', attribution, subjectOf(record), {
        ...factsOf(record),
        scopes: record.scopes,
        expiresAt: record.expiresAt?.toISOString() ?? null,
        replaces,
      }),
    );
    if (attribution.commit?.() === false) await takeBack(credential.id, attribution);
    return { credential, token };
  }

  /** Ends a new credential whose value reaches no one, and throws storage_unavailable. */
  async function takeBack(
    id: string,
    attribution: Attribution,
    reason: unknown = new Error('the answer was given up'),
  ): Promise<never> {
    await revoke(
      id,
      { reason: 'its value was never delivered because the store was too slow', force: true },
      attribution,
    );
    throw new AppError('storage_unavailable', {}, { cause: reason });
  }

  const rotation = createRotation({ ...deps, credentials, slots, issueInto, takeBack });

  async function holders(directoryId: string): Promise<Credential[]> {
    return (await slots.holders(directoryId)).filter((holder) => stateAt(holder, clock.now()) !== 'expired');
  }

  async function assertNotHeldBack(directoryId: string, { actor }: Attribution): Promise<void> {
    if (actor.type !== 'it_contact') return;
    if (!(await holders(directoryId)).some(isDisabledByVendor)) return;
    throw new AppError('forbidden', {
      detail:
        "Your software vendor disabled a credential of this directory. You can't replace it until they enable or revoke it. Ask them.",
    });
  }

  async function switchTo(state: 'active' | 'disabled', id: string, attribution: Attribution): Promise<Credential> {
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
        events: [audit.event(type, attribution, subjectOf(record), factsOf(record))],
      };
    });
    if (!result) throw absent(id);
    // Also when nothing changed: an earlier call may have been cut off before it could wait.
    if (state === 'disabled') await waitOutLease();
    return result.after;
  }

  async function revoke(
    id: string,
    { reason, force = false }: { reason?: string | undefined; force?: boolean | undefined },
    attribution: Attribution,
  ) {
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
    const active = await holders(directoryId);
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
    async issue(directoryId, input, attribution) {
      await assertNotHeldBack(directoryId, attribution);
      return issueInto(await directories.get(directoryId), input, attribution);
    },

    async import(directoryId, input, attribution, isDry = false) {
      await assertNotHeldBack(directoryId, attribution);
      const directory = await directories.get(directoryId);
      const { digest, hint, form, value } = readImport(input);
      const keyed = weakValues.keyed(digest);
      const isWeak = (await assertStrongEnough(form, value, input.allowWeak)) === 'weak';
      // Under whichever digest it is kept already.
      await slots.assertNew(isWeak ? digest : keyed);
      const record = isWeak
        ? { ...draft(directory, keyed, UNKNOWN_HINT, input, attribution), weak: true }
        : draft(directory, digest, hint, input, attribution);
      if (isDry) {
        await slots.assertNew(isWeak ? keyed : digest);
        await slots.assertFree(directoryId);
        return { ...record, slot: 'a' };
      }
      if (isWeak) await weakValues.announce();
      return slots.claim(record, (record) =>
        audit.event('credential.imported', attribution, subjectOf(record), {
          ...factsOf(record),
          scopes: record.scopes,
          expiresAt: record.expiresAt?.toISOString() ?? null,
          form,
          ...(isWeak && { weak: true }),
        }),
      );
    },

    async rotate(directoryId, input, attribution) {
      await assertNotHeldBack(directoryId, attribution);
      return rotation.rotate(directoryId, input, attribution);
    },

    async connect(directoryId, input, attribution) {
      const directory = await directories.get(directoryId);
      const { id, clientId, label, scopes = ['scim'], weak, authorizedBy, replaces, expiresAt } = input;
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
        audit.event('credential.connected', attribution, subjectOf(record), { ...factsOf(record), clientId, replaces });
      try {
        await slots.claim(fresh, eventOf);
        if (replaces !== undefined) await rotation.replace(replaces, id);
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

    async extend(id, expiresAt) {
      await credentials.update(id, (record) => {
        const state = stateAt(record, clock.now());
        if (state === 'revoked' || state === 'expired' || record.endSetAt) return undefined;
        return {
          record: {
            ...record,
            expiresAt,
            dueAt: earliest(expiresAt, record.rotation ? record.dueAt : undefined) ?? expiresAt,
          },
          events: [],
        };
      });
    },

    async takeOver(credential) {
      const { succeeds } = credential;
      if (stateAt(credential, clock.now()) !== 'pending' || succeeds === undefined) return credential;
      return slots.undisturbed(credential.directoryId, () => takeOver(credential, succeeds));
    },

    find: (id) => credentials.find(id),
    get,
    findNow: (id) => credentials.find(id, { authoritative: true }),
    async findByDigest(digest) {
      const found = await credentials.findBy('digest', digest, { authoritative: true });
      if (found || isKeyed(digest) || !(await weakValues.mayExist())) return found;
      return credentials.findBy('digest', weakValues.keyed(digest), { authoritative: true });
    },
    page: ({ directoryId, organizationId, state, direction = 'descending', ...query }) =>
      credentials.page({ ...query, where: { directoryId, organizationId, state }, direction }),
    retireQuietMs: deps.retireQuietMs,
    ofClient: (clientId, { after, limit }) =>
      credentials.page({ where: { clientId }, after, limit, direction: 'descending' }),
    async withHint(hint, limit) {
      return (await credentials.page({ where: { hint }, limit, direction: 'descending' })).items;
    },
    holders,

    async change(id, { label, scopes, expiresAt }, attribution) {
      const now = clock.now();
      if (expiresAt) assertEnd(expiresAt, now);
      const result = await credentials.update(id, (record) => {
        assertLive(record, now);
        const { label: oldLabel, expiresAt: oldEnd, endSetAt: oldSetAt, dueAt: _dueAt, ...rest } = record;
        const newLabel = label === null ? undefined : (label ?? oldLabel);
        const newEnd = expiresAt === null ? undefined : (expiresAt ?? oldEnd);
        const endSetAt = expiresAt === null ? undefined : expiresAt ? now : oldSetAt;
        const newScopes = scopes ? [...new Set<string>(scopes)] : record.scopes;
        // A rotation that is under way is looked at anew with the next round.
        const dueAt = earliest(newEnd, record.rotation ? now : undefined);
        const next: Credential = {
          ...rest,
          scopes: newScopes,
          ...(newLabel !== undefined && { label: newLabel }),
          ...(newEnd && { expiresAt: newEnd }),
          ...(endSetAt && { endSetAt }),
          ...(dueAt && { dueAt }),
        };
        const told = changesBetween(record, next, ['label', 'expiresAt', 'scopes']);
        if (told.changed.length === 0) return undefined;
        const event = audit.event('credential.updated', attribution, subjectOf(next), { ...factsOf(next), ...told });
        return { record: next, events: [event] };
      });
      if (!result) throw absent(id);
      await waitOutLease();
      return result.after;
    },

    async review(id, { decision, note }, attribution) {
      const result = await credentials.update(id, (record) => {
        const at = clock.now();
        assertLive(record, at);
        const review = { at, by: attribution.actor, decision, ...(note !== undefined && { note }) };
        const facts = { ...factsOf(record), decision, note };
        return {
          record: { ...record, review },
          events: [audit.event('credential.reviewed', attribution, subjectOf(record), facts)],
        };
      });
      if (!result) throw absent(id);
      return result.after;
    },

    disable: (id, attribution) => switchTo('disabled', id, attribution),
    enable: (id, attribution) => switchTo('active', id, attribution),

    async revoke(id, options, attribution) {
      if (attribution.actor.type === 'it_contact') await assertNotHeldBack((await get(id)).directoryId, attribution);
      const credential = await revoke(id, options, attribution);
      await waitOutLease();
      return credential;
    },

    retire: (id, attribution) => rotation.retireNow(id, attribution),
    progress: (credential) => rotation.progress(credential),

    assertNotHeldBack,
    assertFreeSlot: (directoryId) => slots.assertFree(directoryId),
    assertNoneActive,

    async clear(directory, force, attribution) {
      if (!force) await assertNoneActive(directory);
      const where = { directoryId: directory.id, state: ['active', 'disabled', 'pending'] };
      for (let left = true; left; ) {
        const { items, nextCursor } = await credentials.page({ where, limit: CLEAR_BATCH });
        for (const { id } of items) await revoke(id, { reason: 'the directory was deleted', force: true }, attribution);
        left = nextCursor !== null;
      }
    },

    async advance() {
      let failed: unknown;
      for (const record of await credentials.due('dueAt', clock.now(), ADVANCE_BATCH)) {
        // One that can't be finished now must not keep the others waiting.
        try {
          if (stateAt(record, clock.now()) === 'expired') await slots.expire(record.id);
          else await rotation.advance(record);
        } catch (error) {
          failed ??= error;
        }
      }
      if (failed !== undefined) throw failed;
    },

    async countByState() {
      const states = ['pending', 'active', 'disabled', 'revoked', 'expired'] as const;
      const counts = await Promise.all(states.map((state) => credentials.count({ state })));
      return Object.fromEntries(states.map((state, index) => [state, counts[index]])) as Record<
        Credential['state'],
        number
      >;
    },
  };
}

function isDisabledByVendor({ state, disabledBy }: Credential): boolean {
  return state === 'disabled' && disabledBy !== undefined && disabledBy.type !== 'it_contact';
}

export function assertLive(record: Credential, now: Date): void {
  const state = stateAt(record, now);
  if (state === 'revoked' || state === 'expired')
    throw new AppError('credential_final', { credentialId: record.id, state });
}

function absent(id: string): AppError {
  return new AppError('not_found', { detail: `There is no credential ${id}.` });
}

/** Times are kept as text of four-digit years; beyond those they would sort wrongly. */
const LAST_END = new Date('9998-12-31T23:59:59.999Z');

function assertEnd(expiresAt: Date, now: Date): void {
  if (expiresAt > now && expiresAt <= LAST_END) return;
  const isOver = expiresAt <= now;
  const wanted = isOver
    ? 'a time in the future, or null for no end'
    : 'a time before the year 9999, or null for no end';
  const detail = isOver ? 'expiresAt is in the past.' : 'expiresAt is too far away.';
  const given = Number.isNaN(expiresAt.getTime()) ? 'no time' : expiresAt.toISOString();
  throw new AppError('invalid_request', { detail, errors: [{ path: 'expiresAt', given, wanted }] });
}
