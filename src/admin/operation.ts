/** One operation of the admin API: what it reads, who may, what it answers. The router and the OpenAPI document are made of these. */
import type { z } from 'zod';
import { type Action, isWithinReach, keyRolesFor, mayRole } from '../access.ts';
import type { Attribution } from '../audit/index.ts';
import type { ApiKey } from '../credentials/index.ts';
import { AppError, type ErrorCode } from '../errors.ts';

/** The API key that calls. */
export interface Caller {
  apiKey: ApiKey;
  /** Set for a key that is limited to one organization. */
  organizationId: string | undefined;
}

export interface Call<Q, B> {
  /** The id in the path, where there is one. */
  id: string;
  /** Everything that the path names. */
  parameters: Readonly<Record<string, string>>;
  query: Q;
  body: B;
  caller: Caller;
  attribution: Attribution;
}

/** What is answered. `secret` is shown this once: it is in no replay of the same request. */
export interface Reply {
  body?: unknown;
  /** Instead of a JSON body. */
  text?: { type: string; content: string };
  secret?: Record<string, unknown>;
}

export interface Operation<Q extends z.ZodType = z.ZodType, B extends z.ZodType = z.ZodType> {
  method: 'get' | 'post' | 'patch' | 'delete';
  /** Below /api/v1, with `:id`. */
  path: string;
  tag: string;
  summary: string;
  description?: string;
  action: Action;
  query?: Q;
  /** Of its body, for the description, where the required members alone are no request. */
  example?: z.input<B>;
  body?: B;
  status: 200 | 201 | 204;
  answer?: z.ZodType;
  errors: readonly ErrorCode[];
  /** Where it asks others than the store: how long they may take, in milliseconds. */
  othersMs?: number;
  handle(call: Call<z.infer<Q>, z.infer<B>>): Promise<Reply>;
}

/** Keeps the types of query and body between the schema and the handler. */
export function operation<Q extends z.ZodType, B extends z.ZodType>(definition: Operation<Q, B>): Operation {
  return definition as unknown as Operation;
}

export function isVisible({ organizationId: own }: Caller, organizationId: string): boolean {
  return own === undefined || own === organizationId;
}

/** Another organization's things are to a limited key as if they were not there. */
export function assertVisible(caller: Caller, organizationId: string, what: string): void {
  if (!isVisible(caller, organizationId)) {
    throw new AppError('not_found', { detail: `There is no ${what}.` });
  }
}

/** A value that could be guessed is taken from those alone who may answer for it. Throws forbidden. */
export function assertMayImport(
  { apiKey, organizationId }: Caller,
  { allowWeak }: { allowWeak?: boolean | undefined },
): void {
  const action = 'credentials.import-weak';
  if (!allowWeak || (mayRole(apiKey.role, action) && isWithinReach(organizationId, action))) return;
  throw new AppError('forbidden', {
    detail: 'Only an owner key can import a value that could be guessed (allowWeak).',
    role: apiKey.role,
    wanted: keyRolesFor(action),
  });
}
