/** What an operation of the OpenAPI document may refuse, from the table of errors, and the headers that answers carry. */
import { ERRORS } from '../errors.ts';

type Json = Record<string, unknown>;

const REQUEST_ID = '019b3c8e-7a10-7cc4-9d52-0d3c5b8f1e21';

export const HEADERS = {
  RequestId: {
    description: 'ID of this request in the log and the audit trail.',
    schema: { type: 'string' },
  },
  RetryAfter: { description: 'Seconds to wait before trying again.', schema: { type: 'integer', minimum: 0 } },
  IdempotencyReplayed: {
    description: '`true` if this repeats an earlier request with the same Idempotency-Key.',
    schema: { type: 'string', enum: ['true'] },
  },
  Challenge: { description: 'How to authenticate (RFC 6750).', schema: { type: 'string' } },
} as const;
export const headers = (names: Record<string, keyof typeof HEADERS>) =>
  Object.fromEntries(Object.entries(names).map(([name, key]) => [name, { $ref: `#/components/headers/${key}` }]));

/** By status: what each code means, and what to do. */
export function refusals(codes: readonly (keyof typeof ERRORS)[]): Json {
  const byStatus = new Map<number, string[]>();
  for (const code of codes) {
    const { status, title, remedy } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\`: ${title} ${remedy}`]);
  }
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, lines]) => [status, { description: lines.join('\n\n'), ...problemOf(status, codes) }]),
  );
}

function problemOf(status: number, codes: readonly (keyof typeof ERRORS)[]): Json {
  const code = codes.find((one) => ERRORS[one].status === status) ?? 'internal_error';
  const { title, remedy } = ERRORS[code];
  const example = { type: 'about:blank', title, status, code, remedy, requestId: REQUEST_ID };
  return {
    headers: headers({
      'X-Request-Id': 'RequestId',
      ...(status === 401 && { 'WWW-Authenticate': 'Challenge' as const }),
      ...((status === 429 || status === 503) && { 'Retry-After': 'RetryAfter' as const }),
    }),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' }, example } },
  };
}

export function problemSchema(): Json {
  return {
    type: 'object',
    description: 'RFC 9457. More members depend on the code.',
    required: ['type', 'title', 'status', 'code', 'requestId'],
    properties: {
      type: { type: 'string' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { type: 'string', enum: Object.keys(ERRORS) },
      detail: { type: 'string' },
      remedy: { type: 'string', description: 'What to do about it.' },
      requestId: { type: 'string' },
      errors: {
        type: 'array',
        items: { type: 'object', properties: { path: { type: 'string' }, given: {}, wanted: { type: 'string' } } },
      },
    },
  };
}
