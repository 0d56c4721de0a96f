/** Whether what was put into an identity provider is used: received and accepted, refused with the remedy, or still waited for. */
import type { ComponentChildren } from 'preact';
import type { AuditEvent } from '../audit/index.ts';
import { type Finding, timeOf } from '../diagnosis/index.ts';
import { endpointLabelOf } from '../identity-providers/index.ts';
import type { DirectoryView, Holding } from './directory-view.ts';
import { tellOf } from './events.tsx';
import { Lead, troubleOf, WhatToDo } from './findings.tsx';
import { CopyField, capital, Icon, Time } from './parts.tsx';
import type { Visit } from './visit.tsx';

/** The steps of each guided way. */
export const WAYS = {
  setup: ['Identity provider', 'Kind of access', 'Put it in', 'See it used'],
  generate: ['Generate', 'Put it in', 'See it used'],
  rotate: ['Generate', 'Put it in', 'See it used', 'Retire the old one'],
} as const;

/** What is broken since the new credential is there; what happened before says nothing of it. */
export function troubleSince({ diagnosis }: DirectoryView, fresh: Holding | undefined): Finding | undefined {
  const trouble = troubleOf(diagnosis);
  const at = trouble && new Date(trouble.facts.lastAt ?? trouble.since);
  return at && at >= (fresh?.credential.createdAt ?? at) ? trouble : undefined;
}

/** `fresh`: the credential that is waited for; undefined while there is none, as before the first token of an OAuth client. */
export function Check(props: {
  view: DirectoryView;
  fresh: Holding | undefined;
  events: AuditEvent[];
  endpoint: string;
  visit: Visit;
}) {
  const { view, fresh, events, endpoint, visit } = props;
  const { provider, holdings, directory, now } = view;
  const used = fresh?.total?.lastUsedAt;
  const others = holdings.filter((holding) => holding !== fresh);
  const trouble = troubleSince(view, fresh);
  const isAbout = (event: AuditEvent) => timeOf(event) >= (fresh?.credential.createdAt ?? new Date(0));
  const token = events.find((event) => event.type === 'token.issued' && isAbout(event));
  const connection = events.find((event) => event.type === 'connection.refused' && isAbout(event));
  return (
    <>
      <section class="panel live">
        {connection && !token && (
          <Row icon={<Icon name="warn" />} at={timeOf(connection)} now={now}>
            <strong>{tellOf(connection, visit).text}</strong>
            <small>
              Compare client ID and, for Okta, the app name with{' '}
              <a href={`${visit.home}/directories/${directory.id}/setup/oauth`}>the setup</a>, and begin there again.
            </small>
          </Row>
        )}
        {token && (
          <Row icon={<Icon name="ok" />} at={timeOf(token)} now={now}>
            <strong>{capital(provider)} got an access token</strong>
            <small>from {token.address ?? 'an unknown address'}</small>
          </Row>
        )}
        {fresh && used ? (
          <Row icon={<Icon name={trouble ? 'warn' : 'ok'} />} at={used} now={now}>
            <strong>
              {fresh.credential.kind === 'oauth'
                ? `A request of ${provider} was accepted`
                : `${capital(provider)} uses the new token`}
            </strong>
            <small>
              in slot {fresh.credential.slot.toUpperCase()}, from {fresh.total?.lastUsedFrom?.address}
              {fresh.total?.lastUsedFrom?.userAgent !== undefined && `, ${fresh.total.lastUsedFrom.userAgent}`}
            </small>
          </Row>
        ) : (
          <Row icon={<span class="dot off" />} now={now}>
            <strong>
              {fresh && fresh.credential.kind === 'bearer'
                ? `Waiting for ${provider} to use it`
                : `Waiting for the first request from ${provider}`}
            </strong>
            <small>
              Test the connection in {provider}.{' '}
              {others.length > 0 && 'What it used before answers meanwhile; nothing is interrupted.'}
            </small>
            <small data-without-script>Reload to see more.</small>
          </Row>
        )}
        {others.map(({ credential, total }) => (
          <Row icon={<span />} now={now}>
            <small>
              The other one, in slot {credential.slot.toUpperCase()},{' '}
              {total?.lastUsedAt ? (
                <>
                  was last used <Time at={total.lastUsedAt} now={now} />
                </>
              ) : (
                'was never used'
              )}
              .
            </small>
          </Row>
        ))}
      </section>
      {trouble && (
        <>
          <Lead finding={trouble} view={view} visit={visit} />
          <WhatToDo finding={trouble} view={view} visit={visit} />
        </>
      )}
      {!used && !trouble && (
        <details class="panel">
          <summary>Nothing arrives?</summary>
          <div class="detail">
            <p>
              Then {provider} sends to another URL, or sends nothing yet. <b>{endpointLabelOf(directory.provider)}</b>{' '}
              there must hold exactly this:
            </p>
            <CopyField label={endpointLabelOf(directory.provider)} value={endpoint} />
            <p class="soft">
              Then press its button that tests the connection, and check that provisioning is on. Requests to another
              server never reach us.
            </p>
          </div>
        </details>
      )}
    </>
  );
}

function Row(props: { icon: ComponentChildren; at?: Date; now: Date; children: ComponentChildren }) {
  const { icon, at, now, children } = props;
  return (
    <div class="row">
      {icon}
      <span class="what">{children}</span>
      <small>{at && <Time at={at} now={now} />}</small>
    </div>
  );
}
