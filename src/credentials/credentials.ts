/** The credentials of directories as the other folders see them: what is read of them, their attributes, and the operations of this folder. */
import { type Attribution, type Audit, changesBetween } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Directories, Directory } from '../directories/index.ts';
import type { Random } from '../identifiers.ts';
import type { Page, Storage } from '../storage/index.ts';
import { type ConnectInput, createConnecting } from './connecting.ts';
import { createEnding } from './ending.ts';
import type { ImportInput } from './imports.ts';
import { assertEnd, createIssuing } from './issuing.ts';
import {
  absent,
  assertLive,
  type Credential,
  credentialSpec,
  earliest,
  factsOf,
  hasPlan,
  type Issued,
  type IssueInput,
  type ReviewDecision,
  type Scope,
  stateAt,
  subjectOf,
} from './records.ts';
import { createRotation, type RotateInput, type RotationProgress } from './rotation.ts';
import { createSlots } from './slots.ts';
import type { Digest } from './static-token.ts';
import type { Usage } from './usage.ts';
import { isKeyed, type WeakValues } from './weak-values.ts';

export interface CredentialChanges {
  /** null takes it away. */
  label?: string | null | undefined;
  scopes?: Scope[] | undefined;
  expiresAt?: Date | null | undefined;
}

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
   * Makes a credential of kind `oauth`: in a free slot, or pending until its first use when both are taken and it `replaces` one. A second
   * call with the same ID does nothing. Throws not_found, slots_full.
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
  disable(id: string, attribution: Attribution, reason?: string): Promise<Credential>;
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
  progress(credential: Credential): Promise<RotationProgress | undefined>;
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

const ADVANCE_BATCH = 200;

export function createCredentials(deps: Dependencies): Credentials {
  const { storage, audit, clock, usage, weakValues, waitOutLease } = deps;
  const credentials = audit.track('credentials', storage.collection(credentialSpec));
  const slots = createSlots({ credentials, audit, clock, usage });
  const ending = createEnding({ ...deps, credentials, slots });
  const { issueInto, takeBack, ...issuing } = createIssuing({ ...deps, slots, ending });
  const rotation = createRotation({ ...deps, credentials, slots, issueInto, takeBack });
  const { connect, extend, takeOver } = createConnecting({ ...deps, credentials, slots, rotation });

  return {
    retireQuietMs: deps.retireQuietMs,
    issue: issuing.issue,
    import: issuing.import,
    async rotate(directoryId, input, attribution) {
      await ending.assertNotHeldBack(directoryId, attribution);
      return rotation.rotate(directoryId, input, attribution);
    },
    connect,
    extend,
    takeOver,

    find: (id) => credentials.find(id),
    async get(id) {
      const credential = await credentials.find(id);
      if (!credential) throw absent(id);
      return credential;
    },
    async findByDigest(digest) {
      const found = await credentials.findBy('digest', digest, { authoritative: true });
      if (found || isKeyed(digest) || !(await weakValues.mayExist())) return found;
      return credentials.findBy('digest', weakValues.keyed(digest), { authoritative: true });
    },
    findNow: (id) => credentials.find(id, { authoritative: true }),
    page: ({ directoryId, organizationId, state, direction = 'descending', ...query }) =>
      credentials.page({ ...query, where: { directoryId, organizationId, state }, direction }),
    ofClient: (clientId, { after, limit }) =>
      credentials.page({ where: { clientId }, after, limit, direction: 'descending' }),
    async withHint(hint, limit) {
      return (await credentials.page({ where: { hint }, limit, direction: 'descending' })).items;
    },
    holders: slots.live,

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
        const dueAt = earliest(newEnd, hasPlan(record) ? now : undefined);
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

    disable: ending.disable,
    enable: ending.enable,
    revoke: ending.revoke,
    clear: ending.clear,
    retire: rotation.retireNow,
    progress: rotation.progress,
    assertNotHeldBack: ending.assertNotHeldBack,
    assertNoneActive: ending.assertNoneActive,
    assertFreeSlot: slots.assertFree,

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
