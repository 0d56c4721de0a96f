/**
 * WHAT. Credentials of directories: issue, import, rotate, disable, enable, revoke, retire. Any change that takes something away
 * returns only when no instance accepts it any more.
 */
export { type ApiKey, type ApiKeys, createApiKeys, ROLES, type Role } from './api-keys.ts';
export { type Credentials, createCredentials } from './credentials.ts';
export { isInUse } from './ending.ts';
export { IMPORT_FORMS, type ImportInput } from './imports.ts';
export {
  type Credential,
  type Issued,
  type IssueInput,
  isDisabledByVendor,
  REVIEW_DECISIONS,
  type ReviewDecision,
  SCOPES,
  type Scope,
  SLOTS,
  stateAt,
} from './records.ts';
export { createRemoval, type Removal } from './removal.ts';
export type { RotateInput, RotationProgress } from './rotation.ts';
export {
  classifyToken,
  type Digest,
  digestOf,
  digestsOf,
  hintOf,
  isAccessToken,
  STATIC_TOKEN_PATTERN,
} from './static-token.ts';
export { createUsage, type Usage, type UsageHour, type UsageTotal } from './usage.ts';
export { assertStrongEnough, createWeakValues, isKeyed, UNKNOWN_HINT, type WeakValues } from './weak-values.ts';
