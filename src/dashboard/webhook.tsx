/** One webhook: whether it works, what was sent, and what became of each attempt. */
import { DAY_MS } from '../clock.ts';
import type { Delivery, DeliveryState, Endpoint, Notifications } from '../notifications/index.ts';
import { Act, Ask, Confirm, CopyOnce, capital, counted, Go, Head, More, Status, Time } from '../pages/index.ts';
import { Deliveries, LastAttempt, stateIn } from './deliveries.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

const PAGE = 20;
const TRAIL: [string, string][] = [[`${HOME}/notifications`, 'Notifications']];
const DISABLED: Record<NonNullable<Endpoint['disabledReason']>, string> = {
  by_hand: 'Someone turned it off.',
  gone: 'Its endpoint answered 410 (Gone).',
  failing: 'Deliveries failed for five days.',
};

export function webhookRoutes({ notifications, directories }: DashboardDependencies): Route[] {
  const { endpoints, deliveries } = notifications;
  const change = 'webhooks.change';
  const addressOf = ({ id }: Endpoint) => `${HOME}/notifications/${id}`;
  const named = (visit: Visit) => endpoints.get(visit.params['id'] ?? '');
  const acting =
    (work: (endpoint: Endpoint, visit: Visit) => Promise<unknown>): NonNullable<Route['post']> =>
    async (visit) => {
      const endpoint = await named(visit);
      await work(endpoint, visit);
      return addressOf(endpoint);
    };

  async function one(visit: Visit) {
    const endpoint = await named(visit);
    const address = addressOf(endpoint);
    const state = stateIn(visit);
    const [{ items, nextCursor }, pending, failed, all] = await Promise.all([
      deliveries.page({ targetId: endpoint.id, state, after: visit.query.get('after') ?? undefined, limit: PAGE }),
      deliveries.count({ targetId: endpoint.id, state: 'pending' }),
      deliveries.count({ targetId: endpoint.id, state: 'failed' }),
      deliveries.count({ targetId: endpoint.id }),
    ]);
    const names = await namesOf(items);
    const shown =
      items.find(({ id }) => id === visit.query.get('delivery')) ?? items.find(({ attempts }) => attempts.length > 0);
    const may = visit.may(change);
    return {
      title: endpoint.shownUrl,
      place: 'notifications',
      children: (
        <>
          <Head trail={TRAIL} title={endpoint.shownUrl}>
            {may && (
              <div class="acts">
                {endpoint.state === 'active' && (
                  <Act visit={visit} action={`${address}/test`} name="Send a test event" />
                )}
                {endpoint.kind === 'webhook' && <Ask href={`${address}/rotate-secret`} name="Rotate secret" isMild />}
                {endpoint.state === 'active' && <Ask href={`${address}/disable`} name="Turn off" isMild />}
                <Ask href={`${address}/delete`} name="Delete" />
              </div>
            )}
          </Head>
          <Condition
            visit={visit}
            endpoint={endpoint}
            counts={{ pending, failed, delivered: all - pending - failed }}
            address={address}
          />
          <Deliveries visit={visit} items={items} state={state} names={names} address={address} />
          <More visit={visit} cursor={nextCursor} />
          {shown && (
            <LastAttempt
              visit={visit}
              delivery={shown}
              address={address}
              curl={may ? notifications.curlOf(endpoint, shown) : undefined}
            />
          )}
        </>
      ),
    };
  }

  async function namesOf(items: readonly Delivery[]): Promise<Map<string, string>> {
    const ids = [...new Set(items.flatMap(({ directoryId }) => directoryId ?? []))];
    const found = await Promise.all(ids.map((id) => directories.find(id)));
    return new Map(found.flatMap((directory) => (directory ? [[directory.id, directory.name] as const] : [])));
  }

  function asking(
    verb: 'Delete' | 'Turn off' | 'Rotate secret',
    text: string,
    more: string,
  ): NonNullable<Route['get']> {
    return async (visit) => {
      const endpoint = await named(visit);
      const address = addressOf(endpoint);
      return {
        title: verb,
        place: 'notifications',
        children: (
          <Confirm
            visit={visit}
            trail={[...TRAIL, [address, endpoint.shownUrl]]}
            title={verb}
            name={verb}
            back={address}
            keep="Not now"
          >
            <p>
              <b>{text}</b> {more}
            </p>
          </Confirm>
        ),
      };
    };
  }

  return [
    { path: '/notifications/:id', action: 'webhooks.read', get: one },
    {
      path: '/notifications/:id/test',
      action: change,
      on: '/notifications/:id',
      post: acting(({ id }, { attribution }) => notifications.test(id, attribution)),
    },
    {
      path: '/notifications/:id/retry',
      action: change,
      on: '/notifications/:id',
      post: acting(({ id }) => notifications.retryNow(id)),
    },
    {
      path: '/notifications/:id/resend-failed',
      action: change,
      on: '/notifications/:id',
      post: acting(({ id }, { now }) => notifications.resendFailed(id, new Date(now.getTime() - 30 * DAY_MS))),
    },
    {
      path: '/notifications/:id/enable',
      action: change,
      on: '/notifications/:id',
      post: acting(({ id }, { attribution }) => endpoints.enable(id, attribution)),
    },
    {
      path: '/notifications/:id/resend',
      action: change,
      on: '/notifications/:id',
      post: acting((endpoint, { form }) => resendOf(notifications, endpoint, form.get('delivery') ?? '')),
    },
    {
      path: '/notifications/:id/disable',
      action: change,
      get: asking('Turn off', 'It will get no more events.', 'Pending deliveries fail. You can resend them later.'),
      post: acting(({ id }, { attribution }) => endpoints.disable(id, 'by_hand', attribution)),
    },
    {
      path: '/notifications/:id/delete',
      action: change,
      get: asking('Delete', 'It will get no more events. Its list of deliveries is deleted too.', ''),
      async post(visit) {
        await notifications.removeEndpoint((await named(visit)).id, visit.attribution);
        return `${HOME}/notifications`;
      },
    },
    {
      path: '/notifications/:id/rotate-secret',
      action: change,
      get: asking(
        'Rotate secret',
        'You get a new secret.',
        'The current one also signs for one more day, so that your receiver can switch.',
      ),
      async post(visit) {
        const before = await named(visit);
        const { endpoint, secret } = await endpoints.rotateSecret(
          before.id,
          new Date(visit.now.getTime() + DAY_MS),
          visit.attribution,
        );
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
export function secretPage({ id, shownUrl }: Endpoint, secret: string) {
  return {
    title: 'Signing secret',
    place: 'notifications',
    children: (
      <>
        <Head trail={[...TRAIL, [`${HOME}/notifications/${id}`, shownUrl]]} title="Signing secret" />
        <CopyOnce title={shownUrl} label="Your receiver uses it to verify each message" value={secret}>
          Copy it now; it won't be shown again. If you lose it, rotate the secret.
        </CopyOnce>
        <div class="acts">
          <Go href={`${HOME}/notifications/${id}`} name="I've saved it" tone="primary" />
        </div>
      </>
    ),
  };
}

function Condition(props: {
  visit: Visit;
  endpoint: Endpoint;
  counts: Record<DeliveryState, number>;
  address: string;
}) {
  const { visit, endpoint, counts, address } = props;
  const { pending, failed, delivered } = counts;
  const { state, disabledReason = 'by_hand', failingSince } = endpoint;
  const may = visit.may('webhooks.change');
  if (state === 'disabled') {
    return (
      <Status
        tone="bad"
        sentence={
          <>
            <b>This webhook is off.</b> {DISABLED[disabledReason]}
          </>
        }
        detail="The event feed has the events that it missed. Once it is on, you can resend failed deliveries."
        acts={may && <Act visit={visit} action={`${address}/enable`} name="Turn on" tone="primary" />}
      />
    );
  }
  if (failingSince) {
    const endsAt = new Date(failingSince.getTime() + 5 * DAY_MS);
    return (
      <Status
        tone="warn"
        sentence={
          <>
            <b>{pending === 1 ? '1 delivery is' : `${pending} deliveries are`} waiting for a retry.</b> Nothing has been
            delivered since <Time at={failingSince} now={visit.now} exact />.
          </>
        }
        detail={
          <>
            If it keeps failing, Latchkey turns the webhook off <Time at={endsAt} now={visit.now} /> and notifies your
            contacts.
          </>
        }
        acts={may && pending > 0 && <Act visit={visit} action={`${address}/retry`} name="Retry now" />}
      />
    );
  }
  if (delivered <= 0) {
    return (
      <Status
        tone={failed > 0 ? 'warn' : 'off'}
        sentence={
          <>
            <b>{failed + pending > 0 ? 'Nothing has been delivered yet.' : 'Nothing has been sent yet.'}</b>{' '}
            {pending > 0
              ? `${capital(counted(pending, 'message'))} on the way.`
              : 'Send a test event to check that it arrives.'}
          </>
        }
        detail={failed > 0 ? `${counted(failed, 'message')} failed in the last 30 days.` : hearsOf(endpoint)}
        acts={may && failed > 0 && <Act visit={visit} action={`${address}/resend-failed`} name="Resend failed" />}
      />
    );
  }
  return (
    <Status
      tone={failed > 0 ? 'warn' : 'ok'}
      sentence={
        <>
          <b>Deliveries work.</b>{' '}
          {pending > 0 ? `${capital(counted(pending, 'message'))} on the way.` : 'Nothing is waiting.'}
        </>
      }
      detail={failed > 0 ? `${counted(failed, 'message')} failed in the last 30 days.` : hearsOf(endpoint)}
      acts={may && failed > 0 && <Act visit={visit} action={`${address}/resend-failed`} name="Resend failed" />}
    />
  );
}

function hearsOf({ events }: Endpoint): string {
  return events.length === 0 ? 'It gets all events.' : `It gets ${events.join(', ')}.`;
}
