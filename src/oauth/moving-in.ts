/** Connections of another system, taken over with their refresh tokens: the identity provider goes on presenting what it has. */
import type { Cause } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credentials, Scope } from '../credentials/index.ts';
import { digestOf } from '../credentials/index.ts';
import type { Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { type Collection, isDuplicate } from '../storage/index.ts';
import type { Artifact } from './artifacts.ts';
import type { Client } from './clients.ts';

export interface ConnectionImport {
  client: Client;
  directory: Directory;
  /** Exactly one of the two; the digest is SHA-256 in 64 hexadecimal digits. */
  refreshToken?: string | undefined;
  refreshTokenSha256?: string | undefined;
  scopes?: Scope[] | undefined;
}

const SHORTEST = 16;
const LONGEST = 2000;

export type MovingIn = ReturnType<typeof createMovingIn>;

export function createMovingIn(deps: {
  artifacts: Collection<Artifact>;
  credentials: Credentials;
  clock: Clock;
  /** Makes the connection: what a person would have agreed to, and its credential. Throws slots_full. */
  connect: (
    about: { client: Client; directory: Directory; scope: string },
    cause: Cause,
  ) => Promise<{ grantId: string; credentialId: string }>;
}) {
  const { artifacts, credentials, clock, connect } = deps;

  /**
   * Throws invalid_request, credential_exists (this refresh token is known), slots_full. `isDry`: everything is checked and nothing is
   * written; the answer has no credentialId then.
   */
  return async function importConnection(
    input: ConnectionImport,
    cause: Cause,
    isDry = false,
  ): Promise<{ credentialId?: string }> {
    const { client, directory, scopes = ['scim'] } = input;
    const id = `RefreshToken:${hexOf(input)}`;
    if (!client.grantTypes.includes('refresh_token'))
      throw invalid('clientId', 'a client whose grantTypes have refresh_token');
    if (client.directoryId !== undefined && client.directoryId !== directory.id)
      throw invalid('clientId', 'a client of this directory, or a shared one');
    if (await artifacts.find(id)) throw new AppError('credential_exists');
    if (isDry) {
      await credentials.assertFreeSlot(directory.id);
      return {};
    }
    const scope = scopes.join(' ');
    const { grantId, credentialId } = await connect({ client, directory, scope }, cause);
    const facts = { accountId: directory.id, clientId: client.id, grantId, scope };
    const token = { ...facts, kind: 'RefreshToken', gty: 'authorization_code refresh_token', iat: seconds(clock) };
    try {
      const record = { id, model: 'RefreshToken', payload: JSON.stringify(token), createdAt: clock.now() };
      await artifacts.insert({ ...record, grantId, clientId: client.id, scope });
    } catch (error) {
      // Without its refresh token the connection is of no use to anybody, and holds a slot.
      await credentials.revoke(credentialId, { force: true, reason: 'its import failed' }, cause);
      throw isDuplicate(error, 'id') ? new AppError('credential_exists', {}, { cause: error }) : error;
    }
    return { credentialId };
  };
}

function seconds(clock: Clock): number {
  return Math.floor(clock.now().getTime() / 1000);
}

function hexOf({ refreshToken, refreshTokenSha256 }: ConnectionImport): string {
  if ((refreshToken === undefined) === (refreshTokenSha256 === undefined))
    throw invalid('refreshToken', 'exactly one of refreshToken and refreshTokenSha256');
  if (refreshToken !== undefined) {
    if (/^(?:scim|scimat|scimcs|lk|lkp|lks)_/.test(refreshToken))
      throw invalid('refreshToken', 'a refresh token; this begins like a Latchkey value of another kind');
    if (refreshToken.length < SHORTEST || refreshToken.length > LONGEST || !/^[\x21-\x7e]+$/.test(refreshToken))
      throw invalid('refreshToken', `${SHORTEST} to ${LONGEST} visible ASCII characters`);
    return digestOf(refreshToken).slice('sha256:'.length);
  }
  const hex = refreshTokenSha256?.toLowerCase() ?? '';
  if (!/^[0-9a-f]{64}$/.test(hex)) throw invalid('refreshTokenSha256', 'the 64 hexadecimal digits of a SHA-256');
  return hex;
}

/** The value is never repeated. */
function invalid(path: string, wanted: string): AppError {
  return new AppError('invalid_request', {
    detail: `The connection cannot be imported: ${path} must be ${wanted}.`,
    errors: [{ path, wanted }],
  });
}
