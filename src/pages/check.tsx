/** Whether what was put into an identity provider is used: received and accepted, refused with the remedy, or still waited for. */
import type { ComponentChildren } from 'preact';
import type { AuditEvent } from '../audit/index.ts';
import { CODES, type Finding, timeOf } from '../diagnosis/index.ts';
import { endpointLabelOf } from '../identity-providers/index.ts';
import { type DirectoryView, type Holding, sourceOf } from './directory-view.ts';
import { tellOf } from './events.tsx';
import { Lead, troubleOf } from './findings.tsx';
import { CopyField, capital, Icon } from './parts.tsx';
import { Last, Time } from './times.tsx';
import { addressOf, useVisit } from './visit.tsx';
import { WhatToDo } from './what-to-do.tsx';

/** The steps of each guided way. */
export const WAYS = {
  setup: ['Choose your provider', 'Choose how to connect', 'Paste the values', 'Confirm it works'],
  generate: ['Generate', 'Paste the token', 'Confirm it works'],
  rotate: ['Generate', 'Paste the token', 'Confirm it works', 'Revoke the old one'],
} as const;

const newestFirst = (a: Holding, b: Holding) => b.credential.createdAt.getTime() - a.credential.createdAt.getTime();

/**
 * What is waited for: what the remedy of the trouble changes, else the newest. `isNewToken`: somebody comes from a token that was generated a
 * moment ago. Without that, no token is waited for that lies there unused while something else is in use.
 */
export function awaitedIn({ holdings, diagnosis, using }: DirectoryView, isNewToken: boolean): Holding | undefined {
  const [newest] = holdings.toSorted(newestFirst);
  if (isNewToken) return newest;
  const trouble = troubleOf(diagnosis);
  if (trouble && isOfConnection(trouble)) {
    const { credentialId, clientId } = trouble.facts;
    return holdings.find(
      ({ credential: { id, clientId: of } }) => id === credentialId || (of !== undefined && of === clientId),
    );
  }
  return newest?.total?.lastUsedAt === undefined && using ? using : newest;
}

const isOfConnection = ({ code }: Finding) => CODES[code].group === 'token_endpoint';

/** What is broken since the new credential is there; what happened before says nothing of it. */
export function troubleSince({ diagnosis }: DirectoryView, fresh: Holding | undefined): Finding | undefined {
  const trouble = troubleOf(diagnosis);
  const at = trouble && new Date(trouble.facts.lastAt ?? trouble.since);
  return at && at >= (fresh?.credential.createdAt ?? at) ? trouble : undefined;
}

const PASTED: ReadonlySet<string> = new Set(['presented', 'not_usable', 'wrong_place', 'token_endpoint']);

/** What was pasted is refused: then that step is not done. */
export function isPasteRefused(view: DirectoryView, fresh: Holding | undefined): boolean {
  const trouble = troubleSince(view, fresh);
  return trouble !== undefined && PASTED.has(CODES[trouble.code].group) && !isSince(fresh?.total?.lastUsedAt, trouble);
}

/** What worked before the trouble began says nothing of it. */
function isSince(at: Date | undefined, trouble: Finding | undefined): at is Date {
  return at !== undefined && (trouble === undefined || at >= new Date(trouble.facts.firstAt ?? trouble.since));
}

/** `fresh`: the credential that is waited for; undefined while there is none, as before the first token of an OAuth client. */
export function Check(props: { view: DirectoryView; fresh: Holding | undefined; events: AuditEvent[] }) {
  const { view, fresh, events } = props;
  const { provider, holdings, directory } = view;
  const visit = useVisit();
  const trouble = troubleSince(view, fresh);
  const used = isSince(fresh?.total?.lastUsedAt, trouble) ? fresh?.total?.lastUsedAt : undefined;
  const others = trouble && isOfConnection(trouble) ? [] : holdings.filter((holding) => holding !== fresh);
  const isFailing = troubleOf(view.diagnosis)?.severity === 'failing';
  const fine = isFailing ? undefined : others.find((one) => one.total?.lastUsedAt && isLive(one));
  const isAbout = (event: AuditEvent) => timeOf(event) >= (fresh?.credential.createdAt ?? new Date(0));
  const token = events.find(
    (event) => event.type === 'token.issued' && isAbout(event) && isSince(timeOf(event), trouble),
  );
  const connection = events.find((event) => event.type === 'connection.refused' && isAbout(event));
  return (
    <>
      {trouble && <Lead finding={trouble} view={view} />}
      <section class="panel live">
        {connection && !token && (
          <Row icon={<Icon name="warn" />} at={timeOf(connection)}>
            <strong>{tellOf(connection, visit).text}</strong>
            <small>
              Compare the client ID, and the redirect URI where it is shown, with{' '}
              <a href={`${addressOf(visit, directory)}/setup/oauth`}>the setup</a>. Then start the connection again.
            </small>
          </Row>
        )}
        {token && (
          <Row icon={<Icon name="ok" />} at={timeOf(token)}>
            <strong>{capital(provider)} got an access token</strong>
            <small>from {token.address ?? 'an unknown address'}</small>
          </Row>
        )}
        {fresh && used ? (
          <Row icon={<Icon name={trouble ? 'warn' : 'ok'} />} at={used}>
            <strong>
              {fresh.credential.kind === 'oauth'
                ? `A request from ${provider} was accepted`
                : `${capital(provider)} is using the new token`}
            </strong>
            <small>from {fresh.total?.lastUsedFrom && sourceOf(fresh.total.lastUsedFrom)}</small>
          </Row>
        ) : (
          <Row icon={<span class="dot off" />}>
            <strong>{waitingFor(view, fresh, trouble)}</strong>
            <small>
              Test the connection in {provider}. {fine && `${capital(nameOf(fine))} keeps working in the meantime.`}
            </small>
            <small data-without-script>Reload the page to see progress.</small>
          </Row>
        )}
        {isFailing && !trouble && (
          <Row icon={<Icon name="warn" />}>
            <strong>Requests from {provider} are still being refused</strong>
            <small>That ends once it sends what you pasted.</small>
          </Row>
        )}
        {others.map((holding) => (
          <Row icon={<span />}>
            <small>
              {capital(nameOf(holding))}{' '}
              <Last at={holding.total?.lastUsedAt} before="was last used" never="was never used" />.
            </small>
          </Row>
        ))}
      </section>
      {trouble && <WhatToDo finding={trouble} view={view} />}
      {!used && !trouble && (
        <details class="panel">
          <summary>No requests yet?</summary>
          <div class="detail">
            <p>
              {capital(provider)} may be using a different URL, or may have nothing to send yet. Check that{' '}
              <b>{endpointLabelOf(directory.provider)}</b> has exactly this value:
            </p>
            <CopyField label={endpointLabelOf(directory.provider)} value={view.spoken.endpointUrl} />
            <p class="soft">
              Then test the connection there, and check that provisioning is on. Requests to another server never reach
              us.
            </p>
          </div>
        </details>
      )}
    </>
  );
}

/** One name for one thing: a token by its ending. */
function nameOf({ credential: { kind, hint } }: Holding): string {
  return kind === 'oauth' ? 'the connection' : `the token that ends in …${hint}`;
}

function isLive({ state }: Holding): boolean {
  return state === 'active';
}

/** What shows that it works, after what the remedy says. */
function waitingFor({ provider }: DirectoryView, fresh: Holding | undefined, trouble: Finding | undefined): string {
  if (trouble && isOfConnection(trouble) && fresh?.credential.kind !== 'bearer') {
    const { liveSecret } = trouble.facts;
    if (trouble.code === 'client_secret_expired')
      return liveSecret === undefined
        ? `Waiting for ${provider} to use a new client secret`
        : `Waiting for ${provider} to use the client secret that ends in …${liveSecret.hint}`;
    return `Waiting for ${provider} to get an access token`;
  }
  if (fresh?.credential.kind === 'bearer') return `Waiting for ${provider} to use the token`;
  return trouble
    ? `Waiting for a request from ${provider} that works`
    : `Waiting for the first request from ${provider}`;
}

function Row(props: { icon: ComponentChildren; at?: Date; children: ComponentChildren }) {
  const { icon, at, children } = props;
  return (
    <div class="row">
      {icon}
      <span class="what">{children}</span>
      <small>{at && <Time at={at} />}</small>
    </div>
  );
}
