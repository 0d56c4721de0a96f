/** The one sentence that leads a directory's page and its row in a list, and what someone must do. */
import type { ComponentChildren } from 'preact';
import { type DirectoryView, REFUSALS, spokenOf, timeOf } from './directory-view.ts';
import { capital, counted, Time, type Tone } from './parts.tsx';

/** After so long without a request somebody should look. */
export const QUIET_MS = 7 * 86_400_000;

/** Those that need someone come first. */
export const URGENCY: Record<Tone, number> = { bad: 0, warn: 1, off: 2, ok: 3 };

export interface Health {
  tone: Tone;
  lead: string;
  rest: ComponentChildren;
  /** What someone must do, or what else is to be known. */
  todo?: string;
}

/** Of a failure behind the gateway, after "the SCIM server". */
const FAILURES: Record<string, string> = {
  upstream_not_set: 'is not set for this directory',
  upstream_unreachable: 'could not be reached',
  upstream_refuses_us: 'refused the gateway',
  upstream_wrong_base: 'has no such list: its base URL may be wrong',
  upstream_not_scim: 'answered with something that is not SCIM',
  upstream_rejects_content: 'rejected what was sent',
  upstream_failing: 'answered with an error',
  upstream_cut: 'ended its answer half way',
  upstream_slow: 'did not answer in time',
  upstream_limits: 'asked to slow down',
};

/** What failed, and who mends it; undefined when nothing did. */
export function failureOf({ failure, provider }: DirectoryView): { what: string; todo: string } | undefined {
  if (!failure) return undefined;
  const { reason, status } = failure.data;
  const what = FAILURES[String(reason)] ?? 'failed';
  return {
    what: `the SCIM server behind the gateway ${what}${status === undefined ? '' : ` (${status})`}`,
    todo: `Whoever runs the SCIM server mends this; nothing has to be changed in ${provider}.`,
  };
}

/** The one sentence that leads a directory's page and its row in a list. */
export function healthOf(view: DirectoryView): Health {
  const { directory, provider, holdings, using, refusal, acceptedAt, now } = view;
  if (directory.state === 'disabled') {
    return {
      tone: 'bad',
      lead: 'This directory is disabled.',
      rest: `Every request of ${provider} is refused.`,
      todo: 'Once it is enabled, the same credentials work again.',
    };
  }
  const live = holdings.filter(({ state }) => state === 'active');
  const was = acceptedAt && <Time at={acceptedAt} now={now} />;
  if (holdings.length === 0) {
    return {
      tone: refusal ? 'warn' : 'off',
      lead: was ? 'Not connected any more.' : 'Not connected yet.',
      rest: (
        <>
          Both slots are empty{was && <>; the last request was accepted {was}</>}
          {refusal && (
            <>
              {was ? ', and one' : ', and a request'} was refused <Time at={timeOf(refusal)} now={now} />
            </>
          )}
          .
        </>
      ),
      todo: `Generate a token for ${provider}, or set it up step by step.`,
    };
  }
  if (live.length === 0) {
    return {
      tone: 'bad',
      lead: 'Nothing works.',
      rest: `Each credential of ${provider} is disabled or has ended.`,
      todo: 'Enable one, or generate a new token.',
    };
  }
  const at = using?.total?.lastUsedAt;
  const isOver = acceptedAt !== undefined && (at === undefined || at < acceptedAt);
  const where = isOver
    ? 'with a credential that is over now'
    : using && `with ${spokenOf(using.credential)} in slot ${using.credential.slot.toUpperCase()}`;
  if (refusal) {
    return {
      tone: 'warn',
      lead: 'The latest request was refused.',
      rest: was ? (
        <>
          {capital(provider)} was accepted before it, {was}, {where}.
        </>
      ) : (
        'None was accepted yet.'
      ),
    };
  }
  if (!using || !at) {
    return {
      tone: 'warn',
      lead: was ? 'Waiting for the first request with the new credential.' : 'Waiting for the first request.',
      rest: was ? (
        <>
          {capital(provider)} was accepted {was}, {where}.
        </>
      ) : (
        `${capital(provider)} has not used its credential yet.`
      ),
      todo: `Put it into ${provider}, and test the connection there.`,
    };
  }
  const failed = failureOf(view);
  if (failed) {
    return {
      tone: 'bad',
      lead: 'Accepted here, and failed behind the gateway.',
      rest: (
        <>
          The token is right, and {failed.what}, {was}.
        </>
      ),
      todo: failed.todo,
    };
  }
  const last = (
    <>
      Last request {was} from {provider}, accepted {where}.
    </>
  );
  if (using.isClientGone) {
    return {
      tone: 'bad',
      lead: 'It gets no further token: its client was deleted.',
      rest: last,
      todo: 'Connect it again by another client, or generate a token, before its access token ends.',
    };
  }
  if (now.getTime() - at.getTime() > QUIET_MS) {
    return {
      tone: 'warn',
      lead: 'Quiet for long.',
      rest: last,
      todo: `Nothing was refused meanwhile. Check that provisioning is on in ${provider}.`,
    };
  }
  if (using.state !== 'active') {
    return {
      tone: 'bad',
      lead: 'What was used last is disabled.',
      rest: last,
      todo: `Enable it, or put the other credential into ${provider}.`,
    };
  }
  const today = holdings.reduce((sum, { days }) => sum + (days.at(-1)?.accepted ?? 0), 0);
  const refused = view.troubles
    .filter((event) => REFUSALS.includes(event.type) && isSameDay(timeOf(event), now))
    .reduce((sum, { count = 1 }) => sum + count, 0);
  return {
    tone: 'ok',
    lead: 'Provisioning works.',
    rest: last,
    todo: `${counted(today, 'request')} accepted today with what holds a slot${refused === 0 ? '' : `; ${counted(refused, 'request')} refused`}.`,
  };
}

/** In UTC, as requests are counted. */
function isSameDay(a: Date, b: Date): boolean {
  return a.toISOString().slice(0, 10) === b.toISOString().slice(0, 10);
}
