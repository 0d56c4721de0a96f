/** What the grants of the token endpoint have in common: what they are given, and what they answer. Each stands in a file of its own. */
import type { Attribution } from '../audit/index.ts';
import { isAppError } from '../errors.ts';
import type { Client } from './client-record.ts';
import type { Parameters } from './parameters.ts';
import type { OauthSubReason } from './refusals.ts';

/** Which connection a token request is about. */
export interface About {
  credentialId?: string | undefined;
  organizationId?: string | undefined;
  directoryId?: string | undefined;
}

/** RFC 6749 5.1, as it goes over the wire. */
export interface Tokens {
  access_token: string;
  /** Seconds. */
  expires_in: number;
  refresh_token?: string;
  scope: string;
  token_type: 'Bearer';
}

export interface Granted {
  tokens: Tokens;
  about: About;
  /** An answer that was given before and went astray: it is given again, and counts as nothing new. */
  isRepeat?: true;
}

export interface Refused {
  refused: OauthSubReason;
  about?: About;
  /** Where it differs from the one that the table of refusals has. */
  reason?: string;
}

/** Rejects with storage_unavailable alone. `attribution`: the client, which ends or makes something by this request. */
export type Grant = (client: Client, parameters: Parameters, attribution: Attribution) => Promise<Granted | Refused>;

/** The credential of a connection, or why it gives no more tokens. */
export async function connected(
  connecting: Promise<string>,
): Promise<{ credentialId: string } | { refused: OauthSubReason }> {
  try {
    return { credentialId: await connecting };
  } catch (error) {
    if (isAppError(error, 'slots_full')) return { refused: 'slots_full' };
    if (isAppError(error, 'not_found')) return { refused: 'directory_unknown' };
    if (isAppError(error, 'credential_final'))
      return { refused: error.facts['state'] === 'expired' ? 'connection_expired' : 'connection_revoked' };
    throw error;
  }
}
