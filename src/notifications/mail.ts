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

/** What the mailer knows of a server that did not take an email. */
interface Refusal {
  responseCode?: number;
  /** The server's answer. */
  response?: string;
  command?: string;
  code?: string;
}

/** At a time. More would wait within the mailer, where their claim may end before they are sent. */
export const CONNECTIONS = 4;
/** Without a word of the server. */
const TIMEOUT_MS = 20_000;
/** However much it says, an attempt ends well before its claim does. */
const ATTEMPT_TIMEOUTS = 2;

export function createMailer(settings: {
  url: string;
  from: string;
  replyTo?: string | undefined;
  timeoutMs?: number;
}): Mailer {
  const { from, replyTo, timeoutMs = TIMEOUT_MS } = settings;
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
    // A server that closed may have taken the message: when it is tried again is for our queue to say.
    maxRequeues: 0,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
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
      const opened = await transport();
      const signal = AbortSignal.timeout(timeoutMs * ATTEMPT_TIMEOUTS);
      try {
        await opened.sendMail({
          signal,
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
        const refusal = error as Refusal;
        const { responseCode: status, code } = refusal;
        // What the server said is left out: it may repeat the login.
        const reason = signal.aborted
          ? 'the mail server took too long'
          : status === undefined
            ? `the mail server could not be reached (${code ?? 'unknown'})`
            : `answered ${status}`;
        return { isSent: false, status, reason, isFinal: isAddressRefused(refusal) };
      }
    },
    close: () => void opening?.then((opened) => opened.close()),
  };
}

/**
 * Whether the address itself is refused for good (RFC 5321 4.2.1, RFC 3463). A login, a sender or a message that is refused is ours to fix, and
 * so is a server that does not relay for us: none of them may cut a contact off.
 */
function isAddressRefused({ responseCode = 0, response = '', command, code }: Refusal): boolean {
  if (responseCode < 500 || responseCode === 530 || code === 'EAUTH') return false;
  const [, subject, detail] = /^\d{3}[ -]5\.(\d{1,3})\.(\d{1,3})\b/.exec(response) ?? [];
  if (subject === undefined) return command === 'RCPT TO';
  // 5.1.7 and 5.1.8 are about the sender; 5.2.1 is a mailbox that takes nothing any more.
  return (subject === '1' && detail !== '7' && detail !== '8') || (subject === '2' && detail === '1');
}

/** `Acme <noreply@acme.example>` or the address alone. */
export function addressOf(mailbox: string): string {
  return /<([^<>]+)>\s*$/.exec(mailbox)?.[1] ?? mailbox.trim();
}
