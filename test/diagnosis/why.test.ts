/** A refusal carries a code that leads to its explanation, and tells nothing to those who may not see it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { flush, makeWorld, OKTA_AGENT } from '../support/diagnosed.ts';

describe('the code of a refusal', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000', LATCHKEY_FAILURES_PER_DIRECTORY: '100000' } });

  async function detailOf(key: string, authorization: string, agent = OKTA_AGENT): Promise<string> {
    const headers = { authorization, 'user-agent': agent };
    const response = await fetch(`${app.url}/scim/v2/${key}/Users`, { headers });
    return ((await response.json()) as Answer).detail;
  }
  const codeIn = (detail: string) => /\/why\/([0-9A-Z]{8}) \(\1\)\./.exec(detail)?.[1] ?? '';

  it('opens the diagnosis of that moment, though it works by now, for those who see the directory', async () => {
    const { directory, credential } = await makeWorld(app);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    const fresh = await app.api.issue(directory.id);
    const { token } = await app.api.issue(directory.id);
    app.clock.advance(MINUTE);
    const detail = await detailOf(directory.endpointKey, `Bearer ${token.slice(0, 20)}`);
    const code = codeIn(detail);
    assert.notEqual(code, '', detail);
    await flush(app);
    await app.app.settled();
    app.clock.advance(HOUR);
    await detailOf(directory.endpointKey, `Bearer ${fresh.token}`);
    await flush(app);
    const { status, body } = await app.api.get(`/why/${code.toLowerCase()}`);
    assert.equal(status, 200);
    assert.deepEqual([body.directoryId, body.findings[0].code], [directory.id, 'token_truncated']);
    const key = (
      await app.api.post('/api-keys', { name: 'x', role: 'viewer', organizationId: directory.organizationId })
    ).body.key;
    assert.equal((await app.api.as(key).get(`/why/${code}`)).status, 200);
    const other = await makeWorld(app);
    const limited = (
      await app.api.post('/api-keys', { name: 'x', role: 'viewer', organizationId: other.directory.organizationId })
    ).body.key;
    assert.equal((await app.api.as(limited).get(`/why/${code}`)).status, 404);
    assert.equal((await app.api.get('/why/ZZZZZZZZ')).status, 404);
    assert.equal((await app.api.get('/why/..%2f')).status, 404);
    app.clock.advance(31 * DAY);
    assert.equal((await app.api.get(`/why/${code}`)).status, 404);
  });

  it('is the same whatever was presented, by whom, and whether the directory exists', async () => {
    const { directory, token, credential } = await makeWorld(app);
    const details = new Set<string>();
    const add = async (authorization: string, agent?: string) =>
      details.add((await detailOf(directory.endpointKey, authorization, agent)).replace(/Request ID: .*/, ''));
    await add('Bearer something');
    await add('Basic eDp5');
    await add('Bearer scim_abc', 'a scanner');
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    await add(`Bearer ${token}`);
    assert.equal(details.size, 1);
    assert.match(await detailOf('there-is-no-such-one', 'Bearer something'), /\/why\/[0-9A-Z]{8} /);
    app.clock.advance(DAY);
    await add('Bearer something');
    assert.equal(details.size, 2);
  });

  it('leads nowhere for what a stranger was refused, and stands in no answer without a credential', async () => {
    const { directory, send, token } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await flush(app);
    const code = codeIn(await detailOf(directory.endpointKey, 'Bearer something', 'a scanner'));
    await flush(app);
    await app.app.settled();
    assert.equal((await app.api.get(`/why/${code}`)).status, 404);
    const response = await fetch(`${app.url}/scim/v2/${directory.endpointKey}/Users`);
    assert.ok(!((await response.json()) as Answer).detail.includes('/why/'));
  });

  it('opens one page for everybody, and from there the directory for its IT contact alone', async () => {
    const { directory, token } = await makeWorld(app);
    const code = codeIn(await detailOf(directory.endpointKey, `Bearer ${token.slice(0, 20)}`));
    await flush(app);
    await app.app.settled();
    const open = async (one: string) => {
      const response = await fetch(`${app.url}/why/${one}`);
      assert.equal(response.status, 200);
      return (await response.text()).replaceAll(one, 'CODE').replace(/data-now="[^"]*"/, '');
    };
    assert.equal(await open(code), await open('ZZZZZZZZ'));
    // Cut to length, the last character is half of one.
    const cut = await fetch(`${app.url}/why/${'A'.repeat(19)}${encodeURIComponent('😀')}`);
    assert.equal(cut.status, 200);
    const enter = async (organizationId: string) => {
      const browser = createBrowserSession(app.url);
      const { url } = (await app.api.post('/portal-links', { organizationId })).body;
      await browser.submit(await browser.open(url), {});
      return browser.open(`${app.url}/portal/why/${code}`);
    };
    const own = await enter(directory.organizationId);
    assert.ok(own.url.startsWith(`${app.url}/portal/directories/${directory.id}?at=`), own.url);
    const other = await makeWorld(app);
    assert.equal((await enter(other.directory.organizationId)).status, 404);
    assert.equal((await fetch(`${app.url}/portal/why/${code}`)).status, 401);
  });
});
