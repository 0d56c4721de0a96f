/** The deliveries of a webhook: what was sent, and what became of each attempt. */
import { type Delivery, type DeliveryAttempt, type DeliveryState, MOST_ATTEMPTS } from '../notifications/index.ts';
import { type Column, CopyField, Form, Last, TableList, Tabs, Tag, type Tone, useVisit } from '../pages/index.ts';
import type { Page } from '../storage/index.ts';
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
  page: Page<Delivery>;
  state: DeliveryState | undefined;
  /** Of directories, by ID. */
  names: ReadonlyMap<string, string>;
  /** Of the webhook. */
  address: string;
}) {
  const { page, state, names, address } = props;
  const hrefOf = (value: DeliveryState | '' = '') => (value === '' ? address : `${address}?state=${value}`);
  return (
    <TableList
      title={
        <Tabs label="Deliveries" tabs={STATES.map(([value, name]) => [hrefOf(value), name])} current={hrefOf(state)} />
      }
      aside={<small>Kept for 30 days</small>}
      of={page}
      none={state === undefined ? 'Nothing has been sent yet.' : `No deliveries are ${state}.`}
      columns={columnsFor(names, address)}
    />
  );
}

function columnsFor(names: ReadonlyMap<string, string>, address: string): Column<Delivery>[] {
  return [
    {
      name: 'Event',
      class: 'whole',
      cell: ({ id, type, eventId }) => (
        <>
          <a href={`${address}?delivery=${id}#attempt`}>
            <b>{type}</b>
          </a>
          <br />
          <small class="mono">{eventId}</small>
        </>
      ),
    },
    { name: 'Directory', class: 'whole', cell: ({ directoryId = '' }) => names.get(directoryId) ?? '—' },
    {
      name: 'State',
      cell: ({ state, attempt }) => (
        <Tag tone={TONES[state]}>{state === 'pending' && attempt > 0 ? `pending, attempt ${attempt}` : state}</Tag>
      ),
    },
    {
      name: 'Last attempt',
      class: 'whole',
      cell: ({ attempts }) => <Last at={attempts.at(-1)?.at} never="—" />,
      below: ({ attempts }) => outcomeOf(attempts.at(-1)),
    },
    {
      name: 'Next attempt',
      class: 'whole',
      cell: ({ state, dueAt, claimedUntil }) => (
        <Last at={state === 'pending' && claimedUntil === undefined ? dueAt : undefined} never="—" />
      ),
    },
  ];
}

const TONES: Record<DeliveryState, Tone> = { delivered: 'ok', pending: 'warn', failed: 'bad' };

function outcomeOf(attempt: DeliveryAttempt | undefined): string {
  const { status, reason, ms } = attempt ?? {};
  return status === undefined ? (reason ?? '') : `${status} in ${ms} ms`;
}

/** The delivery that was chosen, or the latest one that was attempted. */
export function LastAttempt(props: { delivery: Delivery; address: string; curl: string | undefined }) {
  const { delivery, address, curl } = props;
  const { id, attempt, attempts, message, eventId } = delivery;
  const last = attempts.at(-1);
  const body = JSON.stringify(JSON.parse(message), null, 2);
  return (
    <section class="panel" id="attempt">
      <div class="head">
        <h2>
          {attempt === 0 ? 'Message' : `Attempt ${attempt} of ${MOST_ATTEMPTS}`}: {eventId}
        </h2>
        {useVisit().may('webhooks.change') && (
          <Form action={`${address}/resend`}>
            <input type="hidden" name="delivery" value={id} />
            <button type="submit">Resend</button>
          </Form>
        )}
      </div>
      <div class="slots">
        <div class="detail">
          <small>Sent</small>
          <pre class="well">{`webhook-id: ${id}\ncontent-type: application/json\n\n${body}`}</pre>
        </div>
        <div class="detail">
          <small>
            {last === undefined
              ? 'Not attempted yet'
              : last.status === undefined
                ? 'No response'
                : `Responded in ${last.ms} ms`}
          </small>
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
