/**
 * Everything that can go wrong and that a caller is told about: one closed table, code -> status and public sentence.
 * A denied credential is not here: a denial is a value (verification/denials.ts), never an exception.
 */

interface ErrorEntry {
  status: number;
  /** Safe to show to anyone; what is specific to one occurrence goes into `detail`. */
  title: string;
}

export const ERRORS = {
  invalid_request: { status: 400, title: 'The request is not valid.' },
  invalid_json: { status: 400, title: 'The body is not valid JSON.' },
  invalid_cursor: { status: 400, title: 'The cursor in `after` is not one that this list gave out.' },
  unauthenticated: { status: 401, title: 'An API key is needed, as `Authorization: Bearer lk_...`.' },
  forbidden: { status: 403, title: 'The role of this API key does not allow this.' },
  not_found: { status: 404, title: 'There is nothing here by that name.' },
  method_not_allowed: { status: 405, title: 'This address does not answer to that method.' },
  slots_full: { status: 409, title: 'Both slots of the directory are taken.' },
  still_in_use: {
    status: 409,
    title: 'The credential was used in the last hour. Revoke it with `force` to cut it off.',
  },
  credential_exists: { status: 409, title: 'This value is already the credential of a directory.' },
  credential_final: { status: 409, title: 'The credential is revoked or expired; that is final.' },
  secrets_full: { status: 409, title: 'The client has as many live secrets as it may. Remove one first.' },
  client_exists: { status: 409, title: 'A client with this ID exists already.' },
  workload_taken: { status: 409, title: 'Another client has this workload identity.' },
  last_secret: { status: 409, title: 'This is the only secret of the client. Add another one first.' },
  credentials_active: { status: 409, title: 'Credentials still hold slots. Revoke them first, or use `force`.' },
  not_replaced: { status: 409, title: 'The credential has no successor that was accepted yet.' },
  endpoint_key_taken: { status: 409, title: 'Another directory has this endpointKey.' },
  external_id_taken: { status: 409, title: 'Another organization has this externalId.' },
  email_taken: { status: 409, title: 'Another operator has this e-mail address.' },
  last_owner: { status: 409, title: 'This is the only owner who can sign in. Make another operator an owner first.' },
  last_owner_key: { status: 409, title: 'This is the last owner key; make another one first.' },
  contact_exists: { status: 409, title: 'This email address is a contact already.' },
  contacts_full: { status: 409, title: 'There are as many contacts as there may be. Remove one first.' },
  mail_off: { status: 409, title: 'Email is off. LATCHKEY_SMTP_URL and LATCHKEY_MAIL_FROM turn it on.' },
  webhooks_full: { status: 409, title: 'There are as many webhooks as there may be. Delete one first.' },
  idempotency_in_progress: { status: 409, title: 'The first request with this Idempotency-Key is still under way.' },
  payload_too_large: { status: 413, title: 'The body is too large.' },
  unsupported_media_type: { status: 415, title: 'This address reads application/json.' },
  misdirected: { status: 421, title: 'This server does not answer to the host name of the request.' },
  signature_invalid: { status: 401, title: 'The report is not signed by a key that we know.' },
  invalid_token_format: { status: 422, title: 'The value cannot be imported as a credential.' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used with another request.' },
  rate_limited: { status: 429, title: 'Too many failed attempts from this address.' },
  confirmations_limited: { status: 429, title: 'As many addresses were asked to confirm as may be for now.' },
  busy: { status: 503, title: 'Too many sign-ins are under way. Try again in a moment.' },
  internal_error: { status: 503, title: 'Something went wrong on our side. Try again.' },
  storage_unavailable: { status: 503, title: 'The credential store cannot be reached. Try again.' },
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
