/** Email over SMTP. Nothing is sent before LATCHKEY_SMTP_URL says where to. */
import type { Transporter } from 'nodemailer';

export interface Mail {
  to: { name: string; address: string };
  subject: string;
  text: string;
  html: string;
  /** The same whenever it is sent again, so that mail servers show one. */
  messageId: string;
  calendar?: { name: string; body: string } | undefined;
  /** Of what can be unsubscribed from. */
  isBulk?: boolean | undefined;
}

export type MailOutcome =
  | { isSent: true }
  | { isSent: false; status?: number | undefined; reason: string; isFinal: boolean };

export interface Mailer {
  send(mail: Mail): Promise<MailOutcome>;
  close(): void;
}

/** At a time. More would wait within the mailer, where their claim may end before they are sent. */
export const CONNECTIONS = 4;
const TIMEOUT_MS = 20_000;

export function createMailer(settings: { url: string; from: string; replyTo?: string | undefined }): Mailer {
  const { from, replyTo } = settings;
  const url = new URL(settings.url);
  const options = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (url.protocol === 'smtps:' ? 465 : 587),
    secure: url.protocol === 'smtps:',
    ...(url.username !== '' && {
      auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) },
    }),
    pool: true,
    maxConnections: CONNECTIONS,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
  let opening: Promise<Transporter> | undefined;
  /** Loaded with the first email, so that a start need not wait for it. */
  const transport = () => {
    opening ??= import('nodemailer').then(({ createTransport }) => createTransport(options));
    return opening;
  };
  const unsubscribe = `<mailto:${addressOf(replyTo ?? from)}?subject=unsubscribe>`;

  return {
    async send({ to, subject, text, html, messageId, calendar, isBulk = false }) {
      try {
        await (await transport()).sendMail({
          from,
          to,
          ...(replyTo !== undefined && { replyTo }),
          subject,
          text,
          html,
          messageId: `<${messageId}@${addressOf(from).split('@')[1] ?? 'localhost'}>`,
          headers: { 'Auto-Submitted': 'auto-generated', ...(isBulk && { 'List-Unsubscribe': unsubscribe }) },
          ...(calendar && {
            attachments: [
              { filename: calendar.name, content: calendar.body, contentType: 'text/calendar; method=PUBLISH' },
            ],
          }),
        });
        return { isSent: true };
      } catch (error) {
        const { responseCode: status, code } = error as { responseCode?: number; code?: string };
        // What the server said is left out: it may repeat the login.
        const reason =
          status === undefined ? `the mail server could not be reached (${code ?? 'unknown'})` : `answered ${status}`;
        // A refused login is ours to fix, and no fault of the address.
        const isFinal = status !== undefined && status >= 500 && code !== 'EAUTH';
        return { isSent: false, status, reason, isFinal };
      }
    },
    close: () => void opening?.then((opened) => opened.close()),
  };
}

/** `Acme <noreply@acme.example>` or the address alone. */
export function addressOf(mailbox: string): string {
  return /<([^<>]+)>\s*$/.exec(mailbox)?.[1] ?? mailbox.trim();
}
