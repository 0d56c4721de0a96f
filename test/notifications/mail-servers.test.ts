/** Mail servers that misbehave: each attempt ends, in time for its claim, and says what happened. */
import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createMailer } from '../../src/notifications/index.ts';

const MAIL = {
  to: { name: 'Kim', address: 'kim@contoso.example' },
  subject: 'A token expires',
  text: 'It expires in 7 days.',
  html: '<p>It expires in 7 days.</p>',
  messageId: 'msg_1',
};

/** What it answers to a command, by the first word of it; `END` is the end of the message. */
type Manner = (command: string, socket: Socket) => string | undefined;

const polite: Manner = (command) =>
  ({ EHLO: '250 hello', MAIL: '250 ok', RCPT: '250 ok', DATA: '354 go on', END: '250 taken', QUIT: '221 bye' })[
    command
  ] ?? '250 ok';

async function startServer(t: TestContext, manner: Manner, greeting: string | undefined = '220 here') {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    seen.push('CONNECT');
    if (greeting !== undefined) socket.write(`${greeting}\r\n`);
    let text = '';
    let isData = false;
    socket.on('data', (chunk) => {
      text += chunk.toString();
      for (let end = text.indexOf(isData ? '\r\n.\r\n' : '\r\n'); end !== -1; ) {
        const command = isData ? 'END' : (text.slice(0, end).split(/[\s:]/)[0] ?? '').toUpperCase();
        text = text.slice(end + (isData ? 5 : 2));
        seen.push(command);
        isData = command === 'DATA';
        const answer = manner(command, socket);
        if (answer !== undefined) socket.write(`${answer}\r\n`);
        end = text.indexOf(isData ? '\r\n.\r\n' : '\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const mailer = createMailer({
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    from: 'Acme <noreply@acme.example>',
    timeoutMs: 1500,
  });
  t.after(() => mailer.close());
  return { mailer, seen, count: (command: string) => seen.filter((one) => one === command).length };
}

describe('a mail server', () => {
  it('that takes the message ends the attempt', async (t) => {
    const { mailer, count } = await startServer(t, polite);
    assert.deepEqual(await mailer.send(MAIL), { isSent: true });
    assert.equal(count('END'), 1);
  });

  it('that accepts the connection and says nothing is given up', async (t) => {
    const { mailer, seen } = await startServer(t, () => undefined, '');
    const outcome = await mailer.send(MAIL);
    assert.ok(!outcome.isSent && !outcome.isFinal);
    assert.equal(outcome.reason, 'the mail server could not be reached (ETIMEDOUT)');
    assert.deepEqual(seen, ['CONNECT']);
  });

  it('that says something again and again, and never answers, is given up all the same', async (t) => {
    const { mailer } = await startServer(t, (command, socket) => {
      if (command !== 'END') return polite(command, socket);
      const more = setInterval(() => socket.write('250-wait\r\n'), 50);
      socket.on('close', () => clearInterval(more));
      return undefined;
    });
    const outcome = await mailer.send(MAIL);
    assert.ok(!outcome.isSent && !outcome.isFinal);
    assert.match(outcome.reason, /took too long/);
  });

  it('that closes after the message has gone to it gets it once in this attempt, since it may have taken it', async (t) => {
    const { mailer, count } = await startServer(t, (command, socket) => {
      if (command !== 'END') return polite(command, socket);
      socket.destroy();
      return undefined;
    });
    const outcome = await mailer.send(MAIL);
    assert.ok(!outcome.isSent && !outcome.isFinal);
    assert.equal(count('END'), 1);
  });

  it('that closes while it is told to whom is asked again later, not at once', async (t) => {
    const { mailer, count } = await startServer(t, (command, socket) => {
      if (command !== 'RCPT') return polite(command, socket);
      socket.destroy();
      return undefined;
    });
    const outcome = await mailer.send(MAIL);
    assert.ok(!outcome.isSent && !outcome.isFinal);
    assert.ok(count('CONNECT') <= 2, `${count('CONNECT')} connections`);
  });

  it('that refuses the address for good is told from one that is full, or does not want us', async (t) => {
    const answers: [string, string, boolean][] = [
      ['RCPT', '421 closing', false],
      ['RCPT', '452 4.2.2 mailbox full', false],
      ['RCPT', '550 no such user', true],
      ['RCPT', '550 5.1.1 no such user', true],
      ['RCPT', '550 5.2.1 mailbox disabled', true],
      ['END', '550 5.1.1 no such user', true],
      ['RCPT', '554 5.7.1 relay access denied', false],
      ['RCPT', '530 authentication required', false],
      ['MAIL', '550 sender not allowed', false],
      ['MAIL', '550 5.1.8 bad sender', false],
      ['END', '554 this looks like spam', false],
      ['END', '552 5.3.4 message too big', false],
    ];
    for (const [at, answer, isFinal] of answers) {
      const { mailer } = await startServer(t, (command, socket) => (command === at ? answer : polite(command, socket)));
      const status = Number(answer.slice(0, 3));
      const outcome = await mailer.send(MAIL);
      assert.deepEqual(outcome, { isSent: false, status, reason: `answered ${status}`, isFinal }, `${at}: ${answer}`);
    }
  });
});
