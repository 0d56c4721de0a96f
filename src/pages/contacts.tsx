/** Who is told of one organization's problems and ends, and what ends next; operators and IT contacts share this page. */
import { AppError } from '../errors.ts';
import {
  type Contact,
  type Ending,
  NOTICE_KINDS,
  type NoticeKind,
  type Notifications,
} from '../notifications/index.ts';
import { Field, required } from './fields.tsx';
import { Act, Form, Submit } from './forms.tsx';
import { Head } from './heads.tsx';
import { counted, Tag, Time } from './parts.tsx';
import type { Route, Visit } from './visit.tsx';

const SHOWN = 50;
const ENDINGS = 5;
/** Fewer are one holiday away from nobody. */
const ENOUGH = 2;

const MEANINGS: Record<NoticeKind, string> = {
  failing: 'problems',
  ending: 'upcoming expirations',
  changes: 'changes (at most one email an hour)',
};
const THINGS: Record<Ending['kind'], string> = {
  token: 'Access token',
  connection: 'Connection',
  client_secret: 'Client secret',
  client_key: 'Certificate of a client key',
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
  organizationOf: (visit: V) => Promise<{ id: string; name: string; trail: readonly [string, string][] }>;
}): Route<V>[] {
  const { contacts } = notifications;
  const back = (visit: V) => visit.home + path.replace(':id', visit.params['id'] ?? '');

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
        const address = back(visit);
        return {
          title: 'Contacts',
          place: 'organizations',
          children: (
            <>
              <Head trail={trail} title={`Contacts at ${name}`} />
              {confirmed < ENOUGH && (
                <section class="note">
                  <div>
                    <strong>
                      {confirmed === 0 ? 'No contact has confirmed yet.' : 'Only one contact has confirmed.'}
                    </strong>{' '}
                    Add at least two, so that someone sees a problem when one of them is away.
                  </div>
                </section>
              )}
              <section class="panel list">
                {people.items.length === 0 ? (
                  <ul class="rows">
                    <li>
                      <small>No contact yet.</small>
                    </li>
                  </ul>
                ) : (
                  <ul class="rows">
                    {people.items.map((contact) => (
                      <li>
                        <span class="what">
                          <span>
                            <b>{contact.name}</b> <State contact={contact} />
                          </span>
                          <small>
                            {contact.email}, notified about{' '}
                            {contact.kinds.map((kind) => MEANINGS[kind as NoticeKind]).join(', ') || 'nothing'}
                          </small>
                        </span>
                        {may && (
                          <span class="acts">
                            {!contact.confirmedAt && notifications.isMailOn && (
                              <Act visit={visit} action={`${address}/${contact.id}/ask-again`} name="Resend email" />
                            )}
                            <Act visit={visit} action={`${address}/${contact.id}/remove`} name="Remove" tone="quiet" />
                          </span>
                        )}
                      </li>
                    ))}
                  </ul>
                )}
              </section>
              {may && (
                <section class="panel">
                  <h2>Add a contact</h2>
                  {notifications.isMailOn ? (
                    <Form visit={visit} action={address} class="fields">
                      <Field name="name" isRequired />
                      <Field name="email" label="Email address" isRequired hint="We will email them to confirm." />
                      <fieldset class="choices">
                        <legend>Notify about</legend>
                        {NOTICE_KINDS.map((kind) => (
                          <label class="pick">
                            <input type="checkbox" name={`kind_${kind}`} checked={kind !== 'changes'} />{' '}
                            {MEANINGS[kind]}
                          </label>
                        ))}
                      </fieldset>
                      <Submit name="Add contact" />
                    </Form>
                  ) : (
                    <p class="soft">
                      {visit.reader.audience === 'operator'
                        ? 'Email is off. To turn it on, set LATCHKEY_SMTP_URL and LATCHKEY_MAIL_FROM.'
                        : 'Email is not set up yet, so no notices can be sent.'}
                    </p>
                  )}
                </section>
              )}
              <section class="panel">
                <h2>Expiring soon</h2>
                {endings.length === 0 ? (
                  <p class="soft">Nothing in the next {counted(soonDays, 'day')}.</p>
                ) : (
                  <dl>
                    {endings.map(({ kind, name: what, endsAt }) => (
                      <>
                        <dt>{THINGS[kind]}</dt>
                        <dd>
                          {what}, expires <Time at={endsAt} now={visit.now} />
                        </dd>
                      </>
                    ))}
                  </dl>
                )}
              </section>
              {told.length > 0 && (
                <section class="panel list">
                  <div class="bar">
                    <h2>Recent notices</h2>
                  </div>
                  <ul class="rows">
                    {told.map(({ words, createdAt, recipients }) => (
                      <li>
                        <span class="what">
                          <span>{words.title}</span>
                          <small>
                            To {recipients.join(', ')}, <Time at={createdAt} now={visit.now} />
                          </small>
                        </span>
                      </li>
                    ))}
                  </ul>
                </section>
              )}
            </>
          ),
        };
      },
    },
    {
      path,
      action: 'contacts.change',
      on: path,
      async post(visit) {
        const { id } = await organizationOf(visit);
        const { form } = visit;
        const kinds = NOTICE_KINDS.filter((kind) => form.has(`kind_${kind}`));
        const input = { scope: id, name: required(form, 'name'), email: required(form, 'email'), kinds };
        await notifications.addContact(input, visit.attribution);
        return back(visit);
      },
    },
    {
      path: `${path}/:contactId/ask-again`,
      action: 'contacts.change',
      on: path,
      async post(visit) {
        await notifications.askAgain((await named(visit)).id);
        return back(visit);
      },
    },
    {
      path: `${path}/:contactId/remove`,
      action: 'contacts.change',
      on: path,
      async post(visit) {
        await contacts.remove((await named(visit)).id, visit.attribution);
        return back(visit);
      },
    },
  ];
}

function State({ contact: { confirmedAt, bouncedAt } }: { contact: Contact }) {
  if (bouncedAt) return <Tag tone="bad">address rejected</Tag>;
  return confirmedAt ? <Tag tone="ok">confirmed</Tag> : <Tag>not confirmed yet</Tag>;
}
