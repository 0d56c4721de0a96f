/** What waits for a person waits in the browser: an anonymous caller writes nothing to the store, and cannot make up a request. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Collection, Identified, Storage } from '../../src/storage/index.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { consentsAt } from '../support/consents.ts';
import { welcomeItContact } from '../support/it-contact.ts';
import { eventsOf, makeClient, type OauthClient } from '../support/oauth-client.ts';
import { sendRaw } from '../support/raw-request.ts';

const KIB = 1024;
const WRITES = ['insert', 'update', 'accumulate', 'remove', 'removeBy'];

/** Names each write as `collection.operation`. */
function countingWrites(written: string[]): (storage: Storage) => Storage {
  return (storage) => ({
    ...storage,
    collection(spec) {
      const real = storage.collection(spec) as unknown as Record<string, (...given: unknown[]) => unknown>;
      const wrapped = Object.fromEntries(
        Object.entries(real).map(([operation, work]) => [
          operation,
          (...given: unknown[]) => {
            if (WRITES.includes(operation)) written.push(`${spec.name}.${operation}`);
            return work(...given);
          },
        ]),
      );
      return wrapped as unknown as Collection<Identified> as never;
    },
  });
}

describe('an authorization request that waits for a person', () => {
  const written: string[] = [];
  const app = runApp({ wrapStorage: countingWrites(written) });
  let directory: Answer;
  let client: OauthClient;
  before(async () => {
    directory = await app.api.makeDirectory();
    client = await makeClient(app, { directoryId: directory.id });
  });

  const { addressOf, codeOf } = consentsAt(() => app);
  const pathOf = (fields: Record<string, string>) => addressOf(client, fields).slice(app.url.length);
  const told = async (subReason: string) =>
    (await eventsOf(app, 'connection.refused')).filter(({ data }) => data.subReason === subReason);

  it('writes nothing to the store, however often it comes and however long it is', async () => {
    // The event of the client that was made is told after its answer.
    await app.app.settled();
    await eventsOf(app, 'connection.requested');
    written.length = 0;
    for (let turn = 0; turn < 60; turn++) {
      const { status } = await sendRaw(app.url, { path: pathOf({ state: `${turn}`.padEnd(2 * KIB, 'x') }) });
      assert.equal(status, 303);
    }
    assert.equal(written.length, 0, written.join());
    const events = (await eventsOf(app, 'connection.requested')).filter(({ data }) => data.clientId === client.id);
    assert.deepEqual(
      events.map(({ data }) => data.count),
      [60],
      'told as one event with a count',
    );
    // The event, and what is concluded from it: as much for sixty requests as for one.
    assert.deepEqual(
      written.filter((write) => write.endsWith('.insert') || write.startsWith('oauth_')),
      [],
    );
    assert.ok(written.length < 10, written.join());
  });

  it('writes nothing more when it is opened, or when somebody without a session wants to decide it', async () => {
    const asked = await sendRaw(app.url, { path: pathOf({}) });
    const cookie = [asked.headers['set-cookie']].flat().map((line) => line?.split(';')[0]);
    const path = String(asked.headers['location']);
    written.length = 0;
    const headers = { Cookie: cookie.join('; '), Origin: app.url };
    assert.equal((await sendRaw(app.url, { path, headers })).status, 200);
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const sent = { method: 'POST', path, headers: { ...headers, ...form }, body: 'decision=allow' };
    assert.equal((await sendRaw(app.url, sent)).status, 200);
    assert.equal(written.length, 0, written.join());
  });

  it('may have a state of 2 KiB and no longer one, and is told at the directory of its client', async () => {
    const { status, text } = await sendRaw(app.url, { path: pathOf({ state: 'x'.repeat(2 * KIB + 1) }) });
    assert.equal(status, 400);
    assert.match(text, /longer than 2 KiB/);
    const [event] = await told('state_too_long');
    assert.deepEqual([event?.directoryId, event?.data.clientId], [directory.id, client.id]);
  });

  it('may be 8 KiB long in all, by GET and by POST', async () => {
    const long = { login_hint: 'x'.repeat(8 * KIB) };
    assert.equal((await sendRaw(app.url, { path: pathOf(long) })).status, 400);
    const body = addressOf(client, long).split('?')[1] ?? '';
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const posted = await sendRaw(app.url, { method: 'POST', path: '/oauth/authorize', headers, body });
    assert.equal(posted.status, 400);
    assert.equal((await told('request_too_long'))[0]?.data.count, 2);
    const short = await sendRaw(app.url, {
      method: 'POST',
      path: '/oauth/authorize',
      headers,
      body: addressOf(client, { login_hint: 'x'.repeat(7 * KIB) }).split('?')[1] ?? '',
    });
    assert.equal(short.status, 303, short.text);
  });

  for (const [name, state] of [
    ['marks that JSON escapes', '"\\'.repeat(KIB)],
    ['control characters', '\u0001'.repeat(2 * KIB)],
    ['letters of three bytes', '漢'.repeat(682)],
  ] as const) {
    it(`fits into its cookies with a state of 2 KiB of ${name}, and gives it back`, async () => {
      const contact = await welcomeItContact(app.url, app.api, directory.organizationId);
      // As it goes over the wire it may be longer than 8 KiB; the limit of the whole is then met first.
      const address = addressOf(client, { state });
      if (new URL(address).search.length > 8 * KIB) {
        assert.equal((await contact.browser.open(address)).status, 400);
        return;
      }
      const callback = await contact.allow(address);
      assert.equal(callback.searchParams.get('state'), state);
      assert.notEqual(codeOf(callback), '');
    });
  }

  it('keeps each cookie within what browsers keep, and to the pages of that one request', async () => {
    const { headers } = await sendRaw(app.url, { path: pathOf({ state: 'x'.repeat(2 * KIB) }) });
    const lines = [headers['set-cookie']].flat().filter((line) => line?.startsWith('latchkey_request'));
    assert.ok(lines.length >= 1);
    for (const line of lines) {
      assert.ok((line ?? '').length < 4096, `${line?.length}`);
      assert.match(line ?? '', /; *path=\/connect\/[\w-]+/i);
      assert.doesNotMatch(line ?? '', /xxxx/, 'sealed');
    }
  });

  it('cannot be made up, changed, or moved to another address', async () => {
    const contact = await welcomeItContact(app.url, app.api, directory.organizationId);
    const page = await contact.reachConsent(addressOf(client));
    const own = contact.browser.cookieFor(page.url);
    const other = await contact.reachConsent(addressOf(client, { state: 'other' }));
    const path = new URL(page.url).pathname;
    const read = async (cookie: string, at = path) =>
      (await sendRaw(app.url, { path: at, headers: { Cookie: cookie } })).status;
    assert.equal(await read(own), 200);
    const broken = own.replace(/latchkey_request=([^;]*)/, (_all, value: string) => {
      const last = value.slice(-3) === 'AAA' ? 'BBB' : 'AAA';
      return `latchkey_request=${value.slice(0, -3)}${last}`;
    });
    assert.equal(await read(broken), 410, 'changed');
    assert.equal(await read(own.replace(/latchkey_request=[^;]*/, 'latchkey_request=a.b.c.d')), 410, 'made up');
    assert.equal(await read(own.replace(/latchkey_request=[^;]*/, 'latchkey_request=x')), 410, 'no sealed text');
    assert.equal(await read(own, new URL(other.url).pathname), 410, 'of another request');
  });
});
