/** Ends that no event notified about: of what was there before, and of certificates of uploaded keys. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { createFaultyStorage } from '../support/faulty-storage.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';

describe('ends', () => {
  let app: TestApp;
  let server: MailServer;

  before(async () => {
    server = await startMailServer();
    app = await startApp({ env: { ...server.env, LATCHKEY_LEASE_MS: '0' } });
    await app.api.post('/operators', { name: 'Dana', email: 'dana@acme.example', role: 'owner' });
    await app.api.post('/operators', { name: 'Vic', email: 'vic@acme.example', role: 'viewer' });
  });
  after(async () => {
    await app.close();
    await server.close();
  });

  async function run(): Promise<void> {
    for (const name of ['notices', 'deliveries']) await app.app.rounds.find((round) => round.name === name)?.run();
    await app.app.settled();
  }

  it('that were there before endings were kept are found once, and owners are told where nobody confirmed', async () => {
    const directory = await app.api.makeDirectory();
    const expiresAt = new Date(app.clock.now().getTime() + 20 * DAY).toISOString();
    const { credential } = await app.api.issue(directory.id, { label: 'from before', expiresAt });
    await app.app.settled();
    // As an earlier release left it: the credential, and nothing beside it.
    const endings = app.storage.collection({
      name: 'endings',
      shape: { createdAt: 'date' },
      keys: { ownerId: 'index' },
      order: 'createdAt',
    });
    assert.ok(await endings.remove(credential.id));
    const listed = async () => (await app.app.notifications.endingSoon(directory.organizationId, 10)).endings.length;
    assert.equal(await listed(), 0);
    await run();
    assert.equal(await listed(), 1);
    await run();
    assert.equal(await listed(), 1);
    app.clock.advance(6 * DAY);
    await run();
    app.clock.advance(DAY);
    await run();
    assert.deepEqual(
      server.mails.map(({ to }) => to),
      ['dana@acme.example'],
    );
    const [mail] = server.mails;
    assert.match(mail?.subject ?? '', /Access token \(from before\) expires in 14 days/);
    assert.match(mail?.text ?? '', /You're getting this because you're an owner, and no contact has confirmed/);
  });

  it('that were found before their event was heard miss no stage that came in between', async (t) => {
    const faulty = createFaultyStorage();
    const late = await startApp({ env: { ...server.env, LATCHKEY_LEASE_MS: '0' }, wrapStorage: faulty.wrap });
    t.after(() => late.close());
    await late.api.post('/operators', { name: 'Lee', email: 'lee@acme.example', role: 'owner' });
    const directory = await late.api.makeDirectory();
    await late.app.settled();
    const round = async (...names: string[]) => {
      for (const name of names) await late.app.rounds.find((one) => one.name === name)?.run();
      await late.app.settled();
    };
    // The token is issued; whoever should hear of it can't write.
    faulty.failAll({
      before(operation) {
        if (operation.endsWith('of endings')) throw new Error('a fault of the test');
      },
    });
    const expiresAt = new Date(late.clock.now().getTime() + 7 * DAY + HOUR).toISOString();
    await late.api.issue(directory.id, { label: 'heard late', expiresAt });
    await late.app.settled();
    faulty.failAll(null);
    late.clock.advance(2 * HOUR);
    await round('notices');
    await round('recovery', 'notices', 'deliveries');
    late.clock.advance(MINUTE);
    await round('notices', 'deliveries');
    const told = server.mails.filter(({ to }) => to === 'lee@acme.example').map(({ subject }) => subject);
    assert.equal(told.length, 1, told.join());
    assert.match(told[0] ?? '', /\(heard late\) expires in 7 days/);
  });

  it('of certificates in a client’s keys are told, and not where another key lasts longer', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-certificate-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const certified = (days: number): Answer => {
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
      writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
      // The clock of the tests is a day ahead at least.
      const asked = [
        'req',
        '-x509',
        '-new',
        '-key',
        key,
        '-subj',
        '/CN=idp',
        '-days',
        String(days),
        '-out',
        certificate,
      ];
      execFileSync('openssl', asked, { stdio: 'ignore' });
      const x5c = [readFileSync(certificate, 'utf8').replace(/-----[^-]+-----|\s/g, '')];
      return { ...publicKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: `${days}`, x5c };
    };
    const directory = await app.api.makeDirectory({ provider: 'generic' });
    const client = async (name: string, keys: Answer[]) => {
      const { status, body } = await app.api.post('/clients', {
        name,
        provider: 'generic',
        directoryId: directory.id,
        grantTypes: ['client_credentials'],
        tokenEndpointAuthMethod: 'private_key_jwt',
        jwks: { keys },
      });
      assert.equal(status, 201, JSON.stringify(body));
    };
    await client('alone', [certified(25)]);
    await client('followed', [certified(25), certified(600)]);
    await app.app.settled();
    const { endings } = await app.app.notifications.endingSoon(directory.organizationId, 10);
    assert.deepEqual(endings.map(({ kind, name }) => `${kind} ${name}`).sort(), [
      'client_key alone',
      'client_key followed',
    ]);
    server.mails.length = 0;
    const [first] = endings;
    app.clock.advance((first?.endsAt.getTime() ?? 0) - app.clock.now().getTime() - 6.5 * DAY);
    await run();
    assert.deepEqual(
      server.mails.flatMap(({ text }) =>
        [...text.matchAll(/Client key certificate \((\w+)\)/g)].map(([, name]) => name),
      ),
      ['alone'],
    );
  });
});
