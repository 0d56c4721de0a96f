/** The deliveries of a webhook: what was sent, and what became of each attempt. */
import { type Delivery, type DeliveryAttempt, type DeliveryState, MOST_ATTEMPTS } from '../notifications/index.ts';
import { CopyField, Tag, Time, type Tone } from '../pages/index.ts';
import type { Visit } from './visit.ts';

const STATES: readonly [DeliveryState | '', string][] = [
  ['', 'All'],
  ['delivered', 'Delivered'],
  ['pending', 'Pending'],
  ['failed', 'Failed'],
];

/** The state that the list is limited to. */
export function stateIn({ query }: Visit): DeliveryState | undefined {
  return STATES.find(([known]) => known !== '' && known === query.get('state'))?.[0] || undefined;
}

export function Deliveries(props: {
  visit: Visit;
  items: readonly Delivery[];
  state: DeliveryState | undefined;
  /** Of directories, by ID. */
  names: ReadonlyMap<string, string>;
  /** Of the webhook. */
  address: string;
}) {
  const { visit, items, state, names, address } = props;
  return (
    <section class="panel list">
      <div class="bar">
        <nav class="acts" aria-label="Deliveries">
          {STATES.map(([value, name]) => (
            <a
              class={(state ?? '') === value ? 'btn' : 'btn quiet'}
              aria-current={(state ?? '') === value ? 'true' : undefined}
              href={value === '' ? address : `${address}?state=${value}`}
            >
              {name}
            </a>
          ))}
        </nav>
        <small>Kept for 30 days</small>
      </div>
      {items.length === 0 ? (
        <ul class="rows">
          <li>
            <small>{state === undefined ? 'Nothing has been sent yet.' : `No deliveries are ${state}.`}</small>
          </li>
        </ul>
      ) : (
        <div class="scroll">
          <table class="stacked">
            <thead>
              <tr>
                <th>Event</th>
                <th>Directory</th>
                <th>State</th>
                <th>Last attempt</th>
                <th>Next attempt</th>
              </tr>
            </thead>
            <tbody>
              {items.map((delivery) => (
                <Row
                  visit={visit}
                  delivery={delivery}
                  directory={names.get(delivery.directoryId ?? '')}
                  address={address}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({
  visit,
  delivery,
  directory,
  address,
}: {
  visit: Visit;
  delivery: Delivery;
  directory: string | undefined;
  address: string;
}) {
  const { id, type, eventId, state, attempt, attempts, dueAt, claimedUntil } = delivery;
  const last = attempts.at(-1);
  return (
    <tr>
      <td class="whole" data-label="Event">
        <a href={`${address}?delivery=${id}#attempt`}>
          <b>{type}</b>
        </a>
        <br />
        <small class="mono">{eventId}</small>
      </td>
      <td class="whole" data-label="Directory">
        {directory ?? '—'}
      </td>
      <td data-label="State">
        <Tag tone={TONES[state]}>{state === 'pending' && attempt > 0 ? `pending, attempt ${attempt}` : state}</Tag>
      </td>
      <td class="whole" data-label="Last attempt">
        {last ? (
          <>
            <Time at={last.at} now={visit.now} />
            <br />
            <small>{outcomeOf(last)}</small>
          </>
        ) : (
          '—'
        )}
      </td>
      <td class="whole" data-label="Next attempt">
        {state === 'pending' && dueAt && claimedUntil === undefined ? <Time at={dueAt} now={visit.now} /> : '—'}
      </td>
    </tr>
  );
}

const TONES: Record<DeliveryState, Tone> = { delivered: 'ok', pending: 'warn', failed: 'bad' };

function outcomeOf({ status, reason, ms }: DeliveryAttempt): string {
  return status === undefined ? (reason ?? '') : `${status} in ${ms} ms`;
}

/** The delivery that was chosen, or the latest one that was attempted. */
export function LastAttempt(props: { visit: Visit; delivery: Delivery; address: string; curl: string | undefined }) {
  const { visit, delivery, address, curl } = props;
  const { id, attempt, attempts, message, eventId } = delivery;
  const last = attempts.at(-1);
  const body = JSON.stringify(JSON.parse(message), null, 2);
  return (
    <section class="panel" id="attempt">
      <div class="head">
        <h2>
          {attempt === 0 ? 'Message' : `Attempt ${attempt} of ${MOST_ATTEMPTS}`}: {eventId}
        </h2>
        {visit.may('webhooks.change') && (
          <form method="post" action={`${address}/resend`}>
            <input type="hidden" name="token" value={visit.formToken} />
            <input type="hidden" name="formKey" value={visit.formKey} />
            <input type="hidden" name="delivery" value={id} />
            <button type="submit">Resend</button>
          </form>
        )}
      </div>
      <div class="slots">
        <div class="detail">
          <small>Sent</small>
          <pre class="well">{`webhook-id: ${id}\ncontent-type: application/json\n\n${body}`}</pre>
        </div>
        <div class="detail">
          <small>{last === undefined ? 'Not attempted yet' : `Answered in ${last.ms} ms`}</small>
          {last && (
            <pre class="well">
              {last.status === undefined ? last.reason : `HTTP ${last.status}`}
              {last.contentType === undefined ? '' : `\ncontent-type: ${last.contentType}`}
              {last.body === undefined ? '' : `\n\n${last.body}`}
            </pre>
          )}
        </div>
      </div>
      {curl !== undefined && (
        <details>
          <summary>Copy as curl</summary>
          <div class="detail">
            <CopyField label="Signed now. Receivers accept it for five minutes" value={curl} />
          </div>
        </details>
      )}
    </section>
  );
}
