/** The parameters of a token request, as identity providers send them and as oidc-provider reads them. */
import { SCOPES } from '../credentials/index.ts';
import { AppError } from '../errors.ts';
import type { Parameters } from './client-authentication.ts';

/** `offline_access` and `offline` ask for what every client gets: a refresh token. */
export function withoutAliases(scope: string): string {
  return [...new Set(scope.split(/[ +]+/))]
    .filter((word) => word !== '' && word !== 'offline_access' && word !== 'offline' && word !== 'openid')
    .join(' ');
}

/** Those of the scopes asked for that there are; without any asked for the whole, and undefined when none of them is known. */
export function knownScopes(asked = ''): string | undefined {
  const wanted = withoutAliases(asked);
  const known = wanted.split(' ').filter((scope) => (SCOPES as readonly string[]).includes(scope));
  return wanted === '' ? SCOPES[0] : known.join(' ') || undefined;
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

/** The one form that oidc-provider reads; `proof` is what it is shown of the client. */
export function formOf(parameters: Parameters, proof: { client_id: string; client_secret?: string }): string {
  const form = new URLSearchParams();
  for (const [name, value] of parameters) {
    if (!name.startsWith('client_') && name !== 'resource' && name !== 'scope') form.append(name, value);
  }
  for (const [name, value] of Object.entries(proof)) form.set(name, value);
  const scope = withoutAliases(parameters.get('scope') ?? '');
  if (scope !== '') form.set('scope', scope);
  return form.toString();
}
