/**
 * DECIDES about each presented credential, for three surfaces: forward-auth, introspection and the gateway. `check` makes the one decision
 * of verify.ts and keeps account of it: last used, usage, refusals with their reason, rate limit, metrics.
 */
export { hasDotSegment, isRead, splitGatewayPath } from './access.ts';
export { sendDenial, sendScimFailure } from './challenge.ts';
export { type Attempt, type Stray, SURFACES, type Surface, type Verification } from './decider.ts';
export { DENIAL_REASONS, type DenialReason, SUB_REASONS, type SubReason, type SubReasons } from './denials.ts';
export { createForwardAuth } from './forward-auth.ts';
export { createIntrospection } from './introspection.ts';
export { createMisplaced, createStrays } from './misplaced.ts';
export { type Presented, parseAuthorization, readApiKey, unknownValue } from './presented.ts';
export { createResourceMetadata, RESOURCE_METADATA_PREFIX } from './resource-metadata.ts';
export { hasSmallForm, readPresented, readPresentedForm } from './token-elsewhere.ts';
export { createVerification } from './verification.ts';
export type { Decision, Grant } from './verify.ts';
