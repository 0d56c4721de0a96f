import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import { spawnLatchkey } from '../support/process.ts';

describe('latchkey mail test', () => {
  let server: MailServer;
  before(async () => {
    server = await startMailServer();
  });
  after(() => server.close());

  async function run(args: string[], env: Record<string, string>): Promise<{ code: number | null; output: string }> {
    const { child, output } = spawnLatchkey({ databaseUrl: 'file::memory:', args: ['mail', 'test', ...args], env });
    const code = await new Promise<number | null>((done) => child.once('close', done));
    return { code, output: output() };
  }

  it('sends one email, and says what the mail server made of it', async () => {
    const { code, output } = await run(['dana@acme.example'], server.env);
    assert.equal(code, 0, output);
    assert.match(output, /The mail server accepted a test email for dana@acme\.example\./);
    assert.deepEqual(
      server.mails.map(({ to, subject }) => [to, subject]),
      [['dana@acme.example', 'Email from Latchkey works.']],
    );
    assert.match(server.mails[0]?.html ?? '', /<h1/);

    server.refuses.set('gone@acme.example', 550);
    const refused = await run(['gone@acme.example'], server.env);
    assert.deepEqual([refused.code, /Not sent: answered 550\./.test(refused.output)], [1, true], refused.output);
  });

  it('says what is missing where email is off or no address was given', async () => {
    const off = await run(['dana@acme.example'], {});
    assert.equal(off.code === 0, false);
    assert.match(off.output, /email is off\. To turn it on, set LATCHKEY_SMTP_URL and LATCHKEY_MAIL_FROM/);
    const nobody = await run(['nobody'], server.env);
    assert.match(nobody.output, /expected one email address/);
  });
});
