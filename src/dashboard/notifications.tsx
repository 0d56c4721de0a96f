/** Who and what is told: webhooks, chat channels, and the vendor's own contacts. */
import { AppError } from '../errors.ts';
import { ENDPOINT_KINDS, type EndpointKind, isEventFilter, VENDOR_SCOPE } from '../notifications/index.ts';
import { Act, Choice, chosen, Field, Form, Head, More, required, Submit, sent, Tag, Time } from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';
import { secretPage, webhookRoutes } from './webhook.tsx';

const PAGE = 50;
const KIND_NAMES: Record<EndpointKind, string> = {
  webhook: 'Your software (webhook)',
  slack: 'Slack channel',
  teams: 'Microsoft Teams channel',
};

export function notificationRoutes(deps: DashboardDependencies): Route[] {
  const { notifications } = deps;
  const { endpoints, contacts } = notifications;
  const home = `${HOME}/notifications`;

  async function list(visit: Visit) {
    const [{ items, nextCursor }, people] = await Promise.all([
      endpoints.page({ after: visit.query.get('after') ?? undefined, limit: PAGE }),
      contacts.page({ scope: VENDOR_SCOPE, limit: PAGE }),
    ]);
    const { now } = visit;
    return {
      title: 'Notifications',
      place: 'notifications',
      children: (
        <>
          <Head title="Notifications" />
          <section class="panel list">
            <div class="bar">
              <h2>Webhooks and channels</h2>
            </div>
            {items.length === 0 ? (
              <ul class="rows">
                <li>
                  <small>
                    None yet. A webhook notifies your software of each change. A channel notifies your team.
                  </small>
                </li>
              </ul>
            ) : (
              <ul class="rows">
                {items.map(({ id, kind, shownUrl, description, state, failingSince, events }) => (
                  <li>
                    <span class="what">
                      <span>
                        <a href={`${home}/${id}`}>
                          <b>{description ?? shownUrl}</b>
                        </a>{' '}
                        {state === 'disabled' ? (
                          <Tag tone="bad">off</Tag>
                        ) : failingSince ? (
                          <Tag tone="warn">failing</Tag>
                        ) : (
                          <Tag tone="ok">on</Tag>
                        )}
                      </span>
                      <small>
                        {KIND_NAMES[kind]}, {events.length === 0 ? 'all events' : events.join(', ')}
                        {failingSince && (
                          <>
                            , failing since <Time at={failingSince} now={now} />
                          </>
                        )}
                      </small>
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </section>
          <More visit={visit} cursor={nextCursor} />
          {visit.may('webhooks.change') && (
            <section class="panel">
              <h2>Add a webhook or channel</h2>
              <Form visit={visit} action={home} class="fields">
                <Choice
                  name="kind"
                  label="Kind"
                  value="webhook"
                  options={ENDPOINT_KINDS.map((kind) => [kind, KIND_NAMES[kind]])}
                />
                <Field
                  name="url"
                  label="URL"
                  type="url"
                  isRequired
                  maximum={2000}
                  hint="For a channel, the URL of its incoming webhook or workflow."
                />
                <Field
                  name="events"
                  label="Events"
                  hint="Such as dsync.token.*, separated by commas. Leave it empty for all events."
                />
                <Field name="description" label="Description" />
                <Submit name="Add" />
              </Form>
            </section>
          )}
          <section class="panel list">
            <div class="bar">
              <h2>Contacts on your team</h2>
              <small>
                {notifications.isMailOn
                  ? 'They get notices about all customers. The contacts of one customer are on its page.'
                  : 'Email is off. To turn it on, set LATCHKEY_SMTP_URL and LATCHKEY_MAIL_FROM.'}
              </small>
            </div>
            {people.items.length === 0 ? (
              <ul class="rows">
                <li>
                  <small>
                    No contacts yet. Owners with an email address get the notices that have no contact of their own.
                  </small>
                </li>
              </ul>
            ) : (
              <ul class="rows">
                {people.items.map(({ id, name, email, kinds, confirmedAt, bouncedAt }) => (
                  <li>
                    <span class="what">
                      <span>
                        <b>{name}</b>{' '}
                        {bouncedAt ? (
                          <Tag tone="bad">address rejected</Tag>
                        ) : confirmedAt ? (
                          <Tag tone="ok">confirmed</Tag>
                        ) : (
                          <Tag>not confirmed yet</Tag>
                        )}
                      </span>
                      <small>
                        {email}, notified about: {kinds.join(', ') || 'nothing'}
                      </small>
                    </span>
                    {visit.may('contacts.change') && (
                      <Act visit={visit} action={`${home}/contacts/${id}/remove`} name="Remove" tone="quiet" />
                    )}
                  </li>
                ))}
              </ul>
            )}
          </section>
          {visit.may('contacts.change') && notifications.isMailOn && (
            <section class="panel">
              <h2>Add a contact on your team</h2>
              <Form visit={visit} action={`${home}/contacts`} class="fields">
                <Field name="name" isRequired />
                <Field name="email" isRequired hint="We will email them to confirm." />
                <Submit name="Add contact" isMild />
              </Form>
            </section>
          )}
        </>
      ),
    };
  }

  return [
    {
      path: '/notifications',
      action: 'webhooks.read',
      get: list,
    },
    {
      path: '/notifications',
      action: 'webhooks.change',
      on: '/notifications',
      async post({ form, attribution }) {
        const events = (sent(form, 'events', 1000) ?? '').split(/[\s,]+/).filter((part) => part !== '');
        const unknown = events.find((event) => !isEventFilter(event));
        if (unknown !== undefined)
          throw new AppError('invalid_request', {
            detail: `Events must be types such as dsync.token.created, or dsync.*. You entered ${unknown.slice(0, 60)}.`,
            errors: [
              { path: 'events', given: unknown.slice(0, 60), wanted: 'types such as dsync.token.created, or dsync.*' },
            ],
          });
        const { endpoint, secret } = await endpoints.create(
          {
            url: required(form, 'url', 2000),
            kind: chosen(form, 'kind', ENDPOINT_KINDS),
            events,
            description: sent(form, 'description'),
          },
          attribution,
        );
        return secret === undefined ? `${home}/${endpoint.id}` : secretPage(endpoint, secret);
      },
    },
    {
      path: '/notifications/contacts',
      action: 'contacts.change',
      on: '/notifications',
      async post({ form, attribution }) {
        const input = { scope: VENDOR_SCOPE, name: required(form, 'name'), email: required(form, 'email') };
        await notifications.addContact(input, attribution);
        return home;
      },
    },
    {
      path: '/notifications/contacts/:id/remove',
      action: 'contacts.change',
      on: '/notifications',
      async post({ params, attribution }) {
        await contacts.remove(params['id'] ?? '', attribution);
        return home;
      },
    },
    ...webhookRoutes(deps),
  ];
}
