/** The secrets of a client: how many may be live, how long each one lives, and what a presented one is. */

import { timingSafeEqual } from 'node:crypto';
import { type Clock, DAY_MS } from '../clock.ts';
import { digestOf, hintOf, isKeyed, type WeakValues } from '../credentials/index.ts';
import { AppError } from '../errors.ts';
import { type Random, randomText } from '../identifiers.ts';
import { IDENTITY_PROVIDERS, type IdentityProviderId, oauthPresetOf } from '../identity-providers/index.ts';
import type { AuthMethod, ClientRecord } from './client-record.ts';
import { type SecretUses, tellUses } from './secret-uses.ts';

export type ClientSecret = ClientRecord['secrets'][number];
export type RemovedSecret = NonNullable<ClientRecord['removedSecrets']>[number];
/** What a presented value is to a client. */
export type PresentedSecret =
  | { state: 'live'; secret: ClientSecret }
  | { state: 'expired'; secret: ClientSecret }
  | { state: 'removed'; removed: RemovedSecret }
  | { state: 'wrong' };
export type SecretMaker = ReturnType<typeof createSecretMaker>;

const SECRET_LENGTH = 43;
/** Of a client: more than are live at a time, so that a whole rotation gone wrong is still named. */
const REMOVED_KEPT = 5;

/** Three years may hold a leap day, and a day that is chosen on a page ends at midnight UTC. */
const SLACK_MS = DAY_MS + 1000;

export function createSecretMaker({ clock, random }: { clock: Clock; random: Random }) {
  return {
    mint: () => `scimcs_${randomText(SECRET_LENGTH, random)}`,
    /** As it is kept. */
    secretOf: (value: string, expiresAt: Date | undefined): ClientSecret => ({
      id: randomText(8, random),
      digest: digestOf(value),
      hint: hintOf(value),
      createdAt: clock.now(),
      ...(expiresAt !== undefined && { expiresAt }),
    }),
  };
}

export function isLiveAt({ expiresAt }: Pick<ClientSecret, 'expiresAt'>, now: Date): boolean {
  return expiresAt === undefined || expiresAt > now;
}

/** How many secrets of a client of this identity provider may be live at a time. */
export function mostLiveSecretsOf(provider: IdentityProviderId): number {
  return oauthPresetOf(provider).secrets.live;
}

/**
 * When a new secret ends; undefined for never. `asked`: null asks for no end, undefined for what the identity provider prescribes. Throws
 * invalid_request.
 */
export function secretEndOf(provider: IdentityProviderId, asked: Date | null | undefined, now: Date): Date | undefined {
  const { lifetime } = oauthPresetOf(provider).secrets;
  const after = (days: number) => new Date(now.getTime() + days * DAY_MS);
  if (asked === undefined) return lifetime && after(lifetime.defaultDays);
  if (asked === null) {
    if (!lifetime?.isRequired) return undefined;
    throw unfit(provider, 'none', `${lifetime.minimumDays} to ${lifetime.maximumDays} days from now`);
  }
  if (asked <= now) throw unfit(provider, asked.toISOString(), 'a time in the future');
  const tooSoon = lifetime && asked.getTime() < after(lifetime.minimumDays).getTime() - SLACK_MS;
  const tooLate = lifetime && asked.getTime() > after(lifetime.maximumDays).getTime() + SLACK_MS;
  if (tooSoon || tooLate)
    throw unfit(provider, asked.toISOString(), `${lifetime.minimumDays} to ${lifetime.maximumDays} days from now`);
  return asked;
}

function unfit(provider: IdentityProviderId, given: string, wanted: string): AppError {
  const { name } = IDENTITY_PROVIDERS[provider];
  const detail = `The expiration date of a client secret for ${name} must be ${wanted}. You entered ${given}.`;
  return new AppError('invalid_request', { detail, errors: [{ path: 'secretExpiresAt', given, wanted }] });
}

/** For a client that proves who it is by other means, or not at all. */
export function withoutSecrets(authMethod: AuthMethod): AppError {
  const detail = `The client authenticates by ${authMethod}, so it can't have a secret.`;
  return new AppError('invalid_request', { detail });
}

/** The secrets with one more; expired ones make room when there are many. Throws secrets_full, which tells the uses of the others. */
export function withSecret(
  { secrets, provider }: ClientRecord,
  added: ClientSecret,
  uses: SecretUses,
  now: Date,
): ClientSecret[] {
  const most = mostLiveSecretsOf(provider);
  const live = secrets.filter((secret) => isLiveAt(secret, now));
  if (live.length >= most) {
    const facts = live.map(({ id, hint, createdAt, expiresAt }) => {
      const { lastUsedAt = null, unusedSince = null } = uses.get(id) ?? { unusedSince: createdAt };
      return { id, hint, createdAt, expiresAt, lastUsedAt, unusedSince };
    });
    throw new AppError('secrets_full', {
      detail: `The client already has ${most} active secrets, which is the maximum. Remove one that is not in use: ${tellUses(live, uses)}`,
      secrets: facts,
    });
  }
  const expired = secrets.filter((secret) => !isLiveAt(secret, now)).slice(-most);
  return [...secrets.filter((secret) => live.includes(secret) || expired.includes(secret)), added];
}

/** The secrets without one. Throws not_found, last_secret. */
export function withoutSecret({ id: clientId, secrets }: ClientRecord, secretId: string, now: Date): ClientSecret[] {
  const left = secrets.filter(({ id }) => id !== secretId);
  if (left.length === secrets.length)
    throw new AppError('not_found', { detail: `There is no secret ${secretId} of client ${clientId}.` });
  const hadLive = secrets.some((secret) => isLiveAt(secret, now));
  if (left.length === 0 || (hadLive && !left.some((secret) => isLiveAt(secret, now))))
    throw new AppError('last_secret', { clientId });
  return left;
}

/** The removed secrets with one more; the oldest make room. */
export function withRemoved(
  { removedSecrets = [] }: ClientRecord,
  { digest, hint }: ClientSecret,
  removedAt: Date,
): RemovedSecret[] {
  // The end of a weak value would tell too much of it.
  return [...removedSecrets, { digest, hint: isKeyed(digest) ? '' : hint, removedAt }].slice(-REMOVED_KEPT);
}

/** Takes the same time for any value. */
export function presentedSecretOf(
  client: Pick<ClientRecord, 'secrets' | 'removedSecrets'>,
  value: string,
  now: Date,
  { keyed }: Pick<WeakValues, 'keyed'>,
): PresentedSecret {
  const { secrets, removedSecrets = [] } = client;
  const plain = digestOf(value);
  const hasKeyed = [...secrets, ...removedSecrets].some(({ digest }) => isKeyed(digest));
  const given = { plain: Buffer.from(plain), keyed: Buffer.from(hasKeyed ? keyed(plain) : '') };
  const isGiven = ({ digest }: { digest: string }) => {
    const kept = Buffer.from(digest);
    const wanted = isKeyed(digest) ? given.keyed : given.plain;
    return kept.length === wanted.length && timingSafeEqual(kept, wanted);
  };
  let found: PresentedSecret = { state: 'wrong' };
  for (const removed of removedSecrets) if (isGiven(removed)) found = { state: 'removed', removed };
  for (const secret of secrets)
    if (isGiven(secret)) found = { state: isLiveAt(secret, now) ? 'live' : 'expired', secret };
  return found;
}
