/** The OpenAPI 3.1 description of the admin API, made of the very schemas that check its requests. */

import { z } from 'zod';
import { keyRolesFor } from '../access.ts';
import { ERRORS } from '../errors.ts';
import { MESSAGE_SCHEMA, WEBHOOK_EVENTS } from '../notifications/index.ts';
import type { Operation } from './operation.ts';

const COMMON = [
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'rate_limited',
  'internal_error',
  'storage_unavailable',
] as const;
/** What the router itself refuses of an operation with a body, and of one that may be repeated. */
const WITH_BODY = ['invalid_json', 'payload_too_large', 'unsupported_media_type'] as const;
const WITH_IDEMPOTENCY = ['idempotency_in_progress', 'idempotency_key_reused'] as const;

type Json = Record<string, unknown>;

export function describeApi(operations: readonly Operation[], publicUrl: string, version: string): Json {
  const schemas: Json = {};
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const path = `/api/v1${operation.path.replace(/:(\w+)/g, '{$1}')}`;
    paths[path] = { ...paths[path], [operation.method]: describe(operation) };
  }
  schemas['Problem'] = problemSchema();
  schemas['WebhookMessage'] = MESSAGE_SCHEMA;
  return {
    openapi: '3.1.0',
    info: {
      title: 'Latchkey admin API',
      version,
      description:
        'Organizations, directories and their credentials. Lists are `{items, nextCursor}`; times are ISO 8601 in UTC; errors are RFC 9457 problems with a stable `code`. A POST with an `Idempotency-Key` may be repeated for 24 hours: the repeat answers the same, without the secret.',
    },
    servers: [{ url: publicUrl }],
    security: [{ apiKey: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    webhooks: webhooks(),
    components: {
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'An API key, lk_...' } },
      schemas,
    },
  };

  function webhooks(): Json {
    const described = Object.entries(WEBHOOK_EVENTS).map(([type, meaning]) => [
      type,
      {
        post: {
          summary: meaning,
          operationId: `hear${operationId('', `/${type.replace(/[._]/g, '/')}`)}`,
          tags: ['Webhooks'],
          security: [],
          requestBody: {
            content: {
              'application/json': {
                schema: {
                  allOf: [
                    { $ref: '#/components/schemas/WebhookMessage' },
                    { type: 'object', properties: { type: { const: type } } },
                  ],
                },
              },
            },
          },
          responses: { '2XX': { description: 'Taken. Anything else is tried again.' } },
        },
      },
    ]);
    return Object.fromEntries(described);
  }

  function describe({
    method,
    path,
    tag,
    summary,
    description,
    action,
    query,
    body,
    status,
    answer,
    errors,
  }: Operation): Json {
    const codes = [...errors, ...COMMON, ...(body ? WITH_BODY : []), ...(method === 'post' ? WITH_IDEMPOTENCY : [])];
    return {
      tags: [tag],
      summary,
      description: [description, `Roles: ${keyRolesFor(action).join(', ')}.`].filter(Boolean).join(' '),
      operationId: operationId(method, path),
      parameters: [
        ...[...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
          name,
          in: 'path',
          required: true,
          schema: { type: 'string' },
        })),
        ...(query ? parameters(query) : []),
        ...(method === 'post'
          ? [{ name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', maxLength: 255 } }]
          : []),
      ],
      ...(body && { requestBody: { content: { 'application/json': { schema: convert(body, 'input') } } } }),
      responses: {
        [status]: answer
          ? { description: 'Done.', content: { 'application/json': { schema: convert(answer, 'output') } } }
          : { description: 'Done; no content.' },
        ...refusals([...new Set(codes)]),
      },
    };
  }

  function convert(schema: z.ZodType, io: 'input' | 'output'): unknown {
    const {
      $schema: _schema,
      $defs,
      ...json
    } = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: withoutIds }) as Json;
    for (const [id, definition] of Object.entries(($defs ?? {}) as Json)) schemas[id] = relocated(definition);
    return relocated(json);
  }

  function parameters(query: z.ZodType): Json[] {
    const { properties = {}, required = [] } = convert(query, 'input') as {
      properties?: Record<string, Json>;
      required?: string[];
    };
    return Object.entries(properties).map(([name, { description, ...schema }]) => ({
      name,
      in: 'query',
      required: required.includes(name),
      ...(description !== undefined && { description }),
      schema,
    }));
  }
}

/** zod writes the id of a named schema into it; OpenAPI has its name already. */
function withoutIds({ jsonSchema }: { jsonSchema: Json }): void {
  delete jsonSchema['id'];
}

/** Definitions live under components/schemas in OpenAPI. */
function relocated(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json).replaceAll('#/$defs/', '#/components/schemas/'));
}

function refusals(codes: readonly (keyof typeof ERRORS)[]): Json {
  const byStatus = new Map<number, string[]>();
  for (const code of codes) {
    const { status, title } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\`: ${title}`]);
  }
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, lines]) => [status, { description: lines.join('\n\n'), content }]),
  );
}

function problemSchema(): Json {
  return {
    type: 'object',
    description: 'RFC 9457. More members say what the code is about.',
    required: ['type', 'title', 'status', 'code', 'requestId'],
    properties: {
      type: { type: 'string' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { type: 'string', enum: Object.keys(ERRORS) },
      detail: { type: 'string' },
      requestId: { type: 'string' },
      errors: {
        type: 'array',
        items: { type: 'object', properties: { path: { type: 'string' }, given: {}, wanted: { type: 'string' } } },
      },
    },
  };
}

function operationId(method: string, path: string): string {
  const words = path
    .replace(/:(\w+)/g, 'by-$1')
    .split(/[/-]/)
    .filter(Boolean);
  return method + words.map((word) => word[0]?.toUpperCase() + word.slice(1)).join('');
}
