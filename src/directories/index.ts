/**
 * WHO. Organizations, the customers of the vendor, and their directories: one SCIM connection each, with an endpoint from the moment it
 * exists and without a credential until one is made.
 */
export {
  createDirectories,
  type Directories,
  type Directory,
  type DirectoryChanges,
  type DirectoryInput,
  ENDPOINT_KEY,
  endpointUrlOf,
} from './directories.ts';
export {
  createOrganizations,
  isOrigin,
  isOriginAllowed,
  MOST_ORIGINS,
  type Organization,
  type Organizations,
} from './organizations.ts';
export { createUpstreamPolicy, PRIVATE_RANGES, type UpstreamPolicy } from './upstream.ts';
export { parseUpstreamCredential, type UpstreamCredentialInput } from './upstream-credential.ts';
