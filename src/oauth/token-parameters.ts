/** The parameters of a token request, as identity providers send them and as oidc-provider reads them. */
import { AppError } from '../errors.ts';
import type { Parameters } from './client-authentication.ts';

/** `offline_access` and `offline` ask for what every client gets: a refresh token. */
export function withoutAliases(scope: string): string {
  return [...new Set(scope.split(/[ +]+/))]
    .filter((word) => word !== '' && word !== 'offline_access' && word !== 'offline' && word !== 'openid')
    .join(' ');
}

/** Form or JSON; a parameter that comes twice must say the same. Throws invalid_request. */
export function readParameters(text: string, contentType = ''): Parameters {
  const found = new Map<string, string>();
  for (const [name, value] of pairsOf(text, contentType)) {
    if (found.has(name) && found.get(name) !== value) {
      throw new AppError('invalid_request', {
        detail: `The parameter ${name.slice(0, 50)} is given twice with different values.`,
      });
    }
    found.set(name, value);
  }
  return found;
}

function pairsOf(text: string, contentType: string): Iterable<[string, string]> {
  if (!/^application\/json\b/i.test(contentType)) return new URLSearchParams(text);
  try {
    const parsed = JSON.parse(text) as unknown;
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new SyntaxError('not an object');
    return Object.entries(parsed).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  } catch (error) {
    throw new AppError('invalid_request', { detail: 'The body is not a JSON object.' }, { cause: error });
  }
}

/** The one form that oidc-provider reads; `proof` is what it is shown of the client, `refreshWith` what instead of the refresh token. */
export function formOf(
  parameters: Parameters,
  proof: { client_id: string; client_secret?: string },
  refreshWith: string | undefined,
): string {
  const form = new URLSearchParams();
  for (const [name, value] of parameters) {
    if (!name.startsWith('client_') && name !== 'resource' && name !== 'scope') form.append(name, value);
  }
  for (const [name, value] of Object.entries(proof)) form.set(name, value);
  const scope = withoutAliases(parameters.get('scope') ?? '');
  // Without a scope the whole is asked for; the answer is to say so.
  if (scope !== '') form.set('scope', scope);
  else if (parameters.get('grant_type') === 'client_credentials') form.set('scope', 'scim');
  if (refreshWith !== undefined) form.set('refresh_token', refreshWith);
  return form.toString();
}
