/** What a diagnosis goes by: everything that is known of a directory at one moment. Read by read-facts.ts or, for the past, by state-at.ts. */
import type { Kind } from '../gateway/index.ts';
import type { IdentityProviderId } from '../identity-providers/index.ts';
import type { Code } from './codes.ts';

export interface Facts {
  /** The moment that is diagnosed. */
  at: Date;
  directory: DirectoryFacts;
  /** Those that hold a slot, and the latest that ended; newest first. */
  credentials: CredentialFacts[];
  /** OAuth clients that belong to the directory. */
  clients: ClientFacts[];
  /** Of every surface, latest first; one entry for each cause and credential. */
  refusals: RefusalFacts[];
  /** There are more of them between the first and the last than were read, so counts are too low. */
  isCut?: boolean;
  /** What became of accepted requests, by kind; empty where we see none. */
  outcomes: OutcomeFacts[];
  /** Whether we see the answers of the SCIM server. */
  sees: 'gateway' | 'reported' | 'nothing';
  /** The latest accepted request, with whatever credential. */
  accepted?: { at: Date; address?: string; userAgent?: string; credentialId: string };
  /** When the token endpoint last issued a token. */
  grantedAt?: Date;
  /** To whom it did, as far as an event tells. */
  granted?: { at: Date; address: string; userAgent?: string };
  /** Where accepted requests came from, most frequent first. */
  sources: SourceFacts[];
  /** Where requests that got a token came from; absent where that is not known. */
  tokenSources?: readonly Pick<SourceFacts, 'network' | 'family'>[];
  /** How far a connection came that is not there yet. */
  connecting?: { step: 'client_made' | 'requested' | 'consented'; at: Date };
  /** Whether anybody at the organization ever opened a portal link; absent where that is not known. */
  hasContact?: boolean;
  silence?: SilenceFacts;
  /** The latest failure that has ended, unless somebody has dealt with what it left behind. */
  recovered?: RecoveredFacts;
}

export interface DirectoryFacts {
  id: string;
  organizationId: string;
  name: string;
  provider: IdentityProviderId;
  endpointUrl: string;
  upstreamUrl?: string;
  isDisabled: boolean;
  disabledAt?: Date;
  disabledBy?: string;
  disabledByType?: string;
  disabledReason?: string;
  /** The latest change of the SCIM server URL; read where that server fails. */
  upstreamChange?: { at: Date; by: string; before?: string };
  /** Whether the gateway sends a credential of its own to the SCIM server; absent for the past. */
  sendsCredential?: boolean;
  createdAt: Date;
}

export type CredentialState = 'pending' | 'active' | 'disabled' | 'revoked' | 'expired';

export interface CredentialFacts {
  id: string;
  kind: 'bearer' | 'oauth';
  slot: 'a' | 'b';
  state: CredentialState;
  /** The last four characters of a token. */
  hint: string;
  label?: string;
  scopes: readonly string[];
  createdAt: Date;
  createdBy?: string;
  createdByType?: string;
  expiresAt?: Date;
  /** When its state ended or was suspended, by whom, and why. */
  endedAt?: Date;
  endedBy?: string;
  endedByType?: string;
  endedReason?: string;
  lastUsedAt?: Date;
  clientId?: string;
  /** Its client was deleted, so it gets no more tokens. */
  isClientGone: boolean;
  accessTokenExpiresAt?: Date;
  /** When its value, or the refresh token of the connection, was brought along from another system. */
  importedAt?: Date;
  /** Its end comes from the policy of its client. */
  endsByPolicy: boolean;
  rotation?: { since: Date; isOverdue: boolean; successorUsed: boolean };
}

export interface ClientFacts {
  id: string;
  name: string;
  createdAt: Date;
  secrets: { hint: string; createdAt?: Date; createdBy?: string; createdByType?: string; expiresAt?: Date }[];
  /** It gets tokens with its secret alone. */
  isMachine?: boolean;
  /** The ID that the identity provider sends, where it has kept one from another system. */
  publicId?: string;
  /** The one connection that it can have with its secret alone. */
  credentialId?: string;
}

export interface RefusalFacts {
  code: Code;
  /** The word that the event has for the cause, where one code has several. */
  detail?: string;
  firstAt: Date;
  lastAt: Date;
  count: number;
  /** Events that say so, the latest first. */
  evidence: { id: string; firstAt: Date; lastAt: Date }[];
  credentialId?: string;
  /** Of the latest of them. */
  requestId?: string;
  /** The last four characters of the token, where we know it. */
  hint?: string;
  clientId?: string;
  address?: string;
  userAgent?: string;
  /** There were so many that some were answered with 429. */
  isLimited?: boolean;
  /** The token of this directory went to the URL of another one. */
  isElsewhere?: boolean;
  /** It asked with the secret of its client alone (client credentials). */
  isMachine?: boolean;
  /** It named a client of this directory and proved nothing, as anybody can who knows the client ID. */
  isUnproven?: boolean;
  /** A request at the authorization endpoint: a person's browser sent it, so its address says nothing of the identity provider. */
  isFromBrowser?: boolean;
  /** The other directory of the two, where it belongs to the same organization. */
  other?: OtherDirectory;
  /** What the SCIM server or the request said of itself: a status, a kind, a reason without values. */
  said?: Said;
}

export interface OtherDirectory {
  id: string;
  name: string;
  endpointUrl: string;
  /** Whether a request was ever accepted there. */
  hasAccepted: boolean;
}

export interface Said {
  status?: number;
  /** Of the answer of the SCIM server: its media type, and the host of a redirect. */
  contentType?: string;
  redirectsTo?: string;
  kind?: string;
  cause?: string;
  text?: string;
  /** What was sent and what is registered, where the two are nearly the same. */
  given?: string;
  wanted?: string;
  /** By how much a clock differs: the latest time, and the first. */
  seconds?: number;
  firstSeconds?: number;
  /** Of a value that is too short or too long to be a token. */
  length?: number;
  /** Where a token was instead of the Authorization header: `header X-Api-Key`. */
  foundIn?: string;
  /** ISO; of a client secret that still comes. */
  removedAt?: string;
}

export interface OutcomeFacts {
  kind: Kind;
  /** `ok`, `normal_refusal`, or a failure by its code. */
  outcome: 'ok' | 'normal_refusal' | Code;
  at: Date;
  /** Of failures in a row: when they began, and when such a request was last answered properly before. */
  since?: Date;
  answeredAt?: Date;
}

export interface SourceFacts {
  /** /24 or /48. */
  network: string;
  /** What the user agent starts with, or '' where there was none. */
  family: string;
  firstAt: Date;
  lastAt: Date;
  count: number;
}

export interface SilenceFacts {
  /** The latest sign of life, and the first. */
  since: Date;
  firstAt: Date;
  longestMs: number;
  limitMs: number;
  /** `own`: measured by the directory's own history; `preset`: by what is usual for its identity provider. */
  basis: 'own' | 'preset';
  isAlarm: boolean;
  /** What people said of it: that so much working time is expected, and until when nothing is to be reported. */
  expectedMs?: number;
  mutedUntil?: Date;
  /** Many directories of the provider are quiet at once. */
  isFleet?: boolean;
}

export interface RecoveredFacts {
  code: Code;
  from: Date;
  until: Date;
  reads: number;
  creates: number;
  updates: number;
  deletions: number;
  evidence: string[];
}
