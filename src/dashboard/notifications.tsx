/** Who and what is told: webhooks, chat channels, and the vendor's own contacts. */
import { ENDPOINT_KINDS, type EndpointKind, isEventFilter, VENDOR_SCOPE } from '../notifications/index.ts';
import {
  Act,
  Choice,
  ContactRow,
  chosen,
  Field,
  FormPanel,
  invalidField,
  Last,
  List,
  MAIL_IS_OFF,
  notifiedAbout,
  Row,
  required,
  sent,
  Tag,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';
import { secretPage, webhookRoutes } from './webhook.tsx';

const CONTACTS = 50;
const home = `${HOME}/notifications`;
const KIND_NAMES: Record<EndpointKind, string> = {
  webhook: 'Your software (webhook)',
  slack: 'Slack channel',
  teams: 'Microsoft Teams channel',
};

export function notificationRoutes(deps: DashboardDependencies): Route[] {
  const { notifications } = deps;
  const { endpoints, contacts } = notifications;

  async function list({ paging, may }: Visit) {
    const [page, people] = await Promise.all([
      endpoints.page(paging),
      contacts.page({ scope: VENDOR_SCOPE, limit: CONTACTS }),
    ]);
    return {
      title: 'Notifications',
      trail: [],
      children: (
        <>
          <List
            title="Webhooks and channels"
            of={page}
            none="None yet. A webhook notifies your software of each change. A channel notifies your team."
            row={({ id, kind, shownUrl, description, state, failingSince, events }) => (
              <Row
                href={`${home}/${id}`}
                name={<b>{description ?? shownUrl}</b>}
                marks={
                  state === 'disabled' ? (
                    <Tag tone="bad">off</Tag>
                  ) : failingSince ? (
                    <Tag tone="warn">failing</Tag>
                  ) : (
                    <Tag tone="ok">on</Tag>
                  )
                }
                text={
                  <>
                    {KIND_NAMES[kind]}, {events.length === 0 ? 'all events' : events.join(', ')}
                    <Last at={failingSince} before=", failing since" />
                  </>
                }
              />
            )}
          />
          {may('webhooks.change') && (
            <FormPanel title="Add a webhook or channel" action={home} submit="Add">
              <Choice name="kind" value="webhook" options={ENDPOINT_KINDS.map((kind) => [kind, KIND_NAMES[kind]])} />
              <Field
                name="url"
                type="url"
                isRequired
                maximum={2000}
                hint="For a channel, the URL of its incoming webhook or workflow."
              />
              <Field
                name="events"
                hint="For example, dsync.token.*. Separate several with commas. Leave it empty for all events."
              />
              <Field name="description" />
            </FormPanel>
          )}
          <List
            title="Contacts on your team"
            aside={
              <small>
                {notifications.isMailOn
                  ? "They get notices about all customers. Contacts for a single customer are on that customer's page."
                  : MAIL_IS_OFF}
              </small>
            }
            of={people.items}
            none="No contacts yet. Owners with an email address get the notices that have no contact of their own."
            row={(contact) => (
              <ContactRow contact={contact} text={notifiedAbout(contact)}>
                {may('contacts.change') && (
                  <Act action={`${home}/contacts/${contact.id}/remove`} name="Remove" tone="quiet" />
                )}
              </ContactRow>
            )}
          />
          {may('contacts.change') && notifications.isMailOn && (
            <FormPanel title="Add a contact on your team" action={`${home}/contacts`} submit="Add contact" isMild>
              <Field name="name" isRequired />
              <Field name="email" isRequired hint="We will email them to confirm." />
            </FormPanel>
          )}
        </>
      ),
    };
  }

  return [
    { path: '/notifications', action: 'webhooks.read', get: list },
    {
      path: '/notifications',
      action: 'webhooks.change',
      async post({ form, attribution }) {
        const events = (sent(form, 'events', 1000) ?? '').split(/[\s,]+/).filter((part) => part !== '');
        const unknown = events.find((event) => !isEventFilter(event));
        if (unknown !== undefined)
          throw invalidField(
            'events',
            `Events must be types such as dsync.token.created, or dsync.*. You entered ${unknown.slice(0, 60)}.`,
          );
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
      async does({ form, attribution }) {
        const input = { scope: VENDOR_SCOPE, name: required(form, 'name'), email: required(form, 'email') };
        await notifications.addContact(input, attribution);
      },
    },
    {
      path: '/notifications/contacts/:id/remove',
      action: 'contacts.change',
      does: ({ id, attribution }) => contacts.remove(id, attribution),
    },
    ...webhookRoutes(deps),
  ];
}
