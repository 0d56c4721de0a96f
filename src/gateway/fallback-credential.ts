/** What authenticates the gateway at the SCIM servers of directories without a credential of their own. */
import { type Config, ConfigError, UPSTREAM_CREDENTIAL } from '../config/index.ts';
import { parseUpstreamCredential } from '../directories/index.ts';

/** Throws ConfigError for a header that the gateway sets itself. */
export function fallbackCredentialOf({ LATCHKEY_UPSTREAM_CREDENTIAL: text }: Config) {
  if (text === undefined) return undefined;
  const parsed = parseUpstreamCredential(text);
  if (parsed) return parsed;
  const key = 'LATCHKEY_UPSTREAM_CREDENTIAL';
  throw new ConfigError([{ key, given: 'a value (not shown)', wanted: UPSTREAM_CREDENTIAL }]);
}
