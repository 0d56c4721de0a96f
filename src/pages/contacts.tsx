/** Who is told of one organization's problems and ends, and what ends next; operators and IT contacts share this page. */
import type { ComponentChildren } from 'preact';
import { AppError } from '../errors.ts';
import {
  type Contact,
  type Ending,
  NOTICE_KINDS,
  type NoticeKind,
  type Notifications,
} from '../notifications/index.ts';
import { list } from '../sentences.ts';
import { Field, required } from './fields.tsx';
import { Act, FormPanel } from './forms.tsx';
import { Details, List, Row } from './lists.tsx';
import { counted, Note, Tag } from './parts.tsx';
import { pathOf } from './routes.ts';
import { Last } from './times.tsx';
import type { Route, Trail, Visit } from './visit.tsx';

const SHOWN = 50;
const ENDINGS = 5;
/** Fewer are one holiday away from nobody. */
const ENOUGH = 2;

export const MAIL_IS_OFF = 'Email is off. To turn it on, set LATCHKEY_SMTP_URL and LATCHKEY_MAIL_FROM.';

const MEANINGS: Record<NoticeKind, string> = {
  failing: 'problems',
  ending: 'upcoming expirations',
  changes: 'changes (at most one email an hour)',
};

export function notifiedAbout({ kinds }: { kinds: readonly string[] }): string {
  return `notified about ${list(kinds.map((kind) => MEANINGS[kind as NoticeKind])) || 'nothing'}`;
}

const THINGS: Record<Ending['kind'], string> = {
  token: 'Access token',
  connection: 'Connection',
  client_secret: 'Client secret',
  client_key: 'Client key certificate',
  api_key: 'API key',
  portal_link: 'Portal link',
};

/** `path`: where the page is below the face's home. `organizationOf`: whose it is, checked. */
export function contactRoutes<V extends Visit>({
  notifications,
  path,
  organizationOf,
}: {
  notifications: Notifications;
  path: string;
  organizationOf: (visit: V) => Promise<{ id: string; name: string; trail: Trail }>;
}): Route<V>[] {
  const { contacts } = notifications;

  /** A contact of this organization, and of no other. */
  async function named(visit: V): Promise<Contact> {
    const { id } = await organizationOf(visit);
    const contact = await contacts.get(visit.params['contactId'] ?? '');
    if (contact.scope !== id) throw new AppError('not_found');
    return contact;
  }

  return [
    {
      path,
      action: 'contacts.read',
      async get(visit) {
        const { id, name, trail } = await organizationOf(visit);
        const [people, { endings, days: soonDays }, told] = await Promise.all([
          contacts.page({ scope: id, limit: SHOWN }),
          notifications.endingSoon(id, ENDINGS),
          notifications.told(id),
        ]);
        const confirmed = people.items.filter(({ confirmedAt, bouncedAt }) => confirmedAt && !bouncedAt).length;
        const may = visit.may('contacts.change');
        const address = visit.home + pathOf(path, visit);
        return {
          title: 'Contacts',
          heading: `Contacts at ${name}`,
          trail,
          children: (
            <>
              {confirmed < ENOUGH && (
                <Note>
                  <strong>
                    {confirmed === 0
                      ? 'No contacts have confirmed their email address yet.'
                      : 'Only one contact has confirmed.'}
                  </strong>{' '}
                  Add at least two, so that someone notices a problem even if one of them is away.
                </Note>
              )}
              <List
                of={people.items}
                none="No contacts yet."
                row={(contact) => (
                  <ContactRow contact={contact} text={notifiedAbout(contact)}>
                    {may && (
                      <span class="acts">
                        {!contact.confirmedAt && notifications.isMailOn && (
                          <Act action={`${address}/${contact.id}/ask-again`} name="Resend email" />
                        )}
                        <Act action={`${address}/${contact.id}/remove`} name="Remove" tone="quiet" />
                      </span>
                    )}
                  </ContactRow>
                )}
              />
              {may && notifications.isMailOn && (
                <FormPanel title="Add a contact" action={address} submit="Add contact">
                  <Field name="name" isRequired />
                  <Field name="email" label="Email address" isRequired hint="We will email them to confirm." />
                  <fieldset class="choices">
                    <legend>Notify about</legend>
                    {NOTICE_KINDS.map((kind) => (
                      <label class="pick">
                        <input type="checkbox" name={`kind_${kind}`} checked={kind !== 'changes'} /> {MEANINGS[kind]}
                      </label>
                    ))}
                  </fieldset>
                </FormPanel>
              )}
              {may && !notifications.isMailOn && (
                <section class="panel">
                  <p class="soft">
                    {visit.reader.audience === 'operator'
                      ? `Contacts are notified by email. ${MAIL_IS_OFF}`
                      : 'No contacts can be added, because email is off and no notices are sent.'}
                  </p>
                </section>
              )}
              <section class="panel">
                <h2>Expiring soon</h2>
                {endings.length === 0 ? (
                  <p class="soft">Nothing in the next {counted(soonDays, 'day')}.</p>
                ) : (
                  <Details
                    of={endings.map(({ kind, name: what, endsAt }) => [
                      THINGS[kind],
                      <Last at={endsAt} before={`${what}, expires`} />,
                    ])}
                  />
                )}
              </section>
              {told.length > 0 && (
                <List
                  title="Recent notices"
                  of={told}
                  row={({ words, createdAt, recipients }) => (
                    <Row
                      name={<span>{words.title}</span>}
                      text={<Last at={createdAt} before={`To ${recipients.join(', ')},`} />}
                    />
                  )}
                />
              )}
            </>
          ),
        };
      },
    },
    {
      path,
      action: 'contacts.change',
      async does(visit) {
        const { id } = await organizationOf(visit);
        const { form } = visit;
        const kinds = NOTICE_KINDS.filter((kind) => form.has(`kind_${kind}`));
        const input = { scope: id, name: required(form, 'name'), email: required(form, 'email'), kinds };
        await notifications.addContact(input, visit.attribution);
      },
    },
    {
      path: `${path}/:contactId/ask-again`,
      action: 'contacts.change',
      does: async (visit) => notifications.askAgain((await named(visit)).id, visit.attribution),
    },
    {
      path: `${path}/:contactId/remove`,
      action: 'contacts.change',
      does: async (visit) => contacts.remove((await named(visit)).id, visit.attribution),
    },
  ];
}

/** `text`: what they are told about. */
export function ContactRow(props: { contact: Contact; text: string; children: ComponentChildren }) {
  const { contact, text, children } = props;
  return (
    <Row name={<b>{contact.name}</b>} marks={<State contact={contact} />} text={`${contact.email}, ${text}`}>
      {children}
    </Row>
  );
}

function State({ contact: { confirmedAt, bouncedAt } }: { contact: Contact }) {
  if (bouncedAt) return <Tag tone="bad">address rejected</Tag>;
  return confirmedAt ? <Tag tone="ok">confirmed</Tag> : <Tag>not confirmed yet</Tag>;
}
