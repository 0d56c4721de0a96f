/**
 * Connections of another system, taken over with their refresh tokens: the identity provider goes on presenting what it has. All IDs of an
 * import follow from its refresh token, client and directory, so an import that was cut off anywhere is finished by its repeat.
 */
import { createHash } from 'node:crypto';
import type { Attribution } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credentials, Scope } from '../credentials/index.ts';
import { assertStrongEnough, type Digest, digestOf, stateAt, type WeakValues } from '../credentials/index.ts';
import type { Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { BASE62 } from '../identifiers.ts';
import { type Collection, isDuplicate } from '../storage/index.ts';
import { type Artifact, importedRefreshTokenId } from './artifacts.ts';
import type { Client } from './client-record.ts';

export interface ConnectionImport {
  client: Client;
  directory: Directory;
  /** Exactly one of the two; the digest is SHA-256 in 64 hexadecimal digits. */
  refreshToken?: string | undefined;
  refreshTokenSha256?: string | undefined;
  scopes?: Scope[] | undefined;
  /** An owner takes a refresh token that could be guessed, or a digest of one. */
  allowWeak?: boolean | undefined;
}

const SHORTEST = 8;
const LONGEST = 2000;

interface ConnectionIds {
  /** Of the grant. */
  id: string;
  credentialId: string;
}

export type MovingIn = ReturnType<typeof createMovingIn>;

export function createMovingIn(deps: {
  artifacts: Collection<Artifact>;
  credentials: Credentials;
  weakValues: WeakValues;
  clock: Clock;
  /**
   * Makes the connection under these IDs, or leaves it as it is: what a person would have agreed to, and its credential. Throws slots_full,
   * credential_final.
   */
  connect: (
    about: { client: Client; directory: Directory; scope: string; ids: ConnectionIds; form: string; weak: boolean },
    attribution: Attribution,
  ) => Promise<void>;
}) {
  const { artifacts, credentials, weakValues, clock, connect } = deps;

  /**
   * Throws invalid_request, weak_value, credential_exists (this refresh token is known), slots_full. `isDry`: everything is checked and nothing is
   * written; the answer has a credentialId then only where an import that was cut off has a slot already.
   */
  return async function importConnection(
    input: ConnectionImport,
    attribution: Attribution,
    isDry = false,
  ): Promise<{ credentialId?: string }> {
    const { client, directory, scopes = ['scim'] } = input;
    const plain = digestOfRefreshToken(input);
    const strength = await assertStrongEnough('refreshToken', input.refreshToken, input.allowWeak);
    const keyed = weakValues.keyed(plain);
    const [digest, other] = strength === 'weak' ? [keyed, plain] : [plain, keyed];
    const id = importedRefreshTokenId(digest);
    if (!client.grantTypes.includes('refresh_token'))
      throw invalid('clientId', 'a client whose grantTypes include refresh_token');
    if (client.directoryId !== undefined && client.directoryId !== directory.id)
      throw invalid('clientId', 'a client that belongs to this directory, or a shared one');
    const known = (await artifacts.find(id)) ?? (await artifacts.find(importedRefreshTokenId(other)));
    if (known) throw await existsAs(known, input);
    const ids = idsOf(id, input);
    const { id: grantId, credentialId } = ids;
    if (isDry) {
      if (await credentials.find(credentialId)) return { credentialId };
      await credentials.assertFreeSlot(directory.id);
      return {};
    }
    const scope = scopes.join(' ');
    const form = input.refreshToken === undefined ? 'refreshTokenSha256' : 'refreshToken';
    await connect({ client, directory, scope, ids, form, weak: strength === 'weak' }, attribution);
    const facts = { accountId: directory.id, clientId: client.id, grantId, scope };
    const token = { ...facts, kind: 'RefreshToken', gty: 'authorization_code refresh_token', iat: seconds(clock) };
    try {
      const record = { id, model: 'RefreshToken', payload: JSON.stringify(token), createdAt: clock.now() };
      await artifacts.insert({ ...record, grantId, clientId: client.id, scope });
    } catch (error) {
      if (!isDuplicate(error, 'id')) throw error;
      const first = await artifacts.find(id);
      // Another import of this refresh token was first: here it is of no use to anybody, and would hold a slot.
      if (first && first.grantId !== grantId)
        await credentials.revoke(
          credentialId,
          { force: true, reason: "its refresh token is another one's" },
          attribution,
        );
      throw first ? await existsAs(first, input, error) : new AppError('credential_exists', {}, { cause: error });
    }
    return { credentialId };
  };

  /** Another directory than the caller's own is not named: nothing says here who may see it. */
  async function existsAs(known: Artifact, input: ConnectionImport, cause?: unknown): Promise<AppError> {
    const { id: directoryId, organizationId } = input.directory;
    const { accountId } = JSON.parse(known.payload) as { accountId?: string };
    const ids = idsOf(known.id, input);
    const credential = known.grantId === ids.id ? await credentials.find(ids.credentialId) : undefined;
    const facts = {
      ...(accountId === directoryId && { directoryId, organizationId }),
      ...(credential && { credentialId: credential.id, state: stateAt(credential, clock.now()) }),
    };
    return new AppError('credential_exists', facts, { cause });
  }
}

/** The IDs are made of what the store may hold: those of a weak one tell no more than its keyed digest. */
function idsOf(artifactId: string, { client, directory }: ConnectionImport): ConnectionIds {
  const facts = ['import of a connection', artifactId.slice('RefreshToken:'.length), client.id, directory.id];
  const digest = createHash('sha512').update(JSON.stringify(facts)).digest();
  const text = Array.from(digest, (byte) => BASE62[byte % BASE62.length]).join('');
  return { id: text.slice(0, 22), credentialId: `cred_${text.slice(22, 42)}` };
}

function seconds(clock: Clock): number {
  return Math.floor(clock.now().getTime() / 1000);
}

function digestOfRefreshToken({ refreshToken, refreshTokenSha256 }: ConnectionImport): Digest {
  if ((refreshToken === undefined) === (refreshTokenSha256 === undefined))
    throw invalid('refreshToken', 'exactly one of refreshToken and refreshTokenSha256');
  if (refreshToken !== undefined) {
    if (/^(?:scim|scimat|scimac|scimcs|lk|lkp|lks|lkc)_/.test(refreshToken))
      throw invalid('refreshToken', 'a refresh token; this begins like another kind of Latchkey value');
    if (refreshToken.length < SHORTEST || refreshToken.length > LONGEST || !/^[\x21-\x7e]+$/.test(refreshToken))
      throw invalid('refreshToken', `${SHORTEST} to ${LONGEST} visible ASCII characters`);
    return digestOf(refreshToken);
  }
  const hex = refreshTokenSha256?.toLowerCase() ?? '';
  if (!/^[0-9a-f]{64}$/.test(hex)) throw invalid('refreshTokenSha256', 'the 64 hexadecimal digits of a SHA-256');
  return `sha256:${hex}`;
}

/** The value is never repeated. */
function invalid(path: string, wanted: string): AppError {
  return new AppError('invalid_request', {
    detail: `The connection can't be imported: ${path} must be ${wanted}.`,
    errors: [{ path, wanted }],
  });
}
