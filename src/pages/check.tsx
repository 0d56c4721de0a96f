/** Whether what was put into an identity provider is used: received and accepted, refused with the remedy, or still waited for. */
import type { ComponentChildren } from 'preact';
import type { AuditEvent } from '../audit/index.ts';
import { endpointLabelOf } from '../identity-providers/index.ts';
import { type DirectoryView, type Holding, refusalIn, timeOf } from './directory-view.ts';
import { tellOf } from './events.tsx';
import { Refusal } from './explanations.tsx';
import { failureOf } from './health.tsx';
import { CopyField, capital, Icon, Time } from './parts.tsx';
import type { Visit } from './visit.tsx';

/** The steps of each guided way. */
export const WAYS = {
  setup: ['Identity provider', 'Kind of access', 'Put it in', 'See it used'],
  generate: ['Generate', 'Put it in', 'See it used'],
  rotate: ['Generate', 'Put it in', 'See it used', 'Retire the old one'],
} as const;

interface Waited {
  fresh: Holding | undefined;
  events: AuditEvent[];
}

/** The refusal that nothing was accepted after with the credential that is waited for. */
export function refusalOf({ fresh, events }: Waited): AuditEvent | undefined {
  return refusalIn(
    events.filter((event) => isAbout(event, fresh)),
    fresh?.total?.lastUsedAt,
  );
}

/** What happened before the new credential was there says nothing of it. */
function isAbout(event: AuditEvent, fresh: Holding | undefined): boolean {
  return timeOf(event).getTime() >= (fresh?.credential.createdAt.getTime() ?? 0);
}

/** `fresh`: the credential that is waited for; undefined while there is none, as before the first token of an OAuth client. */
export function Check(props: Waited & { view: DirectoryView; endpoint: string; visit: Visit }) {
  const { view, fresh, events, endpoint, visit } = props;
  const { provider, holdings, directory, now } = view;
  const used = fresh?.total?.lastUsedAt;
  const others = holdings.filter((holding) => holding !== fresh);
  const refused = refusalOf({ fresh, events });
  const failed = failureOf(view);
  const token = events.find((event) => event.type === 'token.issued' && isAbout(event, fresh));
  const connection = events.find((event) => event.type === 'connection.refused' && isAbout(event, fresh));
  return (
    <>
      <section class="panel live">
        {connection && !token && (
          <Row icon={<Icon name="warn" />} at={timeOf(connection)} now={now}>
            <strong>{tellOf(connection).text}</strong>
            <small>
              Compare client id and, for Okta, the app name with{' '}
              <a href={`${visit.home}/directories/${directory.id}/setup/oauth`}>the set-up</a>, and begin there again.
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
          <Row icon={<Icon name={refused || failed ? 'warn' : 'ok'} />} at={used} now={now}>
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
        {failed && fresh && used && (
          <Row icon={<Icon name="bad" />} now={now}>
            <strong>But {failed.what}</strong>
            <small>The token is right. {failed.todo}</small>
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
      {refused && <Refusal event={refused} view={view} endpoint={endpoint} visit={visit} />}
      {!used && !refused && (
        <details class="panel">
          <summary>Nothing arrives?</summary>
          <div class="detail">
            <p>
              Then {provider} asks another address, or does not ask at all. <b>{endpointLabelOf(directory.provider)}</b>{' '}
              there must hold exactly this:
            </p>
            <CopyField label={endpointLabelOf(directory.provider)} value={endpoint} />
            <p class="soft">
              Then press its button that tests the connection, and see that provisioning is switched on. What is asked
              of another address cannot be seen here.
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
