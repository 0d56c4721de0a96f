import { actorShape, outboxShape } from '../audit/index.ts';
import { AppError } from '../errors.ts';
import { type CollectionSpec, type Stored, text } from '../storage/index.ts';

export const SCOPES = ['scim', 'scim.read'] as const;
export type Scope = (typeof SCOPES)[number];

/** What a review finds: it is still needed, or somebody is to end it. */
export const REVIEW_DECISIONS = ['keep', 'end'] as const;
export type ReviewDecision = (typeof REVIEW_DECISIONS)[number];

export type Slot = 'a' | 'b';
export const SLOTS: readonly Slot[] = ['a', 'b'];

/** How a rotation ends for the credential that it replaced. */
const rotationShape = {
  successorId: 'string',
  since: 'date',
  retire: text<'manual' | 'when-replaced' | 'at'>(),
  'retireAt?': 'date',
} as const;

/** What a new credential is to replace, and how that one ends: kept with the claim of its slot until it is written there. */
const replacingShape = {
  credentialId: 'string',
  since: rotationShape.since,
  retire: rotationShape.retire,
  'retireAt?': rotationShape['retireAt?'],
} as const;

const shape = {
  organizationId: 'string',
  directoryId: 'string',
  kind: text<'bearer' | 'oauth'>(),
  slot: text<Slot>(),
  /** `<directoryId>:<slot>` while it holds the slot. Unique, so the insert itself claims the slot. */
  'slotKey?': 'string',
  /** `pending`: an OAuth connection that takes the place of another credential with its first use. */
  state: text<'pending' | 'active' | 'disabled' | 'revoked' | 'expired'>(),
  'digest?': 'string',
  hint: 'string',
  'label?': 'string',
  /** Imported by an owner although it could be guessed. */
  'weak?': 'boolean',
  scopes: 'strings',
  createdAt: 'date',
  createdBy: actorShape,
  'expiresAt?': 'date',
  /** When a person set that end: use does not move it. */
  'endSetAt?': 'date',
  /** While it is disabled. */
  'disabledBy?': actorShape,
  'revokedAt?': 'date',
  'revokedBy?': actorShape,
  'revokedReason?': 'string',
  'rotation?': rotationShape,
  'replacing?': replacingShape,
  /** Of kind `oauth`: the client that holds it, and who allowed it. */
  'clientId?': 'string',
  'authorizedBy?': actorShape,
  /** The latest look at whether it is still needed. */
  'review?': { at: 'date', by: actorShape, decision: text<ReviewDecision>(), 'note?': 'string' },
  /** Of a pending one: whose place it takes. */
  'succeeds?': 'string',
  /** Of immediate rotations: the later one wins, whatever the order of their writes. */
  'generation?': 'number',
  /** When something is next to be done to it automatically: its end, or a look at its rotation. */
  'dueAt?': 'date',
  ...outboxShape,
} as const;

export const credentialSpec = {
  name: 'credentials',
  shape,
  keys: {
    directoryId: 'index',
    organizationId: 'index',
    digest: 'unique',
    slotKey: 'unique',
    state: 'index',
    hint: 'index',
    clientId: 'index',
    dueAt: 'index',
    outboxAt: 'index',
  },
  order: 'createdAt',
} as const satisfies CollectionSpec;

export type Credential = Stored<typeof shape>;

export function slotKey(directoryId: string, slot: Slot): string {
  return `${directoryId}:${slot}`;
}

/** The state at a moment: an end that has passed counts before the round that records it came by. */
export function stateAt({ state, expiresAt }: Pick<Credential, 'state' | 'expiresAt'>, now: Date): Credential['state'] {
  const isLive = state === 'active' || state === 'disabled' || state === 'pending';
  return isLive && expiresAt !== undefined && expiresAt <= now ? 'expired' : state;
}

/** What an event says of a credential. */
export function factsOf({ kind, slot, hint, label }: Credential) {
  return { kind, slot, hint, ...(label !== undefined && { label }) };
}

export function subjectOf({ id, organizationId, directoryId }: Credential) {
  return { organizationId, directoryId, credentialId: id };
}

/** The record once it has ended: without the slot, and with nothing left to be done. */
export function ended(record: Credential, state: 'revoked' | 'expired', facts: Partial<Credential>): Credential {
  const { slotKey: _slotKey, dueAt: _dueAt, rotation: _rotation, replacing: _replacing, ...rest } = record;
  return { ...rest, ...facts, state };
}

/** Throws credential_final. */
export function assertLive(record: Credential, now: Date): void {
  const state = stateAt(record, now);
  if (state === 'revoked' || state === 'expired')
    throw new AppError('credential_final', { credentialId: record.id, state });
}

export function absent(id: string): AppError {
  return new AppError('not_found', { detail: `There is no credential ${id}.` });
}

/** Whether a round has something to do to it besides its end. */
export function hasPlan({ rotation, replacing }: Pick<Credential, 'rotation' | 'replacing'>): boolean {
  return rotation !== undefined || replacing !== undefined;
}

/** The earlier of two moments, where there are any. */
export function earliest(...moments: (Date | undefined)[]): Date | undefined {
  return moments.filter((moment) => moment !== undefined).sort((a, b) => a.getTime() - b.getTime())[0];
}

export interface IssueInput {
  label?: string | undefined;
  scopes?: Scope[] | undefined;
  /** Absent or null: no end. */
  expiresAt?: Date | null | undefined;
}

/** `token`: shown once. */
export interface Issued {
  credential: Credential;
  token: string;
}

/** Until the vendor enables or revokes it, an IT contact can't get around that. */
export function isDisabledByVendor({ state, disabledBy }: Pick<Credential, 'state' | 'disabledBy'>): boolean {
  return state === 'disabled' && disabledBy !== undefined && disabledBy.type !== 'it_contact';
}
