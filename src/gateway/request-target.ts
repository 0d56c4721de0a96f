/** What the SCIM server is asked for: the path behind the endpoint and the query, as the IdP sent them. */
import { hasDotSegment, splitGatewayPath } from '../verification/index.ts';

export interface Target {
  endpointKey: string;
  /** Behind the endpoint: begins with a slash, or is empty. */
  rest: string;
  /** Begins with `?`, or is empty. */
  query: string;
}

/** undefined: a dot segment in any spelling, with which a path could leave the endpoint. */
export function readTarget(url: string): Target | undefined {
  const parts = splitGatewayPath(url);
  if (!parts || hasDotSegment(parts.rest)) return undefined;
  // A base URL pasted with a slash at its end makes `{endpoint}//Users`.
  return parts.rest.startsWith('//') ? { ...parts, rest: parts.rest.slice(1) } : parts;
}
