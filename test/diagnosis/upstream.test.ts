/** A scenario for each finding behind the gateway: a SCIM server that fails in one way, and what is told of it. */
import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { HOUR } from '../support/clock.ts';
import { flush, makeWorld, textOf } from '../support/diagnosed.ts';
import { answer, ERROR, LIST, UPSTREAM_SCENARIOS } from '../support/upstream-scenarios.ts';

const redirect: RequestListener = (_request, response) =>
  response.writeHead(302, { location: 'https://login.example/sign-in?id=1' }).end();

describe('a SCIM server behind the gateway is explained', () => {
  const app = runApp();
  let server: Server;
  let behave: RequestListener = answer(200, LIST);
  let url: string;
  before(async () => {
    server = createServer((request, response) => behave(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/scim`;
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
  });

  async function arrange(fields: Record<string, unknown> = {}) {
    const world = await makeWorld(app, { upstreamUrl: url, ...fields });
    const send = async (method = 'GET', path = '/Users?count=1') => {
      const response = await fetch(`${world.directory.endpointUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/scim+json' },
        ...(method !== 'GET' && { body: '{}' }),
      }).catch(() => undefined);
      await response?.arrayBuffer().catch(() => undefined);
      app.clock.advance(1000);
      return response?.status;
    };
    return { ...world, request: send };
  }
  const first = async ({ diagnosis }: { diagnosis: () => Promise<Answer> }) => (await diagnosis()).findings[0];

  for (const [code, behaviour, says] of UPSTREAM_SCENARIOS) {
    it(`as ${code}, until it answers`, async () => {
      const world = await arrange();
      behave = behaviour;
      await world.request();
      const lead = await first(world);
      assert.equal(lead.code, code, JSON.stringify((await world.diagnosis()).findings.map((one: Answer) => one.code)));
      assert.equal(lead.actor, 'vendor');
      assert.match(textOf(lead), says);
      assert.doesNotMatch(textOf(lead), /undefined|\[object/);
      assert.ok(lead.words.steps.length > 0 && lead.evidence.length > 0);
      behave = answer(200, LIST);
      await world.request();
      const healed = (await world.diagnosis()).findings;
      // What was only slowed down is repeated by the identity provider.
      if (lead.severity !== 'failing') return assert.equal(healed[0].code, 'working');
      assert.deepEqual(
        healed.map((one: Answer) => one.code),
        ['healed_but_missed', 'working'],
      );
      assert.match(textOf(healed[0]), /1 request failed at the SCIM server: 1 read/);
      assert.equal(healed[1].facts.sees, 'gateway');
    });
  }

  it('with what to look for at the server first, where the same URL worked before', async () => {
    const world = await arrange();
    behave = answer(200, LIST);
    await world.request();
    for (const [behaviour, says] of [
      [answer(200, '<html></html>', 'text/html; charset=utf-8'), /content type text\/html\./],
      [redirect, /a 302, a redirect to login\.example\. .*status 302 and a redirect to login\.example\./],
    ] as const) {
      behave = behaviour;
      await world.request();
      const lead = await first(world);
      assert.match(lead.words.steps[0], /^Find out what changed at the SCIM server: the same URL worked before\./);
      assert.match(lead.words.steps[1], /^If it has another address now, choose “Change the URL”/);
      assert.match(textOf(lead), says);
    }
    behave = answer(200, LIST);
  });

  it('as working where it gives SCIM without a content type', async () => {
    behave = (_request, response) => response.writeHead(200).end(LIST);
    const world = await arrange();
    assert.equal(await world.request(), 200);
    assert.equal((await first(world)).code, 'working');
    behave = (_request, response) => response.writeHead(200).end('<p>Hello</p>');
    await world.request();
    assert.equal((await first(world)).code, 'upstream_not_scim');
  });

  it('as wrong_path where the URL at the identity provider ends in /Users, and not as a fault of the server', async () => {
    behave = (request, response) =>
      /\/Users\/Users/.test(request.url ?? '')
        ? answer(404, ERROR(404, 'x'))(request, response)
        : answer(200, LIST)(request, response);
    const world = await arrange({ provider: 'okta' });
    await world.request('GET', '/Users/Users?count=1');
    const lead = await first(world);
    assert.deepEqual([lead.code, lead.severity, lead.actor], ['wrong_path', 'failing', 'it_contact']);
    assert.match(textOf(lead), /added again, such as \/Users.*There were no other requests.*SCIM connector base URL/);
    await world.request();
    assert.equal((await world.diagnosis()).findings.at(-1).code, 'working');
  });

  for (const path of ['/scim/v2/Users', '/v2/Users', '/scim/v2/acme/Groups', '/Groups/Groups', '/scim/Schemas']) {
    it(`as wrong_path where a base path is added again: ${path}`, async () => {
      behave = answer(404, ERROR(404, 'x'));
      const world = await arrange({ provider: 'okta' });
      await world.request('GET', `${path}?count=1`);
      assert.equal((await first(world)).code, 'wrong_path');
      assert.match(textOf(await first(world)), /\/scim\/v2/);
    });
  }

  it('as failing since it began, with all that failed, though each request was accepted', async () => {
    const world = await arrange();
    behave = answer(201, LIST);
    await world.request('POST', '/Users');
    await world.request();
    await flush(app);
    app.clock.advance(HOUR);
    const began = app.clock.now().toISOString();
    behave = answer(404, ERROR(404, 'x'));
    for (let hour = 0; hour < 3; hour++) {
      await world.request();
      await world.request('PATCH', '/Users/1');
      await flush(app);
      app.clock.advance(HOUR);
    }
    const { code, severity, since, facts } = await first(world);
    assert.deepEqual([code, severity, since, facts.count], ['upstream_wrong_base', 'failing', began, 3]);
    behave = answer(200, LIST);
  });

  it('as failing since it began, whatever single resources are not there meanwhile', async () => {
    const world = await arrange();
    behave = answer(200, LIST);
    await world.request();
    const answered = app.clock.now().getTime() - 1000;
    app.clock.advance(HOUR);
    const began = app.clock.now().toISOString();
    behave = answer(404, ERROR(404, 'x'));
    for (let hour = 0; hour < 3; hour++) {
      await world.request();
      await world.request('GET', '/Users/1');
      await flush(app);
      app.clock.advance(HOUR);
    }
    await world.request('GET', '/Users/1');
    await world.request();
    const { code, since, facts } = await first(world);
    assert.deepEqual(
      [code, since, facts.count, Date.parse(facts.answeredAt)],
      ['upstream_wrong_base', began, 4, answered],
    );
    behave = answer(200, LIST);
  });

  it('as failing since it began again, where it answered in between', async () => {
    const world = await arrange();
    behave = answer(500, ERROR(500, 'x'));
    await world.request();
    await flush(app);
    behave = answer(200, LIST);
    await world.request();
    const answered = app.clock.now().getTime() - 1000;
    behave = answer(500, ERROR(500, 'x'));
    await world.request();
    const { code, since, facts } = await first(world);
    assert.deepEqual([code, Date.parse(facts.answeredAt)], ['upstream_failing', answered]);
    assert.equal(Date.parse(since), answered + 1000);
    behave = answer(200, LIST);
  });

  it('with the first failure and the latest one as evidence, whatever kinds of requests failed', async () => {
    const world = await arrange();
    behave = answer(500, ERROR(500, 'x'));
    await world.request('PATCH', '/Users/1');
    for (let hour = 0; hour < 5; hour++) {
      for (const method of ['GET', 'POST']) await world.request(method, '/Users');
      await flush(app);
      app.clock.advance(HOUR);
    }
    await world.request('DELETE', '/Users/1');
    const { evidence } = await first(world);
    const query = `directoryId=${world.directory.id}&type=upstream.failed&limit=50`;
    const { items } = (await app.api.get(`/events?${query}`)).body;
    const events = evidence.map((id: string) => items.find((event: Answer) => event.id === id).data.method);
    assert.deepEqual([events.length, events[0], events.at(-1)], [6, 'PATCH', 'DELETE']);
    behave = answer(200, LIST);
  });

  it('as wrong_path since the URL was changed, with all that failed', async () => {
    behave = (request, response) =>
      /\/Users\/Users/.test(request.url ?? '')
        ? answer(404, ERROR(404, 'x'))(request, response)
        : answer(200, LIST)(request, response);
    const world = await arrange({ provider: 'okta' });
    await world.request('GET', '/Users/Users?count=1');
    await world.request();
    await flush(app);
    app.clock.advance(HOUR);
    const began = app.clock.now().toISOString();
    for (let hour = 0; hour < 3; hour++) {
      await world.request('GET', '/Users/Users?count=1');
      await flush(app);
      app.clock.advance(HOUR);
    }
    const { code, since, facts } = await first(world);
    assert.deepEqual([code, since, facts.count], ['wrong_path', began, 3]);
    const period = `from=${new Date(Date.parse(began) - 1).toISOString()}`;
    const { troubles, scimServer } = (await app.api.get(`/directories/${world.directory.id}/timeline?${period}`)).body;
    const codes = new Set(troubles.map((trouble: Answer) => trouble.code));
    assert.deepEqual([[...codes], scimServer], [['wrong_path'], []]);
    behave = answer(200, LIST);
  });

  it('as upstream_not_set where the directory has none', async () => {
    const world = await arrange({ upstreamUrl: undefined });
    await world.request();
    const lead = await first(world);
    assert.equal(lead.code, 'upstream_not_set');
    assert.match(textOf(lead), /has no SCIM server URL yet/);
    await app.api.patch(`/directories/${world.directory.id}`, { upstreamUrl: url });
    assert.match(textOf(await first(world)), /had no SCIM server URL\. That was before .+ was changed/);
  });

  it('as upstream_unreachable, with the cause, and without another token, which would fail as well', async () => {
    const world = await arrange({ upstreamUrl: 'http://127.0.0.1:9/scim' });
    await app.api.issue(world.directory.id);
    await world.request();
    const lead = await first(world);
    assert.doesNotMatch(textOf(lead), /never been used/);
    assert.equal(lead.code, 'upstream_unreachable');
    assert.match(textOf(lead), /is refusing connections\. It has never worked with this URL\./);
    assert.match(lead.words.steps[0], /^Change the URL/);
  });

  it('as what was before, once the URL was changed and nothing has arrived since', async () => {
    const world = await arrange({ upstreamUrl: 'http://127.0.0.1:9/scim' });
    await world.request();
    app.clock.advance(60_000);
    await app.api.patch(`/directories/${world.directory.id}`, { upstreamUrl: url });
    const lead = await first(world);
    assert.match(
      textOf(lead),
      /That was before the SCIM server URL was changed .+\. No request has arrived since then\./,
    );
    assert.deepEqual(
      [lead.words.steps.length, lead.words.steps[0]],
      [1, "Test the SCIM server on the directory's page, or wait for the next request."],
    );
    behave = answer(503, ERROR(503, 'busy'));
    await world.request();
    assert.doesNotMatch(textOf(await first(world)), /That was before/);
    behave = answer(200, LIST);
  });

  it('with the ID of the latest failed request, for the page and a ticket', async () => {
    const world = await arrange();
    behave = answer(500, ERROR(500, 'x'));
    await world.request();
    await world.request();
    const lead = await first(world);
    const { body } = await app.api.get(`/events?type=upstream.failed&directoryId=${world.directory.id}`);
    const { requestId } = body.items[0];
    assert.ok(requestId);
    assert.equal(lead.facts.requestId, requestId);
    assert.ok(textOf(lead).includes(`X-Request-Id header: ${requestId}.`));
    behave = answer(200, LIST);
  });

  it('as upstream_rejects_content with the reason that it gave, while reads work', async () => {
    const world = await arrange();
    behave = (request, response) =>
      request.method === 'GET'
        ? answer(200, LIST)(request, response)
        : answer(400, ERROR(400, 'Attribute "userName" is required'))(request, response);
    await world.request();
    await world.request('POST', '/Users');
    const lead = await first(world);
    assert.deepEqual([lead.code, lead.severity], ['upstream_rejects_content', 'degraded']);
    assert.match(textOf(lead), /"userName" is required/);
    assert.match(textOf(lead), /change your SCIM server.*change or remove that attribute in the attribute mappings/s);
    assert.match(textOf(lead), /Until this is fixed, a rejected request changes nothing/);
    behave = answer(200, LIST);
  });

  it('as nothing at all for a 404 or 409 of a single resource', async () => {
    const world = await arrange();
    behave = answer(200, LIST);
    await world.request();
    behave = answer(404, ERROR(404, 'x'));
    await world.request('GET', '/Users/1');
    behave = answer(409, ERROR(409, 'x'));
    await world.request('POST', '/Users');
    assert.equal((await first(world)).code, 'working');
    behave = answer(200, LIST);
  });
});
