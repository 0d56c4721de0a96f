/** A finding, as it is kept and answered: JSON all through. */
import type { ActingParty, Code, Severity } from './codes.ts';

export interface Finding {
  code: Code;
  severity: Severity;
  actor: ActingParty;
  /** ISO times. `until` is set for a state that ends automatically. */
  since: string;
  until?: string;
  facts: FindingFacts;
  /** IDs of the events that say so, earliest first. */
  evidence: string[];
  /** `known` states a fact; `likely` is said with "probably", and why. */
  certainty: 'known' | 'likely';
}

/** What the words are made of. Times are ISO strings. No value that a caller sent is here, but IDs and ends of tokens of our own. */
export interface FindingFacts {
  count?: number;
  /** How often it has come since it began, where it comes and goes. */
  times?: number;
  /** Nothing else came since it began: neither of another kind nor with another result. */
  isAlone?: boolean;
  /** There are more of them than that. */
  isCut?: boolean;
  firstAt?: string;
  lastAt?: string;
  /** The latest accepted request; absent where there was none. */
  acceptedAt?: string;
  /** When the SCIM server last answered properly. */
  answeredAt?: string;
  /** Of the latest failed request, behind the gateway. */
  requestId?: string;
  address?: string;
  userAgent?: string;
  detail?: string;
  /** The credential that it is about. */
  credentialId?: string;
  kind?: 'bearer' | 'oauth';
  hint?: string;
  label?: string;
  slot?: 'a' | 'b';
  /** Its value is of another system, where it was in use. */
  isImported?: boolean;
  by?: string;
  byType?: string;
  at?: string;
  reason?: string;
  /** Another credential that would work. */
  usable?: {
    hint: string;
    kind: 'bearer' | 'oauth';
    slot: 'a' | 'b';
    usedAt?: string;
    isImported?: boolean;
  } & Origin;
  /** A used token besides that one, which works as well. */
  earlier?: { hint: string; usedAt: string };
  clientId?: string;
  clientName?: string;
  /** The client that was deleted, and that still comes, has a successor in this directory. */
  isReplaced?: boolean;
  /** It gets tokens with its secret alone, so nobody connects it: once its connection was ended, it takes another client. */
  isMachine?: boolean;
  /** It connects with OAuth, or is being set up for it. */
  isOauth?: boolean;
  /** No client is left that could connect: the connection that each of them had has ended, or the client was deleted. */
  needsClient?: boolean;
  /** The client ID to enter, of the newest client that can connect. */
  usableClientId?: string;
  /** A client secret that would be accepted, the newest. */
  liveSecret?: { hint: string; expiresAt?: string } & Origin;
  /** As many client secrets work as may work at a time, so none can be added. */
  areSecretsFull?: boolean;
  /** Both slots hold something, so that a new connection takes the place of one of them. */
  areSlotsFull?: boolean;
  /** An older refresh token comes from where the newer ones were fetched, and nothing has got a token since. */
  hasGoneBack?: boolean;
  /** When the token endpoint last issued a token. */
  grantedAt?: string;
  /** How many characters came where a token belongs. */
  sentLength?: number;
  /** Where a token was instead of the Authorization header: `header X-Api-Key`. */
  foundIn?: string;
  /** Where the requests come from that are not refused. */
  working?: { address: string; userAgent?: string; at: string };
  /** The SCIM server URL: when it was last changed here, and whether the same URL worked before. */
  server?: {
    changedAt?: string;
    changedBy?: string;
    before?: string;
    hasWorked: boolean;
    /** Whether the gateway sends a credential of its own there. */
    sendsCredential?: boolean;
  };
  /** Its redirect URIs follow from an app name, which the IT contact can correct in the setup. */
  isAppNamed?: boolean;
  /** The token of one directory went to the URL of the other. */
  otherDirectory?: string;
  otherId?: string;
  otherUrl?: string;
  /** This directory had accepted requests until then, and the other one never had any. */
  isLikelyMeant?: boolean;
  isElsewhere?: boolean;
  /** The directory is disabled, so that nothing is accepted whatever else is wrong. */
  isDirectoryDisabled?: boolean;
  status?: number;
  contentType?: string;
  redirectsTo?: string;
  request?: string;
  cause?: string;
  text?: string;
  given?: string;
  wanted?: string;
  seconds?: number;
  firstSeconds?: number;
  expiresAt?: string;
  /** How long the longest silence was, and from when on silences are known. */
  longestMs?: number;
  knownSince?: string;
  limitMs?: number;
  /** "Mute for 30 days" and "This is expected", as long as they hold. */
  mutedUntil?: string;
  expectedMs?: number;
  step?: 'client_made' | 'requested' | 'consented';
  reads?: number;
  creates?: number;
  updates?: number;
  deletions?: number;
  network?: string;
  /** Whether the SCIM server's answers are seen; with findings that say that it works. */
  sees?: 'gateway' | 'reported' | 'nothing';
}

/** Who created a token or a secret, and when. They may have saved its value. */
export interface Origin {
  createdAt?: string;
  by?: string;
  byType?: string;
}

export interface Diagnosis {
  directoryId: string;
  organizationId: string;
  /** The moment that it tells of, ISO. */
  at: string;
  /** The first one leads. */
  findings: Finding[];
  /** Refused requests of somebody else: listed, and no part of the health. */
  strangers: Stranger[];
}

export interface Stranger {
  code: Code;
  count: number;
  firstAt: string;
  lastAt: string;
  address?: string;
  userAgent?: string;
  evidence: string[];
}

/** Whether requests are accepted and nothing stands against it: what was missed while it was broken is no trouble of now. */
export function isWorking(findings: readonly Pick<Finding, 'code' | 'severity'>[]): boolean {
  const isWell = ({ code, severity }: Pick<Finding, 'code' | 'severity'>) =>
    severity === 'fine' || severity === 'notice' || code === 'healed_but_missed';
  const says = ({ code }: Pick<Finding, 'code'>) => code.startsWith('working') || code === 'healed_but_missed';
  return findings.every(isWell) && findings.some(says);
}
