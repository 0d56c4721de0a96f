/** Deleting organizations: one operation for the API and the dashboard, with one wait. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Collection, Identified } from '../../src/storage/index.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { type OperatorBrowser, signInOperator } from '../support/operator-browser.ts';

const LEASE_MS = 1000;

describe('deleting an organization', () => {
  let app: TestApp;
  let owner: OperatorBrowser;
  /** Runs before the record of an organization is removed. */
  let meanwhile: (() => Promise<unknown>) | undefined;
  before(async () => {
    app = await startApp({
      env: { LATCHKEY_LEASE_MS: String(LEASE_MS) },
      wrapStorage: (storage) => ({
        ...storage,
        collection: ((spec: Parameters<typeof storage.collection>[0]) => {
          const collection = storage.collection(spec) as unknown as Collection<Identified>;
          if (spec.name !== 'organizations') return collection;
          return {
            ...collection,
            async remove(id: string) {
              const work = meanwhile;
              meanwhile = undefined;
              await work?.();
              return collection.remove(id);
            },
          };
        }) as unknown as typeof storage.collection,
      }),
    });
    owner = await signInOperator(app);
  });
  after(() => app.close());

  async function makeOrganization(directories: number): Promise<string> {
    const { organizationId } = await app.api.makeDirectory();
    for (let count = 1; count < directories; count++)
      await app.api.post('/directories', { organizationId, name: `Directory ${count}` });
    return organizationId;
  }

  const ways: [string, (id: string) => Promise<unknown>][] = [
    ['the API', (id) => app.api.delete(`/organizations/${id}?force=true`)],
    ['the dashboard', (id) => owner.send(`/organizations/${id}/delete`)],
  ];
  for (const [name, remove] of ways) {
    it(`by ${name} waits out one lease for 30 directories`, async () => {
      const id = await makeOrganization(30);
      const start = app.clock.monotonicMs();
      await remove(id);
      const tookMs = app.clock.monotonicMs() - start;
      assert.ok(tookMs >= LEASE_MS && tookMs < 2 * LEASE_MS, `${tookMs} ms`);
      assert.equal((await app.api.get(`/organizations/${id}`)).status, 404);
    });

    it(`by ${name} takes a directory that is made meanwhile, with its token`, async () => {
      const id = await makeOrganization(1);
      let late = { id: '', endpointUrl: '' };
      let token = '';
      meanwhile = async () => {
        late = (await app.api.post('/directories', { organizationId: id, name: 'Late' })).body;
        token = (await app.api.issue(late.id)).token;
      };
      await remove(id);
      assert.notEqual(token, '');
      assert.equal((await app.api.get(`/directories/${late.id}`)).status, 404);
      const asked = await fetch(`${late.endpointUrl}/Users`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(asked.status, 401);
    });
  }

  it('of credentials in use is asked about again where the page did not say so', async () => {
    const directory = await app.api.makeDirectory();
    const { credential, token } = await app.api.issue(directory.id);
    const path = `/credentials/${credential.id}/revoke`;
    const page = await owner.open(path);
    assert.match(page.html, /never been used/);
    assert.doesNotMatch(page.html, /name="inUse"/);
    await fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers: { authorization: `Bearer ${token}` } });
    const again = await owner.browser.submit(page, {});
    assert.equal(again.status, 409);
    assert.match(again.html, /used a moment ago/);
    assert.match(again.html, /name="inUse"/);
    assert.equal((await app.api.get(`/credentials/${credential.id}`)).body.state, 'active');
    const done = await owner.browser.submit({ ...again, url: page.url }, {});
    assert.equal(done.status, 200);
    assert.equal((await app.api.get(`/credentials/${credential.id}`)).body.state, 'revoked');
  });
});
