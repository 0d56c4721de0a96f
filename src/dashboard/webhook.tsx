/** One webhook: whether it works, what was sent, and what became of each attempt. */
import { DAY_MS } from '../clock.ts';
import type { Delivery, DeliveryState, Endpoint, Notifications } from '../notifications/index.ts';
import { Act, Ask, CopyOnce, capital, counted, namesOf, oncePage, Status, Time, useVisit } from '../pages/index.ts';
import { list } from '../sentences.ts';
import { Deliveries, LastAttempt, stateIn } from './deliveries.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, PLACES, type Route, type Visit } from './visit.ts';

const PAGE = 20;
const KEPT_DAYS = 30;
/** After which a webhook that fails is turned off. */
const FAILING_DAYS = 5;
const DISABLED: Record<NonNullable<Endpoint['disabledReason']>, string> = {
  by_hand: 'Someone turned it off.',
  gone: 'Its endpoint answered 410 (Gone).',
  failing: 'Deliveries failed for five days.',
};

const addressOf = ({ id }: Endpoint) => `${HOME}/notifications/${id}`;

export function webhookRoutes({ notifications, directories }: DashboardDependencies): Route[] {
  const { endpoints, deliveries } = notifications;
  const named = (visit: Visit) => endpoints.get(visit.id);
  /** What is done with a webhook before its page shows again. */
  const acting = (verb: string, work: (endpoint: Endpoint, visit: Visit) => Promise<unknown>): Route => ({
    path: `/notifications/:id/${verb}`,
    action: 'webhooks.change',
    does: async (visit) => work(await named(visit), visit),
  });

  async function one(visit: Visit) {
    const endpoint = await named(visit);
    const { id, shownUrl, state, kind } = endpoint;
    const address = addressOf(endpoint);
    const limit = stateIn(visit);
    const [page, pending, failed, all] = await Promise.all([
      deliveries.page({ targetId: id, state: limit, ...visit.paging, limit: PAGE }),
      deliveries.count({ targetId: id, state: 'pending' }),
      deliveries.count({ targetId: id, state: 'failed' }),
      deliveries.count({ targetId: id }),
    ]);
    const names = await namesOf(page.items, 'directoryId', directories.find);
    const chosen = visit.query.get('delivery');
    const shown =
      chosen === null ? page.items.find(({ attempts }) => attempts.length > 0) : await deliveryOf(endpoint, chosen);
    const may = visit.may('webhooks.change');
    return {
      title: shownUrl,
      trail: [PLACES.notifications],
      acts: may && (
        <div class="acts">
          {state === 'active' && <Act action={`${address}/test`} name="Send a test event" />}
          {kind === 'webhook' && <Ask href={`${address}/rotate-secret`} name="Rotate secret" isMild />}
          {state === 'active' && <Ask href={`${address}/disable`} name="Turn off" isMild />}
          <Ask href={`${address}/delete`} name="Delete" />
        </div>
      ),
      children: (
        <>
          <Condition
            endpoint={endpoint}
            counts={{ pending, failed, delivered: all - pending - failed }}
            address={address}
          />
          <Deliveries page={page} state={limit} names={names} address={address} />
          {shown && (
            <LastAttempt
              delivery={shown}
              address={address}
              curl={may ? notifications.curlOf(endpoint, shown) : undefined}
            />
          )}
        </>
      ),
    };
  }

  /** One of this webhook, which may stand on another page of the list, or be gone by now. */
  async function deliveryOf(endpoint: Endpoint, deliveryId: string): Promise<Delivery | undefined> {
    const found = await deliveries.find(deliveryId);
    return found?.targetId === endpoint.id ? found : undefined;
  }

  function asking(verb: string, effect: string, more: string): NonNullable<Route['ask']> {
    return async (visit) => {
      const endpoint = await named(visit);
      return {
        title: verb,
        trail: [PLACES.notifications, [addressOf(endpoint), endpoint.shownUrl]],
        keep: 'Not now',
        effect,
        more,
      };
    };
  }

  return [
    { path: '/notifications/:id', action: 'webhooks.read', get: one },
    acting('test', ({ id }, { attribution }) => notifications.test(id, attribution)),
    acting('retry', ({ id }) => notifications.retryNow(id)),
    acting('resend', (endpoint, { form }) => resendOf(notifications, endpoint, form.get('delivery') ?? '')),
    acting('resend-failed', ({ id }, { now }) =>
      notifications.resendFailed(id, new Date(now.getTime() - KEPT_DAYS * DAY_MS)),
    ),
    acting('enable', ({ id }, { attribution }) => endpoints.enable(id, attribution)),
    {
      ...acting('disable', ({ id }, { attribution }) => endpoints.disable(id, 'by_hand', attribution)),
      ask: asking('Turn off', "It won't get any more events.", 'Pending deliveries fail. You can resend them later.'),
    },
    {
      path: '/notifications/:id/delete',
      action: 'webhooks.change',
      ask: asking('Delete', "It won't get any more events. Its list of deliveries is deleted too.", ''),
      async post(visit) {
        await notifications.removeEndpoint((await named(visit)).id, visit.attribution);
        return `${HOME}/notifications`;
      },
    },
    {
      path: '/notifications/:id/rotate-secret',
      action: 'webhooks.change',
      ask: asking(
        'Rotate secret',
        'You get a new secret.',
        'The current one also signs for one more day, so that your receiver can switch.',
      ),
      async post(visit) {
        const { id } = await named(visit);
        const until = new Date(visit.now.getTime() + DAY_MS);
        const { endpoint, secret } = await endpoints.rotateSecret(id, until, visit.attribution);
        return secretPage(endpoint, secret);
      },
    },
  ];
}

async function resendOf({ deliveries, resend }: Notifications, endpoint: Endpoint, id: string): Promise<void> {
  const delivery = await deliveries.get(id);
  if (delivery.targetId === endpoint.id) await resend(id);
}

/** The secret, this once. */
export function secretPage(endpoint: Endpoint, secret: string) {
  const { shownUrl } = endpoint;
  const back = addressOf(endpoint);
  return oncePage(
    { title: 'Signing secret', trail: [PLACES.notifications, [back, shownUrl]], done: "I've saved it", back },
    <CopyOnce title={shownUrl} label="Your receiver uses it to verify each message" value={secret}>
      Copy it now; it won't be shown again. If you lose it, rotate the secret.
    </CopyOnce>,
  );
}

function Condition(props: { endpoint: Endpoint; counts: Record<DeliveryState, number>; address: string }) {
  const { endpoint, counts, address } = props;
  const { pending, failed, delivered } = counts;
  const { state, disabledReason = 'by_hand', failingSince } = endpoint;
  const may = useVisit().may('webhooks.change');
  if (state === 'disabled') {
    return (
      <Status
        tone="bad"
        lead="This webhook is off."
        rest={DISABLED[disabledReason]}
        detail="The event feed has the events that it missed. Once it is on, you can resend failed deliveries."
        acts={may && <Act action={`${address}/enable`} name="Turn on" tone="primary" />}
      />
    );
  }
  if (failingSince) {
    const endsAt = new Date(failingSince.getTime() + FAILING_DAYS * DAY_MS);
    return (
      <Status
        tone="warn"
        lead={`${pending === 1 ? '1 delivery is' : `${pending} deliveries are`} waiting for a retry.`}
        rest={
          <>
            Nothing has been delivered since <Time at={failingSince} exact />.
          </>
        }
        detail={
          <>
            If it keeps failing, Latchkey turns the webhook off <Time at={endsAt} /> and notifies your contacts.
          </>
        }
        acts={may && pending > 0 && <Act action={`${address}/retry`} name="Retry now" />}
      />
    );
  }
  const onTheWay = pending > 0 && `${capital(counted(pending, 'message'))} on the way.`;
  return (
    <Status
      tone={failed > 0 ? 'warn' : delivered <= 0 ? 'off' : 'ok'}
      lead={
        delivered > 0
          ? 'Deliveries work.'
          : failed + pending > 0
            ? 'Nothing has been delivered yet.'
            : 'Nothing has been sent yet.'
      }
      rest={onTheWay || (delivered > 0 ? 'Nothing is waiting.' : 'Send a test event to check that it arrives.')}
      detail={failed > 0 ? `${counted(failed, 'message')} failed in the last ${KEPT_DAYS} days.` : hearsOf(endpoint)}
      acts={may && failed > 0 && <Act action={`${address}/resend-failed`} name="Resend failed" />}
    />
  );
}

function hearsOf({ events }: Endpoint): string {
  return events.length === 0 ? 'It receives all events.' : `It receives ${list(events)} events.`;
}
