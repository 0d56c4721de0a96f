import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import type { Page } from '../support/browser-session.ts';
import { createBehind, json } from '../support/gateway.ts';
import { type OperatorBrowser, signInOperator } from '../support/operator-browser.ts';

const SECRET = 'Bearer s3cret-of-the-scim-server';

describe('the SCIM server of a directory, on its page', () => {
  const app = runApp({ realClock: systemClock });
  let owner: OperatorBrowser;
  const behind = createBehind(() => app);
  before(async () => {
    owner = await signInOperator(app);
  });
  after(async () => {
    await behind.close();
  });

  const pathOf = ({ id }: Answer) => `/directories/${id}`;
  const stateOf = async (directory: Answer): Promise<Answer> => (await app.api.get(pathOf(directory))).body;
  /** What the form shows, as a browser sends it back. */
  const shownIn = ({ html }: Page) =>
    Object.fromEntries(
      [...html.matchAll(/name="shown_(\w+)" value="([^"]*)"/g)].flatMap(([, name = '', value = '']) => [
        [`shown_${name}`, value],
        [name, value],
      ]),
    );
  async function change(directory: Answer, fields: Record<string, string>): Promise<Page> {
    const shown = shownIn(await owner.open(pathOf(directory)));
    return owner.send(pathOf(directory), { ...shown, ...fields });
  }

  it('is tested by a button, which tells what an IdP would stumble over', async () => {
    const good = await behind.http(json({ totalResults: 0, Resources: [] }));
    assert.match((await owner.open(pathOf(good.directory))).html, /Test the SCIM server/);
    const fine = await owner.send(`${pathOf(good.directory)}/test`);
    assert.equal(fine.status, 200);
    assert.match(fine.html, /responds as identity providers expect/);
    const odd = await behind.http(json({ totalResults: 3, Resources: [{ id: '1' }] }));
    const { html } = await owner.send(`${pathOf(odd.directory)}/test`);
    assert.match(html, /will have trouble with 4 responses/);
    assert.match(html, /would link the wrong person/);
    assert.match(html, /the query that Entra ID sends[\s\S]*the query that Okta sends/);
  });

  it('says that it stopped where the server refuses us, and leads to the credential by its one name', async () => {
    const { directory } = await behind.http(json({}, 401));
    const page = await owner.open(pathOf(directory));
    assert.match(page.html, /Credential for the SCIM server<\/dt>\s*<dd>Same as all directories \(none is sent\)/);
    assert.match(page.html, /<option value="inherited" selected>\s*Same as all directories \(none is sent\)/);
    const { html } = await owner.send(`${pathOf(directory)}/test`);
    assert.match(html, /The SCIM server refused our request\..*We stopped after the first request/s);
    assert.doesNotMatch(html, /1 response|upstream credential/);
    assert.match(html, /Check the credential for the SCIM server/);
    assert.match(html, /href="[^"]*\?change#scim-server">\s*Change the credential for the SCIM server/);
  });

  it('has no such button, and cannot be tested, without a URL', async () => {
    const directory = await app.api.makeDirectory();
    assert.doesNotMatch((await owner.open(pathOf(directory))).html, /Test the SCIM server/);
    assert.equal((await owner.send(`${pathOf(directory)}/test`)).status, 400);
  });

  it('is tested at once when its URL is saved, and not when only the name is', async () => {
    const { upstreamUrl, asked } = await behind.http(json({ totalResults: 0, Resources: [] }));
    const directory = await app.api.makeDirectory();
    const saved = await change(directory, { upstreamUrl });
    assert.match(saved.html, /Your change is saved\./);
    assert.match(saved.html, /responds as identity providers expect/);
    assert.equal((await stateOf(directory)).upstreamUrl, upstreamUrl);
    const before = asked.length;
    const renamed = await change(directory, { name: 'renamed' });
    assert.equal(renamed.url, `${app.url}/dashboard${pathOf(directory)}`);
    assert.equal(asked.length, before);
    const gone = await change(directory, { upstreamUrl: 'http://127.0.0.1:9' });
    assert.match(gone.html, /The SCIM server did not respond\.[\s\S]*is refusing connections/);
    const other = await behind.bytes(() => 'SSH-2.0-OpenSSH_9.6\r\n');
    const odd = await change(directory, { upstreamUrl: other.upstreamUrl });
    assert.match(odd.html, /The SCIM server’s response is not HTTP\.[\s\S]*should start with http or https/);
    assert.doesNotMatch(odd.html, /did not respond|no response|could not be reached/);
  });

  it('takes a header that is sent to it and never shown, and keeps it while its field is empty', async () => {
    const { asked, directory } = await behind.http(json({ totalResults: 0, Resources: [] }));
    const fields = { upstreamCredential: 'header', upstreamHeaderName: 'Authorization', upstreamHeaderValue: SECRET };
    const saved = await change(directory, fields);
    assert.equal(asked.at(-1)?.headers.authorization, SECRET);
    const again = await change(directory, { mapUris: '' });
    assert.equal((await stateOf(directory)).mapUris, false);
    const page = await owner.send(`${pathOf(directory)}/test`);
    assert.equal(asked.at(-1)?.headers.authorization, SECRET);
    for (const { html } of [saved, again, page, await owner.open(pathOf(directory))])
      assert.doesNotMatch(html, /s3cret/);
    const other = await change(directory, { upstreamHeaderName: 'X-Api-Key' });
    assert.equal(other.status, 400);
    assert.match(other.html, /Header value is empty/);
    const reserved = await change(directory, { ...fields, upstreamHeaderName: 'Cookie' });
    assert.equal(reserved.status, 400);
    assert.match(reserved.html, /Cookie is a header that the gateway sets itself/);
    assert.doesNotMatch(reserved.html, /s3cret/);
    await change(directory, { upstreamCredential: 'inherited' });
    await owner.send(`${pathOf(directory)}/test`);
    assert.equal(asked.at(-1)?.headers.authorization, undefined);
  });

  it('may be at origins that an owner allows limited keys, and an admin cannot', async () => {
    const { body } = await app.api.post('/organizations', { name: 'Northwind' });
    const path = `/organizations/${body.id}`;
    const originsOf = async () => (await app.api.get(path)).body.upstreamOrigins ?? [];
    const fields = { name: 'Northwind', shown_name: 'Northwind', shown_upstreamOrigins: '', shown_externalId: '' };
    const wrong = await owner.send(path, { ...fields, upstreamOrigins: 'https://a.example/scim' });
    assert.equal(wrong.status, 400);
    assert.match(wrong.html, /https:\/\/a\.example\/scim is not an origin/);
    await owner.send(path, { ...fields, upstreamOrigins: 'https://a.example\r\nhttps://b.example:8443\r\n' });
    assert.deepEqual(await originsOf(), ['https://a.example', 'https://b.example:8443']);
    const admin = await signInOperator(app, 'admin');
    assert.doesNotMatch((await admin.open(path)).html, /name="upstreamOrigins"/);
    await admin.send(path, { ...fields, upstreamOrigins: 'https://c.example' });
    assert.equal((await originsOf()).length, 2);
    await owner.send(path, { ...fields, shown_upstreamOrigins: 'https://a.example', upstreamOrigins: '' });
    assert.deepEqual(await originsOf(), []);
  });
});
