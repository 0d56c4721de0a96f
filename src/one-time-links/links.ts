/** What both kinds of one-time link share: a secret of which only the digest is kept, and one browser that wins. */
import type { Clock } from '../clock.ts';
import { digestOf } from '../credentials/index.ts';
import { newId, type Random, randomText, sessionBy } from '../identifiers.ts';
import type { Stored } from '../storage/index.ts';

export const linkShape = {
  /** Of the secret in the URL. It stays after the use, so that a used link is told from an unknown one. */
  digest: 'string',
  createdAt: 'date',
  expiresAt: 'date',
  'usedAt?': 'date',
  'revokedAt?': 'date',
  /** Of the session that the winning browser got. */
  'sessionDigest?': 'string',
} as const;

export type Link = Stored<typeof linkShape>;

export type LinkState = 'fit' | 'used' | 'expired' | 'revoked';

const SECRET_LENGTH = 43;

export function linkStateAt({ usedAt, revokedAt, expiresAt }: Link, now: Date): LinkState {
  if (revokedAt) return 'revoked';
  if (usedAt) return 'used';
  return expiresAt <= now ? 'expired' : 'fit';
}

/** `prefix`: what the secret begins with, so that scanners and people can tell what it is. */
export function newLink(prefix: string, lifetimeSeconds: number, { clock, random }: { clock: Clock; random: Random }) {
  const secret = `${prefix}_${randomText(SECRET_LENGTH, random)}`;
  const createdAt = clock.now();
  const expiresAt = new Date(createdAt.getTime() + lifetimeSeconds * 1000);
  return { secret, link: { id: newId('link', random), digest: digestOf(secret), createdAt, expiresAt } };
}

/** How links of one kind are used. */
export interface Door<L extends Link> {
  /** What a link is good for now, without using it. */
  look(secret: string): Promise<{ state: LinkState | 'unknown'; link?: L }>;
  /**
   * Uses a link. One of several browsers wins; that one may send it again, as a double click does. `browser`: an unpredictable value that
   * only it has. Undefined when the link is no longer fit, or another browser's.
   */
  enter(
    secret: string,
    browser: string,
    use: (link: L, now: Date) => L,
  ): Promise<{ session: string; link: L; isFirst: boolean } | undefined>;
}

export function createDoor<L extends Link>(deps: {
  clock: Clock;
  find: (digest: string) => Promise<L | undefined>;
  update: (id: string, change: (link: L) => L | undefined) => Promise<{ after: L } | undefined>;
  /** How long the winning browser may send it again. */
  mayRepeat: (link: L, now: Date) => boolean;
}): Door<L> {
  const { clock, find, update, mayRepeat } = deps;
  return {
    async look(secret) {
      const link = await find(digestOf(secret));
      return link ? { state: linkStateAt(link, clock.now()), link } : { state: 'unknown' };
    },
    async enter(secret, browser, use) {
      const found = await find(digestOf(secret));
      if (!found) return undefined;
      const [now, session] = [clock.now(), sessionBy(secret, browser)];
      let isFirst = false;
      const result = await update(found.id, (link) => {
        isFirst = linkStateAt(link, now) === 'fit';
        return isFirst ? { ...use(link, now), usedAt: now, sessionDigest: digestOf(session) } : undefined;
      });
      if (!result) return undefined;
      const { after } = result;
      const isAgain = after.sessionDigest === digestOf(session) && mayRepeat(after, now);
      return isFirst || isAgain ? { session, link: after, isFirst } : undefined;
    },
  };
}
