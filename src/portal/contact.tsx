/** Where an email leads that asks whether somebody wants to be told. A preview of it confirms nothing: that takes a click. */
import { type Notifications, VENDOR_SCOPE } from '../notifications/index.ts';
import { MessageParts, messagePage, type OpenRoute, type Shown } from '../pages/index.ts';
import { HOME } from './session.ts';

export function contactPages({ notifications, vendor }: { notifications: Notifications; vendor: string }): OpenRoute[] {
  const { contacts } = notifications;
  const over = (): Shown =>
    messagePage(
      { title: 'This link has ended.', text: `Links work for one week. Ask ${vendor} to send another one.` },
      { status: 410, isNarrow: true },
    );
  return [
    {
      path: `${HOME}/contact/:secret`,
      async get({ params }) {
        const contact = await contacts.look(params['secret'] ?? '');
        if (!contact) return over();
        if (contact.confirmedAt) return confirmed(contact.email);
        return {
          title: 'Confirm your email address',
          isNarrow: true,
          children: (
            <>
              <h1>Confirm your email address</h1>
              <p>
                We will email {contact.email} when{' '}
                {contact.scope === VENDOR_SCOPE ? "a customer's connection" : `the connection to ${vendor}`} fails, and
                before something expires.
              </p>
              <form method="post" class="acts">
                <button class="primary" type="submit">
                  {' '}
                  Confirm{' '}
                </button>
              </form>
            </>
          ),
        };
      },
      async post({ params, origin: { address, requestId } }) {
        const contact = await contacts.confirm(params['secret'] ?? '', { address, requestId });
        return contact ? confirmed(contact.email) : over();
      },
    },
  ];
}

function confirmed(email: string): Shown {
  return {
    title: 'Confirmed',
    isNarrow: true,
    children: <MessageParts title="Confirmed." text={`We will send notices to ${email}. You can close this page.`} />,
  };
}
