/** Who sent a refused request: the identity provider of the directory, probably it, or a stranger. Pure. */
import { HOUR_MS } from '../clock.ts';
import { isAgentOf } from '../identity-providers/index.ts';
import { CODES } from './codes.ts';
import type { Facts, RefusalFacts, SourceFacts } from './facts.ts';
import { sourceOf } from './source.ts';

/**
 * A token of this directory is known to be its own, and so is a client that proved itself; so is whatever comes from where
 * accepted requests came from. A client ID alone proves nothing once it is known where the client's requests come from. While nothing was
 * ever accepted, an unknown sender is probably the identity provider that is being set up.
 */
export function certaintyOf(
  refusal: RefusalFacts,
  facts: Pick<Facts, 'sources' | 'tokenSources' | 'grantedAt'> & {
    directory: Pick<Facts['directory'], 'provider'>;
    accepted?: Pick<NonNullable<Facts['accepted']>, 'at'> | undefined;
  },
): 'known' | 'likely' | 'stranger' {
  const { directory, sources, tokenSources = [], accepted } = facts;
  const { credentialId, hint, clientId, userAgent, isUnproven } = refusal;
  const known = [...sources, ...tokenSources];
  // A token of another customer may be sent by that customer's own identity provider.
  const isOthers = refusal.code === 'token_elsewhere' && !refusal.isElsewhere && credentialId === undefined;
  const isNamed = credentialId !== undefined || hint !== undefined || clientId !== undefined;
  if (!isOthers && isNamed && !(isUnproven && known.length > 0)) return 'known';
  const group = CODES[refusal.code].group;
  if (group === 'upstream') return 'known';
  if (isKnownSource(known, refusal)) return 'known';
  if (userAgent !== undefined && isAgentOf(directory.provider, userAgent)) return 'likely';
  if (isUnproven && isInstead(refusal, facts)) return 'likely';
  if (isNamed && refusal.isFromBrowser) return 'likely';
  return accepted === undefined && !(isUnproven && known.length > 0) ? 'likely' : 'stranger';
}

/** Anybody's browser can name a client, so one visit is worth a word and is no failure of an identity provider that has connected before. */
export function isVisit(
  refusal: RefusalFacts,
  { sources, tokenSources = [] }: Pick<Facts, 'sources' | 'tokenSources'>,
) {
  return refusal.isFromBrowser === true && refusal.isUnproven === true && sources.length + tokenSources.length > 0;
}

/** Comes again and again while nothing else comes, as from an identity provider that has moved. */
function isInstead(
  { count, firstAt, lastAt }: RefusalFacts,
  { accepted, grantedAt }: { accepted?: { at: Date } | undefined; grantedAt?: Date },
): boolean {
  const isAgain = count >= 3 && lastAt.getTime() - firstAt.getTime() >= HOUR_MS;
  return (
    isAgain && (accepted === undefined || accepted.at < firstAt) && (grantedAt === undefined || grantedAt < firstAt)
  );
}

function isKnownSource(sources: readonly Pick<SourceFacts, 'network' | 'family'>[], refusal: RefusalFacts) {
  const { network, family } = sourceOf(refusal);
  return sources.some((source) => source.network === network && source.family === family);
}
