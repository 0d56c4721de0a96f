/** Entering by a one-time link: a page that a preview can't use up, and the one browser that wins. */
import { type Random, randomText } from '../identifiers.ts';
import type { LinkState } from '../one-time-links/index.ts';
import type { Guest, OpenRoute, Shown } from './visit.tsx';

/** What a browser is known by from the page of a link to its use. */
const BROWSER_LENGTH = 43;
const BROWSER_SECONDS = 600;

export function entryRoute<L extends { state: LinkState | 'unknown' }, E>(entry: {
  /** With `:secret`. */
  path: string;
  home: string;
  /** Keeps what the browser is known by. */
  cookie: string;
  random: Random;
  look: (secret: string) => Promise<L>;
  /** Whether this browser has entered already. */
  isInside: (guest: Guest) => Promise<boolean>;
  /** The page whose button enters. */
  page: (looked: L) => Promise<Shown>;
  over: (looked: L) => Shown;
  /** Undefined for a link that another browser has used, or that has ended. */
  enter: (secret: string, browser: string, origin: Guest['origin']) => Promise<E | undefined>;
  goOn: (guest: Guest, entered: E) => Promise<Shown | string>;
}): OpenRoute {
  const { path, home, cookie, random, look, isInside, page, over, enter, goOn } = entry;
  const newBrowser = () => randomText(BROWSER_LENGTH, random);
  return {
    path,
    async get(guest) {
      const looked = await look(guest.params['secret'] ?? '');
      // Who opens a used link again in the browser that used it wants to go on.
      if (looked.state === 'used' && (await isInside(guest))) return home;
      if (looked.state !== 'fit') return over(looked);
      if (guest.cookies.get(cookie) === undefined) guest.cookies.set(cookie, newBrowser(), BROWSER_SECONDS);
      return page(looked);
    },
    async post(guest) {
      const secret = guest.params['secret'] ?? '';
      const entered = await enter(secret, guest.cookies.get(cookie) ?? newBrowser(), guest.origin);
      if (!entered) return over(await look(secret));
      guest.cookies.clear(cookie);
      return goOn(guest, entered);
    },
  };
}
