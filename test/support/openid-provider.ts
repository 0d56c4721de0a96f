/** An OpenID provider that we did not write (oidc-provider with its own sign-in pages), with people in groups. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

export interface Person {
  name: string;
  email: string;
  groups: string[];
}

export const CLIENT = { id: 'latchkey-dashboard', secret: 'a-client-secret-of-the-tests' };

export async function startOpenIdProvider(people: Record<string, Person>): Promise<{
  issuer: string;
  allow(redirectUri: string): void;
  /** From now on something between us changes who an ID token speaks of, and cannot sign it. */
  speakOf(person: string | undefined): void;
  close(): Promise<void>;
}> {
  let forged: string | undefined;
  let handle: ReturnType<Provider['callback']> | undefined;
  const server = createServer((request, response) => void handle?.(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    allow(redirectUri) {
      const provider = new Provider(issuer, {
        clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [redirectUri] }],
        claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email'] },
        conformIdTokenClaims: false,
        cookies: { keys: ['a cookie key of the tests'] },
        pkce: { required: () => true },
        findAccount: (_ctx, id) => ({
          accountId: id,
          claims: () => ({ sub: id, ...people[id] }),
        }),
      });
      provider.use(async (ctx, next) => {
        await next();
        const answer = ctx.body as { id_token?: string } | undefined;
        if (forged === undefined || answer?.id_token === undefined) return;
        const [head, payload = '', signature] = answer.id_token.split('.');
        const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
        const changed = Buffer.from(JSON.stringify({ ...claims, sub: forged, ...people[forged] })).toString(
          'base64url',
        );
        ctx.body = { ...answer, id_token: [head, changed, signature].join('.') };
      });
      handle = provider.callback();
    },
    speakOf(person) {
      forged = person;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
