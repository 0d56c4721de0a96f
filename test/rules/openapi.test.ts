import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { ERRORS } from '../../src/errors.ts';
import type { Answer, Reply } from '../support/api.ts';
import { runApp } from '../support/app.ts';

interface Described {
  operationId: string;
  summary: string;
  parameters: { name: string; in: string }[];
  requestBody?: unknown;
  responses: Record<string, { description: string; content?: Record<string, { schema: Answer }> }>;
}

/** Reports of leaks take a signature in place of an API key; test/admin/leaks.test.ts sends them. */
const isRouted = ([name]: readonly [string, Described]) => name !== 'POST /api/v1/leaks';
const OUTPUT_TIME = '2090-01-01T00:00:00.000Z';

describe('/api/openapi.json', () => {
  const app = runApp({ env: { LATCHKEY_SMTP_URL: 'smtp://127.0.0.1:9', LATCHKEY_MAIL_FROM: 'acme@example.com' } });
  let document: Answer;
  let operations: [name: string, operation: Described][];

  before(async () => {
    document = await (await fetch(`${app.url}/api/openapi.json`)).json();
    operations = Object.entries<Record<string, Described>>(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, Described] => [
        `${method.toUpperCase()} ${path}`,
        operation,
      ]),
    );
  });

  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document));
    assert.ok(valid, JSON.stringify(errors, null, 2));
    assert.equal(validator.version, '3.1');
  });

  it('is a page for people too, in the frame of all pages, with each operation under its own address', async () => {
    const response = await fetch(`${app.url}/api/docs`);
    assert.equal(response.status, 200);
    const html = await response.text();
    assert.match(html, /<link rel="stylesheet" href="\/assets\/face\.css"/);
    assert.doesNotMatch(html, /<style|style="/);
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'.*frame-ancestors 'none'/);
    for (const [name, { operationId }] of operations) assert.ok(html.includes(`id="${operationId}"`), name);
  });

  it('names each operation once, and each parameter of its path', () => {
    const ids = operations.map(([, { operationId }]) => operationId);
    assert.equal(new Set(ids).size, ids.length);
    for (const [name, { parameters, summary }] of operations) {
      const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      assert.deepEqual(
        parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name),
        inPath,
        name,
      );
      assert.ok(summary.length > 5, name);
    }
  });

  it('lists every code of an error under its status, and none that does not exist', () => {
    for (const [name, { responses }] of operations) {
      for (const [status, { description }] of Object.entries(responses)) {
        if (Number(status) < 400) continue;
        const codes = [...description.matchAll(/^`(\w+)`:/gm)].map(([, code]) => code ?? '');
        assert.ok(codes.length > 0, `${name}: ${status} names no code`);
        for (const code of codes) {
          assert.ok(Object.hasOwn(ERRORS, code), `${name}: there is no ${code}`);
          assert.equal(String(ERRORS[code as keyof typeof ERRORS].status), status, `${name}: ${code}`);
        }
      }
    }
    assert.deepEqual(document.components.schemas.Problem.properties.code.enum, Object.keys(ERRORS));
  });

  it('tells of the refusals that come with a body and with an Idempotency-Key', () => {
    const told = ({ responses }: Described) =>
      Object.values(responses)
        .map(({ description }) => description)
        .join('\n');
    for (const [name, operation] of operations.filter(isRouted)) {
      const text = told(operation);
      for (const code of ['invalid_json', 'payload_too_large', 'unsupported_media_type']) {
        assert.equal(text.includes(`\`${code}\``), operation.requestBody !== undefined, `${name}: ${code}`);
      }
      for (const code of ['idempotency_in_progress', 'idempotency_key_reused']) {
        assert.equal(text.includes(`\`${code}\``), name.startsWith('POST '), `${name}: ${code}`);
      }
    }
  });

  it('describes each answer: every operation is called, and answers with that status and shape', async () => {
    const { api } = app;
    const called = new Set<string>();
    async function call(name: string, id = '', body?: unknown, query = '', secretId = ''): Promise<Answer> {
      const [method = '', path = ''] = name.split(' ');
      const operation = operations.find(([known]) => known === `${method} /api/v1${path}`)?.[1];
      assert.ok(operation, `${name} is not described`);
      called.add(`${method} /api/v1${path}`);
      const address = path.replace('{id}', id).replace('{secretId}', secretId) + query;
      const send: Record<string, () => Promise<Reply>> = {
        GET: () => api.get(address),
        POST: () => api.post(address, body),
        PATCH: () => api.patch(address, body),
        DELETE: () => api.delete(address),
      };
      const reply = await send[method]?.();
      assert.ok(reply);
      const [status] = Object.keys(operation.responses);
      assert.equal(String(reply.status), status, `${name}: ${JSON.stringify(reply.body)}`);
      const schema = operation.responses[reply.status]?.content?.['application/json']?.schema;
      if (schema === undefined) assert.equal(reply.body, null, name);
      else assert.deepEqual(mismatches(reply.body, schema, document), [], name);
      return reply.body;
    }

    const organization = await call('POST /organizations', '', { name: 'Northwind Traders', externalId: 'nw-1' });
    await call('PATCH /organizations/{id}', organization.id, { externalId: null });
    await call('GET /organizations/{id}', organization.id);
    await call('GET /organizations', '', undefined, '?limit=1');
    const directory = await call('POST /directories', '', { organizationId: organization.id, name: 'Okta production' });
    await call('PATCH /directories/{id}', directory.id, { provider: 'okta', upstreamUrl: 'https://app.example/scim' });
    await call('POST /directories/{id}/test', directory.id);
    await call('POST /directories/{id}/disable', directory.id);
    await call('POST /directories/{id}/enable', directory.id);
    await call('GET /directories/{id}', directory.id);
    await call('GET /directories');

    const { credential, token } = await call('POST /directories/{id}/credentials', directory.id, {
      label: 'first',
      expiresAt: OUTPUT_TIME,
    });
    const imported = await call('POST /directories/{id}/credentials/import', directory.id, {
      token: 'k9Xq2Zm8Rw4Vb7TnJ5',
    });
    await call('POST /credentials/{id}/revoke', imported.credential.id, { reason: 'a test', force: true });
    const rotated = await call('POST /directories/{id}/rotate', directory.id, { mode: 'overlap' });
    await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
      headers: { authorization: `Bearer ${rotated.token}` },
    });
    await fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers: { authorization: `Bearer ${token}` } });
    for (const round of app.app.rounds) if (round.name === 'usage' || round.name === 'denials') await round.run();
    await call('GET /directories/{id}/credentials', directory.id);
    await call('GET /credentials/{id}', credential.id);
    await call('GET /credentials/{id}/usage', credential.id);
    await call('GET /directories/{id}/diagnosis', directory.id);
    await call('GET /directories/{id}/timeline', directory.id);
    await call('GET /directories/{id}/requests', directory.id);
    const refused = await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
      headers: { authorization: 'Bearer scim_abc', 'user-agent': 'Okta SCIM Client 1.0.0' },
    });
    const { detail } = (await refused.json()) as Answer;
    for (const round of app.app.rounds) if (round.name === 'denials') await round.run();
    await app.app.settled();
    await call('GET /why/{id}', /why\/(\w+)/.exec(detail)?.[1]);
    await call('POST /directories/{id}/recovered', directory.id);
    await call('POST /directories/{id}/quiet', directory.id, { muteDays: 7 });
    await call('GET /findings');
    await call('GET /unplaced-refusals');
    await call('POST /check', '', { value: token });
    await call('POST /outcomes', '', { outcomes: [{ directoryId: directory.id, kind: 'look_up', status: 200 }] });
    await call('GET /credentials/{id}/events', credential.id);
    await call('PATCH /credentials/{id}', credential.id, { label: 'renamed' });
    await call('POST /credentials/{id}/disable', credential.id);
    await call('POST /credentials/{id}/enable', credential.id);
    app.clock.advance(7_200_000);
    await call('POST /credentials/{id}/retire', credential.id);
    await call('POST /credentials/{id}/review', rotated.credential.id, { decision: 'keep', note: 'in use' });
    await call('GET /reports/credentials', '', undefined, '?states=all&sort=lastUsed');
    const period = `?from=${new Date(app.clock.now().getTime() - 86_400_000).toISOString()}&to=${app.clock.now().toISOString()}`;
    await call('GET /evidence', '', undefined, period);
    const wanted = { name: 'Move Okta', goal: 'oauth', filter: { provider: 'okta' } };
    await call('POST /campaigns/preview', '', { goal: wanted.goal, filter: wanted.filter });
    const campaign = await call('POST /campaigns', '', wanted);
    await app.app.rounds.find(({ name }) => name === 'campaigns')?.run();
    await call('GET /campaigns');
    await call('GET /campaigns/{id}', campaign.id);
    await call('GET /campaigns/{id}/credentials', campaign.id);
    app.clock.advance(3_600_000);
    await call('POST /campaigns/{id}/links', campaign.id);
    await call('POST /campaigns/{id}/remind', campaign.id);
    await call('POST /campaigns/{id}/stop', campaign.id);
    await call('GET /events', '', undefined, '?limit=200');

    const { apiKey } = await call('POST /api-keys', '', { name: 'a viewer', role: 'viewer' });
    await call('GET /api-keys');
    await call('GET /api-keys/{id}', apiKey.id);
    await call('POST /api-keys/{id}/revoke', apiKey.id);
    await call('POST /credentials/{id}/revoke', rotated.credential.id, { force: true });

    const { client } = await call('POST /clients', '', {
      name: 'SailPoint',
      provider: 'sailpoint',
      directoryId: directory.id,
      maximumAgeDays: 365,
      idleDays: 90,
    });
    await call('GET /clients');
    await call('GET /clients/{id}', client.id);
    await call('PATCH /clients/{id}', client.id, { name: 'SailPoint production', accessTokenSeconds: 900 });
    const { secretId } = await call('POST /clients/{id}/secrets', client.id);
    await call('DELETE /clients/{id}/secrets/{secretId}', client.id, undefined, '', secretId);
    const connected = await call('POST /directories/{id}/connections', directory.id, { clientId: client.id });
    const full = await call('POST /directories/{id}/credentials', directory.id);
    await call('POST /directories/{id}/connections', directory.id, {
      clientId: client.id,
      replaces: full.credential.id,
    });
    await call('GET /directories/{id}/credentials', directory.id, undefined, '?state=pending');
    await call('GET /directories/{id}/credentials', directory.id);
    for (const id of [connected.credentialId, full.credential.id])
      await call('POST /credentials/{id}/revoke', id, { force: true });
    await call('DELETE /clients/{id}', client.id);
    const brought = { clientId: 'from-elsewhere', clientSecretSha256: 'a'.repeat(64) };
    await call('POST /clients/import', '', { ...brought, name: 'Okta', provider: 'okta', directoryId: directory.id });
    await call('POST /directories/{id}/connections/import', directory.id, {
      clientId: brought.clientId,
      refreshTokenSha256: 'b'.repeat(64),
    }).then(({ credentialId }) => call('POST /credentials/{id}/revoke', credentialId, { force: true }));
    await call('POST /imports', '', { format: 'jsonl', content: '{"type":"nothing"}', dryRun: true });
    const { portalLink } = await call('POST /portal-links', '', { organizationId: organization.id });
    await call('GET /portal-links', '', undefined, `?organizationId=${organization.id}`);
    await call('POST /portal-links/{id}/revoke', portalLink.id);

    const contact = await call('POST /contacts', '', { name: 'Priya', email: 'priya@contoso.example' });
    await call('GET /contacts');
    await call('PATCH /contacts/{id}', contact.id, { kinds: ['failing'] });
    app.clock.advance(3_600_000);
    await call('POST /contacts/{id}/ask-again', contact.id);
    await call('DELETE /contacts/{id}', contact.id);
    await call('GET /notices');
    const days = { endingDays: [60, 7] };
    assert.deepEqual(await call('PATCH /organizations/{id}/notification-settings', organization.id, days), days);
    const { webhook } = await call('POST /webhooks', '', { url: 'https://hooks.example/latchkey' });
    await call('GET /webhooks');
    await call('GET /webhooks/{id}', webhook.id);
    await call('PATCH /webhooks/{id}', webhook.id, { description: 'ours', events: ['dsync.*'] });
    await call('POST /webhooks/{id}/rotate-secret', webhook.id);
    await call('POST /webhooks/{id}/disable', webhook.id);
    await call('POST /webhooks/{id}/enable', webhook.id);
    const delivery = await call('POST /webhooks/{id}/test', webhook.id);
    await call('GET /deliveries');
    await call('GET /deliveries/{id}', delivery.id);
    await call('POST /deliveries/{id}/resend', delivery.id);
    await call('POST /webhooks/{id}/resend-failed', webhook.id, { since: webhook.createdAt });
    await call('DELETE /webhooks/{id}', webhook.id);

    const { operator } = await call('POST /operators', '', { name: 'Ada', email: 'ada@vendor.example', role: 'admin' });
    await call('GET /operators');
    await call('GET /operators/{id}', operator.id);
    await call('PATCH /operators/{id}', operator.id, { role: 'viewer', email: null });
    await call('POST /operators/{id}/sign-in-links', operator.id);
    await call('POST /operators/{id}/disable', operator.id);
    await call('POST /operators/{id}/enable', operator.id);
    await call('DELETE /operators/{id}', operator.id);

    await call('DELETE /directories/{id}', directory.id);
    await call('DELETE /organizations/{id}', organization.id);

    assert.deepEqual(
      operations
        .filter(isRouted)
        .map(([name]) => name)
        .filter((name) => !called.has(name)),
      [],
      'described, but not called here',
    );
  });
});

/** Where a value is not what a JSON schema says; as much of JSON Schema as the document uses. */
function mismatches(value: unknown, schema: Answer, document: Answer, at = '$'): string[] {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace('#/components/schemas/', '');
    const target = document.components.schemas[name];
    return target ? mismatches(value, target, document, at) : [`${at}: there is no ${schema.$ref}`];
  }
  if (schema.anyOf !== undefined) {
    const tried: string[][] = schema.anyOf.map((option: Answer) => mismatches(value, option, document, at));
    return tried.some((found) => found.length === 0) ? [] : tried.flat();
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${at}: ${value} is not in the list`];
  const types: string[] = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length > 0 && !types.some((type) => isOfType(value, type))) return [`${at}: ${value} is no ${types}`];
  if (schema.pattern !== undefined && typeof value === 'string' && !new RegExp(schema.pattern, 'u').test(value)) {
    return [`${at}: ${value} does not match`];
  }
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => mismatches(item, schema.items ?? {}, document, `${at}[${index}]`));
  }
  if (typeof value !== 'object' || value === null) return [];
  const properties = (schema.properties ?? {}) as Record<string, Answer>;
  const missing = ((schema.required ?? []) as string[]).filter((name) => !Object.hasOwn(value, name));
  return [
    ...missing.map((name) => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, inner]) => {
      if (Object.hasOwn(properties, name)) return mismatches(inner, properties[name], document, `${at}.${name}`);
      const rest = schema.additionalProperties;
      if (rest === false) return [`${at}.${name} is not described`];
      return typeof rest === 'object' ? mismatches(inner, rest, document, `${at}.${name}`) : [];
    }),
  ];
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}
