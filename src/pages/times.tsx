/** Times as people read them; each also says itself exactly, with its zone. */
import { type ComponentChildren, createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { DAY_MS, dateFormat } from '../clock.ts';
import { counted } from '../sentences.ts';

/** The server's time as a page is drawn. */
export const Now = createContext<Date | undefined>(undefined);

export function useNow(): Date {
  const now = useContext(Now);
  if (!now) throw new Error('a time on a page that does not know the time');
  return now;
}

/** A moment, relative by default; the exact one with its zone on hover. A script puts both into the reader's zone. */
export function Time({ at, exact = false }: { at: Date; exact?: boolean }) {
  const now = useNow();
  return (
    <time datetime={at.toISOString()} title={utc(at)} data-relative={exact ? 'exact' : 'ago'}>
      {exact ? utc(at) : ago(at, now)}
    </time>
  );
}

/**
 * A moment as people name it: today at 17:40, Monday at 17:40, 16 November at 17:40. `since`, after that word: 17:40 today. `on`, where the
 * sentence has no preposition: on Monday at 17:40. A script puts it into the reader's zone.
 */
export function Moment({ at, form = 'named' }: { at: Date; form?: 'since' | 'on' | 'named' }) {
  const now = useNow();
  return (
    <time datetime={at.toISOString()} title={utc(at)} data-relative={form}>
      {named(at, now, form)}
    </time>
  );
}

const CLOSE_DAYS: Record<number, string> = { 0: 'today', 1: 'yesterday', [-1]: 'tomorrow' };

function named(at: Date, now: Date, form: 'since' | 'on' | 'named'): string {
  const time = `${at.toISOString().slice(11, 16)} UTC`;
  const days = Math.floor(now.getTime() / DAY_MS) - Math.floor(at.getTime() / DAY_MS);
  const close = CLOSE_DAYS[days];
  if (days === 0 && form === 'since') return `${time} ${close}`;
  if (close !== undefined) return `${close} at ${time}`;
  const on = form === 'on' ? 'on ' : '';
  if (days > 1 && days < 7) return `${on}${WEEKDAY.format(at)} at ${time}`;
  const isThisYear = at.getUTCFullYear() === now.getUTCFullYear();
  return `${on}${(isThisYear ? DAY_OF_YEAR : DAY_AND_YEAR).format(at)} at ${time}`;
}

const WEEKDAY = dateFormat({ weekday: 'long' });
const DAY_OF_YEAR = dateFormat({ day: 'numeric', month: 'long' });
const DAY_AND_YEAR = dateFormat({ day: 'numeric', month: 'long', year: 'numeric' });

/** `40 seconds ago`, `in 3 hours`. The script of the pages says the same. */
export function ago(at: Date, now: Date): string {
  const seconds = Math.round((now.getTime() - at.getTime()) / 1000);
  if (seconds < 0) return `in ${age(-seconds)}`;
  return seconds < 5 ? 'just now' : `${age(seconds)} ago`;
}

/** How long something has been, to the nearest unit, as beside a clock: 13 hours and 50 minutes are 14 hours. */
export function age(seconds: number): string {
  if (seconds < 60) return counted(seconds, 'second');
  const [minutes, hours] = [Math.round(seconds / 60), Math.round(seconds / 3600)];
  if (minutes < 60) return counted(minutes, 'minute');
  return hours < 24 ? counted(hours, 'hour') : counted(Math.round(seconds / 86_400), 'day');
}

/** How long something is by a setting, in a unit that is exact for most. */
export function span(seconds: number): string {
  if (seconds < 60) return counted(seconds, 'second');
  if (seconds < 7200) return counted(Math.floor(seconds / 60), 'minute');
  if (seconds < 172_800) return counted(Math.floor(seconds / 3600), 'hour');
  return counted(Math.floor(seconds / 86_400), 'day');
}

function utc(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** When something happened, and from where; or that it never did. `before`, `after`: what stands around it. */
export function Last(props: {
  at: Date | undefined;
  before?: string;
  from?: string | undefined;
  after?: string;
  never?: ComponentChildren;
}) {
  const { at, before, from, after, never } = props;
  if (!at) return <>{never}</>;
  return (
    <>
      {before !== undefined && `${before} `}
      <Time at={at} />
      {from !== undefined && ` from ${from}`}
      {after}
    </>
  );
}

/** `Expires in 3 days.`, `Expired 3 days ago.` */
export function Expiry({ at }: { at: Date | undefined }) {
  const isAhead = useNow() < (at ?? 0);
  return <Last at={at} before={isAhead ? 'Expires' : 'Expired'} after="." never="Never expires." />;
}
