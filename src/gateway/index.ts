/**
 * CARRIES. `/scim/v2/{endpointKey}/...`: has each request decided by verification, takes the IdP's credential away, streams the request to the
 * directory's SCIM server and its answer back, with the URIs in it as the IdP must see them. What became of each request is told as one of a
 * closed set of outcomes.
 */
export { fallbackCredentialOf } from './fallback-credential.ts';
export { createNameLookups, type LookUpName } from './name-lookups.ts';
export {
  causeOf,
  isFailure,
  KINDS,
  type Kind,
  OUTCOMES,
  type Outcome,
  type OutcomeClass,
  UNREACHABLE,
  type UnreachableCause,
} from './outcome.ts';
export { createScimGateway, type ScimGateway } from './scim-gateway.ts';
export { createTransport, type Transport } from './transport.ts';
export { createUpstreamCredentials } from './upstream-credential.ts';
export {
  isTestCutShort,
  TEST_PROBLEMS,
  UPSTREAM_TEST_MS,
  type UpstreamTestCheck,
  type UpstreamTestReport,
} from './upstream-test.ts';
