/** What an IT contact and an operator can do about a finding on its page, and see of the requests behind it. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { flush, makeWorld } from '../support/diagnosed.ts';
import { type Behind, createBehind, json } from '../support/gateway.ts';
import { signInOperator } from '../support/operator-browser.ts';

describe('the page of a directory in the portal', () => {
  const app = runApp();
  const behind = createBehind(() => app);
  after(async () => {
    await behind.close();
  });

  async function enter({ id, organizationId }: Answer) {
    const { url } = (await app.api.post('/portal-links', { organizationId })).body;
    const browser = createBrowserSession(app.url);
    await browser.submit(await browser.open(url), {});
    const address = `${app.url}/portal/directories/${id}`;
    const open = (below = '') => browser.open(address + below);
    return { open, press: async (below: string) => browser.submit({ ...(await open()), url: address + below }, {}) };
  }
  /** Who said so, by which way. */
  const settlementsOf = async (directoryId: string) => {
    const { items } = (await app.api.get(`/events?type=finding.settled&directoryId=${directoryId}`)).body;
    return items.map(({ data, actor, source }: Answer) => [data.how, actor.type, source, data.until]);
  };
  const pass = async (days: number) => {
    await flush(app);
    app.clock.advance(days * DAY);
  };

  it('has one row for each run of refusals, with its count and beginning, and one in the table', async () => {
    const { directory, send, token } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await flush(app);
    const failFor = async (hours: number) => {
      for (let hour = 0; hour < hours; hour++) {
        app.clock.advance(HOUR);
        await send(`Bearer ${token.slice(0, 30)}`);
        await flush(app);
      }
    };
    await failFor(5);
    await app.api.patch(`/directories/${directory.id}`, { name: 'Okta' });
    await failFor(3);
    const { open } = await enter(directory);
    const page = (await open()).html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
    const rows = page.match(/Refused: requests arrived with an incomplete token \d requests since/g);
    assert.deepEqual(
      rows?.map((row) => /\d/.exec(row)?.[0]),
      ['3', '5'],
    );
    assert.match(page, /Directory changed: name.*Refused: requests/);
    assert.equal(page.match(/Refused or failed Requests arrived with an incomplete token\. 8 requests\./g)?.length, 1);
  });

  it('leaves it to the vendor to revoke an API key that was pasted as the token', async () => {
    const { directory, send } = await makeWorld(app);
    await send(`Bearer ${(await app.api.post('/api-keys', { name: 'Provisioning', role: 'owner' })).body.key}`);
    await flush(app);
    const { html } = await (await enter(directory)).open();
    assert.match(html, /sending an API key where the token belongs/);
    assert.doesNotMatch(html, /[Rr]evoke (?:that|the API)|of yours|sign-in link/);
    const operator = await signInOperator(app);
    const page = await operator.open(`/directories/${directory.id}`);
    assert.match(page.html, /Someone else may have an API key of yours/);
  });

  it('tells each thing once in the table, and says where a time is known to the hour alone', async () => {
    let isDown = false;
    const { directory, ask } = await behind.http((request, response) =>
      json(isDown ? {} : { totalResults: 0, Resources: [] }, isDown ? 503 : 200)(request, response),
    );
    const look = async () => {
      await ask('/Users?count=1');
      await flush(app);
    };
    app.clock.advance(HOUR - (app.clock.now().getTime() % HOUR) + 600_000);
    await look();
    isDown = true;
    for (let hour = 0; hour < 3; hour++) {
      app.clock.advance(HOUR);
      await look();
    }
    app.clock.advance(HOUR / 2);
    const { html } = await (await enter(directory)).open();
    const [, table = ''] = /As a table(.*?)<\/table>/s.exec(html) ?? [];
    const rows = table
      .split('<tr>')
      .map((row) =>
        row
          .replace(/<[^>]+>/g, ' ')
          .replace(/\s+/g, ' ')
          .trim(),
      )
      .filter((row) => /failed|accepted|error|normal/.test(row));
    const hourOf = (ms: number) => new Date(app.clock.now().getTime() - ms).toISOString().slice(11, 14);
    const [first, last, begin, end] = [2.5, 0.5, 3.5, 2.5].map((hours) => hourOf(hours * HOUR));
    assert.equal(rows.length, 3, rows.join('\n'));
    const failed = rows.filter((row) => /error|failed/.test(row));
    assert.equal(failed.length, 1);
    assert.match(failed[0] ?? '', new RegExp(`^from .*${first}10 UTC to .*${last}10 UTC .*error\\. 3 requests\\.$`));
    assert.match(
      rows.find((row) => /normal response/.test(row)) ?? '',
      new RegExp(`^between .*${begin}00 UTC and .*${end}00 UTC SCIM server 1 normal response$`),
    );
  });

  it('takes the word that a silence is expected, and says nothing until it lasts longer', async () => {
    const { directory, send, token } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await pass(22);
    const { open, press } = await enter(directory);
    const page = (await open()).html;
    assert.match(page, /Unusually quiet\./);
    assert.match(page, /This is expected.*Mute for 30 days/s);
    const after = await press('/quiet');
    assert.equal(after.status, 200);
    assert.match(after.html, /Provisioning works\. There has been no recent activity\./);
    assert.doesNotMatch(after.html, /Unusually quiet|This is expected/);
    assert.deepEqual(await settlementsOf(directory.id), [['expected', 'it_contact', 'portal', undefined]]);
  });

  it('says nothing of a silence for 30 days where it is asked to, and again after them', async () => {
    const { directory, send, token } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await pass(22);
    const first = await enter(directory);
    assert.match((await first.press('/quiet?mute')).html, /Provisioning works\. There has been no recent activity\./);
    const until = new Date(app.clock.now().getTime() + 30 * DAY).toISOString();
    assert.deepEqual(await settlementsOf(directory.id), [['muted', 'it_contact', 'portal', until]]);
    await pass(31);
    const later = await enter(directory);
    assert.match((await later.open()).html, /Unusually quiet\./);
  });

  it('shows the request log where the vendor turned it on, as a page and as CSV', async () => {
    const its: Behind = await behind.http(json({ totalResults: 0, Resources: [] }));
    const { directory } = its;
    const operator = await signInOperator(app);
    const contact = await enter(directory);
    assert.equal((await contact.open('/requests')).status, 404);
    assert.equal((await contact.open('/requests.csv')).status, 404);
    assert.doesNotMatch((await contact.open()).html, /Request log/);
    assert.match((await operator.open(`/directories/${directory.id}/requests`)).html, /The log is off\./);
    const on = await operator.send(`/directories/${directory.id}/requests`);
    assert.match(on.html, /Bodies, filters and names are never stored/);
    await its.ask('/Users?filter=userName+eq+%22ada%40northwind.example%22');
    await app.app.rounds.find(({ name }) => name === 'request log')?.run();
    assert.match((await contact.open()).html, /Request log/);
    const { html } = await contact.open('/requests');
    assert.match(html, /<b>GET<\/b> <small>Look up users<\/small>/);
    assert.ok(html.includes(`…${its.credential.hint}`) && !html.includes('northwind.example'));
    // What was refused is in no log of accepted requests; each of the two leads to the other.
    assert.equal((await its.ask('/Users', { headers: { authorization: 'Bearer Bearer x' } })).status, 401);
    await flush(app);
    assert.match(html, /href="[^"]*\/audit\?type=refused">\s*Refused requests/);
    const refused = (await contact.open('/audit?type=refused')).html;
    assert.match(refused, /Refused: requests arrived with the word Bearer twice/);
    assert.doesNotMatch(refused, /was generated|Token …/);
    assert.match(refused, new RegExp(`href="/portal/directories/${directory.id}/requests">\\s*Request log`));
    const operators = (await operator.open(`/directories/${directory.id}/requests`)).html;
    assert.match(operators, new RegExp(`href="/dashboard/audit\\?directoryId=${directory.id}&amp;type=refused"`));
    const trail = (await operator.open(`/audit?directoryId=${directory.id}&type=refused`)).html;
    assert.match(trail, new RegExp(`href="/dashboard/directories/${directory.id}/requests">\\s*Request log`));
    const csv = await contact.open('/requests.csv');
    assert.match(csv.headers.get('content-disposition') ?? '', /attachment; filename="requests-/);
    const [head, row] = csv.html.split('\r\n');
    assert.equal(head, 'at,method,kind,outcome,status,durationMs,credentialId,requestId');
    assert.match(row ?? '', /,GET,look_up,ok,200,/);
    assert.equal((await (await enter((await makeWorld(app)).directory)).press('/requests')).status, 403);
  });
});
