/** Links that sign an operator in. The session itself is the operators' to keep. */
import type { Clock } from '../clock.ts';
import type { Random } from '../identifiers.ts';
import type { Storage, Stored } from '../storage/index.ts';
import { createDoor, type Door, linkShape, linkStateAt, newLink } from './links.ts';

const shape = { operatorId: 'string', ...linkShape } as const;

export type SignInLink = Stored<typeof shape>;

export interface SignInLinks {
  /** A link that works once, within a day. Withdraws those before it: only the newest one works. */
  create(operatorId: string): Promise<{ secret: string; expiresAt: Date }>;
  /** Withdraws what can still be used or sent again, as after a change of what the link was made for. */
  withdraw(operatorId: string): Promise<void>;
  /** Until when a link of this operator can still be used. */
  openUntil(operatorId: string): Promise<Date | undefined>;
  look: Door<SignInLink>['look'];
  enter(secret: string, browser: string): Promise<{ session: string; isFirst: boolean } | undefined>;
}

const DAY_SECONDS = 86_400;
const AGAIN_MS = 60_000;
const PAGE = 100;

export function createSignInLinks(deps: { storage: Storage; clock: Clock; random: Random }): SignInLinks {
  const { storage, clock } = deps;
  const links = storage.collection({
    name: 'sign_in_links',
    shape,
    keys: { digest: 'unique', operatorId: 'index' },
    order: 'createdAt',
  });
  const door = createDoor<SignInLink>({
    clock,
    find: (digest) => links.findBy('digest', digest),
    update: links.update,
    mayRepeat,
  });

  function mayRepeat({ usedAt, revokedAt }: SignInLink, now: Date): boolean {
    return !revokedAt && usedAt !== undefined && now.getTime() - usedAt.getTime() <= AGAIN_MS;
  }

  async function newestOf(operatorId: string): Promise<SignInLink[]> {
    return (await links.page({ where: { operatorId }, limit: PAGE, direction: 'descending' })).items;
  }

  const isFit = (link: SignInLink) => linkStateAt(link, clock.now()) === 'fit';

  async function withdraw(operatorId: string): Promise<void> {
    const isOpen = (link: SignInLink) => isFit(link) || mayRepeat(link, clock.now());
    for (const { id } of (await newestOf(operatorId)).filter(isOpen))
      await links.update(id, (link) => (isOpen(link) ? { ...link, revokedAt: clock.now() } : undefined));
  }

  return {
    withdraw,
    openUntil: async (operatorId) => (await newestOf(operatorId)).find(isFit)?.expiresAt,
    async create(operatorId) {
      await withdraw(operatorId);
      const { secret, link } = newLink('lks', DAY_SECONDS, deps);
      await links.insert({ ...link, operatorId });
      return { secret, expiresAt: link.expiresAt };
    },
    look: door.look,
    enter: (secret, browser) => door.enter(secret, browser, (link) => link),
  };
}
