/** One-time links that sign an operator in. Of several browsers one wins; that one may send it again, as a double click does. */
import type { Clock } from '../clock.ts';
import { digestOf } from '../credentials/index.ts';
import { newId, type Random, randomText, sessionBy } from '../identifiers.ts';
import type { Storage, Stored } from '../storage/index.ts';

const shape = {
  operatorId: 'string',
  digest: 'string',
  createdAt: 'date',
  expiresAt: 'date',
  'usedAt?': 'date',
  /** The digest of what the browser that used it is known by. */
  'usedBy?': 'string',
  'withdrawnAt?': 'date',
} as const;

type SignInLink = Stored<typeof shape>;

export type LinkState = 'fit' | 'used' | 'expired' | 'withdrawn' | 'unknown';

const LINK_MS = 24 * 3_600_000;
const AGAIN_MS = 60_000;
const SECRET_LENGTH = 43;
const PAGE = 100;

export function createSignInLinks({ storage, clock, random }: { storage: Storage; clock: Clock; random: Random }) {
  const links = storage.collection({
    name: 'sign_in_links',
    shape,
    keys: { digest: 'unique', operatorId: 'index' },
    order: 'createdAt',
  });

  function stateOf({ usedAt, withdrawnAt, expiresAt }: SignInLink): LinkState {
    if (usedAt) return 'used';
    if (withdrawnAt) return 'withdrawn';
    return expiresAt <= clock.now() ? 'expired' : 'fit';
  }

  async function openOf(operatorId: string): Promise<SignInLink[]> {
    const { items } = await links.page({ where: { operatorId }, limit: PAGE, direction: 'descending' });
    return items.filter((link) => stateOf(link) === 'fit');
  }

  /** Only the newest one works, and none after what it was made for has changed. */
  async function withdraw(operatorId: string): Promise<void> {
    for (const { id } of await openOf(operatorId))
      await links.update(id, (link) => (link.usedAt ? undefined : { ...link, withdrawnAt: clock.now() }));
  }

  return {
    withdraw,
    /** Until when a link of this operator can still be used. */
    async openUntil(operatorId: string): Promise<Date | undefined> {
      return (await openOf(operatorId))[0]?.expiresAt;
    },
    /** Withdraws those before it. */
    async create(operatorId: string): Promise<{ secret: string; expiresAt: Date }> {
      await withdraw(operatorId);
      const secret = `lks_${randomText(SECRET_LENGTH, random)}`;
      const now = clock.now();
      const expiresAt = new Date(now.getTime() + LINK_MS);
      await links.insert({
        id: newId('link', random),
        operatorId,
        digest: digestOf(secret),
        createdAt: now,
        expiresAt,
      });
      return { secret, expiresAt };
    },
    async look(secret: string): Promise<{ state: LinkState; operatorId?: string }> {
      const link = await links.findBy('digest', digestOf(secret));
      return link ? { state: stateOf(link), operatorId: link.operatorId } : { state: 'unknown' };
    },
    /** Uses it. Gives the session that this browser has from it; undefined when it is not fit, or another browser's. */
    async use(secret: string, browser: string): Promise<{ session: string; isFirst: boolean } | undefined> {
      const link = await links.findBy('digest', digestOf(secret));
      if (!link) return undefined;
      const [now, usedBy] = [clock.now(), digestOf(browser)];
      let isFirst = false;
      const result = await links.update(link.id, (record) => {
        isFirst = stateOf(record) === 'fit';
        return isFirst ? { ...record, usedAt: now, usedBy } : undefined;
      });
      if (!result) return undefined;
      const { usedAt, usedBy: winner } = result.after;
      const isAgain = winner === usedBy && usedAt !== undefined && now.getTime() - usedAt.getTime() <= AGAIN_MS;
      return isFirst || isAgain ? { session: sessionBy(secret, browser), isFirst } : undefined;
    },
  };
}
