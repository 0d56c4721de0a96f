/** A real SMTP server that keeps what it takes. */
import type { AddressInfo } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

export interface ReceivedMail {
  to: string;
  subject: string;
  messageId: string;
  text: string;
  html: string;
  headers: ParsedMail['headers'];
  attachments: ParsedMail['attachments'];
}

export interface MailServer {
  url: string;
  mails: ReceivedMail[];
  /** Addresses that it refuses, each with the code that it answers. */
  refuses: Map<string, number>;
  /** Code for everything that comes, while it is set. */
  fails(code: number | undefined): void;
  env: Record<string, string>;
  close(): Promise<void>;
}

export async function startMailServer(): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  const refuses = new Map<string, number>();
  let failing: number | undefined;
  const refusal = (code: number) => Object.assign(new Error('not now'), { responseCode: code });
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo({ address }, _session, done) {
      const code = failing ?? refuses.get(address);
      done(code === undefined ? undefined : refusal(code));
    },
    onData(stream, session, done) {
      simpleParser(stream).then(
        ({ subject = '', messageId = '', text = '', html, headers, attachments }) => {
          const [to] = session.envelope.rcptTo;
          mails.push({ to: to?.address ?? '', subject, messageId, text, html: html || '', headers, attachments });
          done();
        },
        (error: Error) => done(error),
      );
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  const url = `smtp://127.0.0.1:${port}`;
  return {
    url,
    mails,
    refuses,
    fails(code) {
      failing = code;
    },
    env: {
      LATCHKEY_SMTP_URL: url,
      LATCHKEY_MAIL_FROM: 'Acme <noreply@acme.example>',
      LATCHKEY_MAIL_REPLY_TO: 'help@acme.example',
      LATCHKEY_BRAND_NAME: 'Acme',
      LATCHKEY_MAIL_PER_MINUTE: '100000',
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
