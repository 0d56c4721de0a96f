/**
 * Everything that can go wrong and that a caller is told about: one closed table, code -> status, public sentence and remedy.
 * A denied credential is not here: a denial is a value (verification/denials.ts), never an exception.
 */

interface ErrorEntry {
  status: number;
  /** Safe to show to anyone; what is specific to one occurrence goes into `detail`. */
  title: string;
  /** What to do about it, for developers: in problems, the OpenAPI document and docs/errors.md. */
  remedy: string;
}

export const ERRORS = {
  invalid_request: {
    status: 400,
    title: 'The request is not valid.',
    remedy:
      'Fix the problem in each entry of `errors`. Each one has a `path`, the `given` value (never a secret) and the `wanted` one.',
  },
  invalid_json: { status: 400, title: 'The body is not valid JSON.', remedy: 'Send valid JSON.' },
  invalid_cursor: {
    status: 400,
    title: 'The cursor in `after` is not from this list.',
    remedy: 'Start again from the first page. Take `after` from its `nextCursor`.',
  },
  unauthenticated: {
    status: 401,
    title: 'The request has no valid API key.',
    remedy:
      'Send `Authorization: Bearer lk_...`. Check that the key is complete, not revoked and not expired. To replace a lost key, run `node dist/main.js api-key create`.',
  },
  forbidden: {
    status: 403,
    title: 'This API key is not allowed to do this.',
    remedy:
      "Use another key. `role` is this key's role, and `wanted` lists the roles that can do this. A key limited to one organization can't act for others.",
  },
  not_found: {
    status: 404,
    title: "The resource doesn't exist, or this API key isn't allowed to see it.",
    remedy: 'Check the ID, and which organization the key belongs to.',
  },
  method_not_allowed: {
    status: 405,
    title: 'This URL does not support this method.',
    remedy: 'Use a method from `allowed`. The `Allow` header lists the same ones.',
  },
  slots_full: {
    status: 409,
    title: 'Both slots of the directory are taken.',
    remedy:
      'Revoke the credential that is not in use, or rotate with `immediate`. `holders` lists both credentials and when each was last used.',
  },
  still_in_use: {
    status: 409,
    title: 'The credential was used in the last hour.',
    remedy:
      'Find out who is using it: `lastUsedAt` and `lastUsedFrom` show when and from where it was last used. Send `"force": true` to cut it off anyway.',
  },
  credential_exists: {
    status: 409,
    title: 'This value is already a credential of a directory, perhaps a revoked one.',
    remedy: 'If you have already imported this value, there is nothing to do. Otherwise, issue a new token.',
  },
  credential_final: {
    status: 409,
    title: "The credential was revoked or has expired. That can't be undone.",
    remedy: 'Issue a new credential.',
  },
  secrets_full: {
    status: 409,
    title: 'The client has the maximum number of secrets.',
    remedy:
      "Remove the secret that the IdP no longer uses. `secrets` lists the client's secrets with their last four characters and `lastUsedAt`. It is null where a secret has not been used since `unusedSince`.",
  },
  client_exists: {
    status: 409,
    title: 'A client with this ID already exists.',
    remedy: 'Change that client, or import this one under another ID.',
  },
  workload_taken: {
    status: 409,
    title: 'Another client has this workload identity.',
    remedy: 'Use that client, or delete it first.',
  },
  last_secret: {
    status: 409,
    title: "This is the client's only secret.",
    remedy: 'Add another secret and paste it into the IdP. Then remove this one.',
  },
  credentials_active: {
    status: 409,
    title: 'Credentials still hold slots.',
    remedy:
      'Revoke the credentials in `credentials`. To skip that, delete with `?force=true`, or move the endpoint with `"force": true`.',
  },
  not_replaced: {
    status: 409,
    title: "The credential can't be retired yet: no successor is in use.",
    remedy: 'Wait until the new credential is accepted, or revoke this one instead.',
  },
  endpoint_key_taken: {
    status: 409,
    title: 'Another directory has this endpointKey.',
    remedy: 'Choose another `endpointKey`.',
  },
  external_id_taken: {
    status: 409,
    title: 'Another organization has this externalId.',
    remedy: 'Find that organization with `?externalId=`.',
  },
  email_taken: {
    status: 409,
    title: 'Another member has this email address.',
    remedy: 'Choose another email address.',
  },
  last_owner: {
    status: 409,
    title: 'This is the only owner who can sign in.',
    remedy: 'Make another member an owner first.',
  },
  last_owner_key: {
    status: 409,
    title: 'This is the last owner key.',
    remedy: 'Create another owner key first.',
  },
  contact_exists: {
    status: 409,
    title: 'This email address already belongs to a contact.',
    remedy: 'Change that contact.',
  },
  contacts_full: {
    status: 409,
    title: 'The maximum number of contacts has been reached. Remove one first.',
    remedy: "Remove a contact that you don't need. The maximum is 50.",
  },
  mail_off: {
    status: 409,
    title: 'Email is off. To turn it on, set LATCHKEY_SMTP_URL and LATCHKEY_MAIL_FROM.',
    remedy: 'Set `LATCHKEY_SMTP_URL` and `LATCHKEY_MAIL_FROM` so that contacts can confirm their email addresses.',
  },
  webhooks_full: {
    status: 409,
    title: 'The maximum number of webhooks has been reached. Delete one first.',
    remedy: "Delete a webhook that you don't need. The maximum is 500 in all, and 20 for each organization.",
  },
  idempotency_in_progress: {
    status: 409,
    title: 'The first request with this Idempotency-Key is still running.',
    remedy: 'Retry the request in a little while.',
  },
  payload_too_large: {
    status: 413,
    title: 'The body is too large.',
    remedy: 'Send at most 256 KiB (16 KiB to introspection).',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The body must be application/json.',
    remedy: 'Set the `Content-Type` header to `application/json`.',
  },
  misdirected: {
    status: 421,
    title: 'This server does not accept the host name in the request.',
    remedy: 'Use the public URL, or add the host name to `LATCHKEY_HOSTS`.',
  },
  signature_invalid: {
    status: 401,
    title: 'The report is not signed with a key that we recognize.',
    remedy: 'Sign the raw body, and send the key ID.',
  },
  invalid_token_format: {
    status: 422,
    title: "The value can't be imported as a credential.",
    remedy:
      'Copy the whole value again. A value is refused if it contains spaces, is too short or too long, or is a mistyped Latchkey token.',
  },
  weak_value: {
    status: 422,
    title: 'The value can be guessed. Only an owner can import it.',
    remedy:
      'Issue a new token or secret. An owner key can import the value with `allowWeak`. `estimatedBits` is lower than `wantedBits`.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'This Idempotency-Key has already been used with another request.',
    remedy: 'Use a new key for each new request.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many failed attempts from this address.',
    remedy: 'Fix whatever caused the requests to be refused, and wait the number of seconds in `retryAfterSeconds`.',
  },
  confirmations_limited: {
    status: 429,
    title: 'Too many confirmation emails were sent recently.',
    remedy:
      'Wait the number of seconds in `retryAfterSeconds`. The hourly limit is one for each address, 10 for each organization and 50 for your own contacts. An address gets at most three a day from each, and 10 from all portals together.',
  },
  busy: {
    status: 503,
    title: 'Too many sign-ins are running.',
    remedy: 'Try again in a moment.',
  },
  internal_error: {
    status: 503,
    title: 'Something went wrong on our end.',
    remedy: 'Try again. If it happens again, look up the `requestId` in the log.',
  },
  storage_unavailable: {
    status: 503,
    title: "The credential store can't be reached.",
    remedy: 'Try again. If you run Latchkey, check `/readyz` and the database.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** What may be told beside the title; `detail` replaces nothing, it adds. Keys become members of the problem document. */
export type ErrorFacts = { detail?: string } & Record<string, unknown>;

export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly facts: ErrorFacts;

  /** `facts` are public; `cause` goes to the log only. */
  constructor(code: ErrorCode, facts: ErrorFacts = {}, options?: ErrorOptions) {
    super(facts.detail ?? ERRORS[code].title, options);
    this.code = code;
    this.status = ERRORS[code].status;
    this.facts = facts;
  }
}

/** Seconds after which a 503 may be tried again; an integer, since Okta reads nothing else. */
export const RETRY_AFTER_SECONDS = 5;

export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** Whatever was thrown, as an AppError: what we do not know is our own fault, so 503 and never 401. */
export function asAppError(error: unknown): AppError {
  return isAppError(error) ? error : new AppError('internal_error', {}, { cause: error });
}
