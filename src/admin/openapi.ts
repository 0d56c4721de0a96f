/** The OpenAPI 3.1 description of the admin API, made of the very schemas that check its requests. */

import { keyRolesFor } from '../access.ts';
import { MESSAGE_SCHEMA, WEBHOOK_EVENTS } from '../notifications/index.ts';
import { exampleOf } from './examples.ts';
import { LEAK_REPORTS, LEAK_VERDICTS, LEAKS_PATH } from './leaks.ts';
import { HEADERS, headers, problemSchema, refusals } from './openapi-refusals.ts';
import { createSchemas } from './openapi-schemas.ts';
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

const LEAKS_TAG = 'Leaks';

const TAGS: Record<string, string> = {
  Organizations: "The vendor's customers. Everything else belongs to one of them.",
  Directories: "A connection of one organization's identity provider, with an endpoint of its own.",
  Diagnosis: 'What is wrong with a directory, when it started, and who can fix it.',
  Credentials: "Identity providers' static tokens and OAuth connections, two per directory.",
  Clients: "Identity providers' OAuth clients, and their secrets.",
  'Moving in': 'Imports clients and tokens from another system. Identity providers keep their tokens.',
  'Portal links': "Links that let an organization's IT contact set up its directories.",
  Events: 'The audit trail.',
  'API keys': 'Keys for this API.',
  Operators: 'The people who sign in to the dashboard.',
  Contacts: 'People who get emails about problems and expirations, and the sent notices.',
  Reports: 'Credentials, reviews, campaigns and evidence for auditors.',
  Leaks: 'Reports of tokens that were found in public places.',
  Webhooks: 'Receivers of messages about changes, and the deliveries.',
};

/** The schema that the operations of a tag are about, where a body is one like it. */
const RESOURCE_OF_TAG: Record<string, string> = {
  Organizations: 'Organization',
  Directories: 'Directory',
  Clients: 'OAuthClient',
  'API keys': 'ApiKey',
  Operators: 'Operator',
};
const PATH_OWNERS: Record<string, string> = {
  organizations: 'Organization',
  directories: 'Directory',
  credentials: 'Credential',
  clients: 'OAuthClient',
  'api-keys': 'ApiKey',
  operators: 'Operator',
  'portal-links': 'PortalLink',
  campaigns: 'Campaign',
  webhooks: 'Webhook',
  deliveries: 'Delivery',
};
const PATH_ID = '^[0-9A-Za-z_-]+$';
const IDEMPOTENCY_KEY = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' } as const;

export function describeApi(operations: readonly Operation[], publicUrl: string, version: string): Json {
  const { schemas, describeBody, describeAnswer, parameters } = createSchemas();
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const path = `/api/v1${operation.path.replace(/:(\w+)/g, '{$1}')}`;
    paths[path] = { ...paths[path], [operation.method]: describe(operation) };
  }
  // It takes no API key but a signature over the raw body, so the router does not serve it.
  paths[LEAKS_PATH] = { post: describeLeaks() };
  schemas['Problem'] = problemSchema();
  schemas['WebhookMessage'] = MESSAGE_SCHEMA;
  return {
    openapi: '3.1.0',
    info: {
      title: 'Latchkey admin API',
      version,
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
      contact: { name: 'The operators of this Latchkey instance', url: publicUrl },
      description:
        'Organizations, directories and their credentials. Lists are `{items, nextCursor}`; times are ISO 8601 in UTC; errors are RFC 9457 problems with a stable `code`. You can retry a POST with an `Idempotency-Key` for 24 hours. The retry gets the same response, without the secret.',
    },
    servers: [{ url: publicUrl }],
    security: [{ bearerAuth: [] }],
    tags: [...new Set([...operations.map(({ tag }) => tag), LEAKS_TAG])].map((name) => ({
      name,
      description: TAGS[name] ?? name,
    })),
    paths,
    webhooks: webhooks(),
    components: {
      securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer', description: 'An API key, lk_...' } },
      headers: HEADERS,
      schemas,
    },
  };

  function describeLeaks(): Json {
    const errors = ['invalid_request', 'signature_invalid', 'not_found', 'rate_limited', 'payload_too_large'] as const;
    const signed = (name: string, description: string, example: string) => ({
      name,
      in: 'header',
      required: true,
      description,
      schema: { type: 'string' },
      example,
    });
    return {
      tags: [LEAKS_TAG],
      summary: 'Report leaked tokens',
      description:
        "In the format of GitHub's secret scanning partner program. Off unless LATCHKEY_LEAK_ACTION is set. The same report gets the same response for seven days.",
      operationId: 'reportLeaks',
      security: [],
      parameters: [
        signed(
          'Github-Public-Key-Identifier',
          'ID of the key that signed the body.',
          'f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d',
        ),
        signed('Github-Public-Key-Signature', 'ECDSA P-256 over the raw body, in Base64.', 'MEUCIQDZ2Lx5...'),
      ],
      requestBody: {
        required: true,
        content: { 'application/json': describeAnswer(LEAK_REPORTS) },
      },
      responses: {
        200: {
          description: 'The result for each token.',
          headers: headers({ 'X-Request-Id': 'RequestId' }),
          content: { 'application/json': describeAnswer(LEAK_VERDICTS) },
        },
        ...refusals([...errors, 'internal_error', 'storage_unavailable']),
      },
    };
  }

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
            required: true,
            content: {
              'application/json': {
                schema: {
                  allOf: [
                    { $ref: '#/components/schemas/WebhookMessage' },
                    { type: 'object', properties: { type: { enum: [type] } } },
                  ],
                },
              },
            },
          },
          responses: { '2XX': { description: 'Accepted. Any other status is retried.' } },
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
    example,
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
          schema: { type: 'string', minLength: 1, maxLength: 100, pattern: PATH_ID },
          example: pathExample(path, name ?? ''),
        })),
        ...(query ? parameters(query) : []),
        ...(method === 'post'
          ? [
              {
                name: 'Idempotency-Key',
                in: 'header',
                required: false,
                schema: IDEMPOTENCY_KEY,
                example: 'create-northwind-1',
              },
            ]
          : []),
      ],
      ...(body && { requestBody: describeBody(body, RESOURCE_OF_TAG[tag] ?? '', example) }),
      responses: {
        [status]: {
          description: answer ? 'Done.' : 'Done; no content.',
          headers: headers({
            'X-Request-Id': 'RequestId',
            ...(method === 'post' && { 'Idempotency-Replayed': 'IdempotencyReplayed' as const }),
          }),
          ...(answer && { content: { 'application/json': describeAnswer(answer) } }),
        },
        ...refusals([...new Set(codes)]),
      },
    };
  }
}

/** The ID of what a path is about: of `/directories/{id}/rotate` that of a directory. */
function pathExample(path: string, name: string): string {
  const [, collection = ''] = path.split('/');
  return String(exampleOf({ type: 'string' }, {}, name, name === 'id' ? (PATH_OWNERS[collection] ?? '') : ''));
}

function operationId(method: string, path: string): string {
  const words = path
    .replace(/:(\w+)/g, 'by-$1')
    .split(/[/-]/)
    .filter(Boolean);
  return method + words.map((word) => word[0]?.toUpperCase() + word.slice(1)).join('');
}
