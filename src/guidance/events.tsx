/** What happened, a line each. */
import type { ComponentChildren } from 'preact';
import { type AuditEvent, EVENTS } from '../audit/index.ts';
import { counted, Tag, Time, type Tone, timeOf } from '../faces/index.ts';
import { explanationOf } from './explanations.tsx';
import type { Visit } from './visit.tsx';

export function EventRows(props: {
  events: AuditEvent[];
  visit: Visit;
  /** What an event is about, where the page does not say it. */
  placeOf?: (event: AuditEvent) => ComponentChildren;
}) {
  const { events, visit, placeOf } = props;
  const { now, auditPath } = visit;
  if (events.length === 0) {
    return (
      <ul class="rows">
        <li>
          <small>Nothing happened yet.</small>
        </li>
      </ul>
    );
  }
  return (
    <ul class="rows">
      {events.map((event) => {
        const { tone, text } = tellOf(event);
        return (
          <li>
            <span class="what">
              <span>
                {text}{' '}
                {event.count !== undefined && event.count > 1 && <Tag tone={tone}>{counted(event.count, 'time')}</Tag>}
              </span>
              <small>
                {placeOf?.(event)}
                {visit.nameOf(event.actor, event.address)}
                {(event.source === 'dashboard' || event.source === 'portal') && `, ${event.source}`}
                {event.requestId !== undefined && auditPath !== undefined && (
                  <>
                    , request{' '}
                    <a class="mono" href={`${auditPath}?requestId=${event.requestId}`}>
                      {event.requestId.slice(0, 8)}
                    </a>
                  </>
                )}
              </small>
            </span>
            <small>
              <Time at={timeOf(event)} now={now} />
            </small>
          </li>
        );
      })}
    </ul>
  );
}

/** One line of what happened. */
export function tellOf(event: AuditEvent): { tone: Tone; text: string } {
  const { type, data, actor } = event;
  const what = explanationOf(event)?.what;
  const told = (name: string) => (typeof data[name] === 'string' ? data[name] : '');
  const which = told('label') === '' ? `…${told('hint')}` : `“${told('label')}” (…${told('hint')})`;
  const slot = told('slot') === '' ? '' : ` in slot ${told('slot').toUpperCase()}`;
  const reason = told('reason').replaceAll('_', ' ');
  switch (type) {
    case 'request.denied':
      return {
        tone: 'bad',
        text: `A request was refused: ${what === undefined ? reason : `it ${what}`}${told('hint') === '' ? '' : ` (…${told('hint')})`}`,
      };
    case 'token.refused':
      return {
        tone: 'bad',
        text: `A token request of ${actor.name} was refused: ${what === undefined ? reason : `it ${what}`}`,
      };
    case 'token.issued':
      return { tone: 'ok', text: `${actor.name} got a token (${told('grantType').replaceAll('_', ' ')})` };
    case 'credential.issued':
      return { tone: 'ok', text: `Token ${which} was generated${slot}` };
    case 'credential.imported':
      return { tone: 'ok', text: `Token ${which} was imported${slot}` };
    case 'credential.connected':
      return { tone: 'ok', text: `An OAuth connection was made${slot}` };
    case 'credential.revoked':
      return { tone: 'bad', text: `${which} was revoked${reason === '' ? '' : `: ${told('reason')}`}` };
    case 'credential.retired':
      return { tone: 'off', text: `${which} retired, replaced by its successor` };
    case 'connection.refused':
      return { tone: 'bad', text: `A connection was refused: ${reason}` };
    default: {
      const name = told('name') || (told('hint') === '' ? '' : which);
      const meaning = EVENTS[type].replace(/[;:].*$/, '').replace(/\.$/, '');
      return { tone: 'off', text: name === '' ? meaning : `${meaning} (${name})` };
    }
  }
}
