/** What is signed by the newest key and verified with `/oauth/jwks`: JWTs by which the gateway authenticates at SCIM servers, and documents. */
import { CompactSign, importJWK, type JWK, SignJWT } from 'jose';
import type { Clock } from '../clock.ts';

export interface UpstreamAssertion {
  audience: string;
  directoryId: string;
  organizationId: string;
  scope: string;
  lifetimeSeconds: number;
}

export function createUpstreamSigner({ issuer, clock }: { issuer: string; clock: Clock }) {
  let current: { kid: string; key: ReturnType<typeof importJWK> } | undefined;

  return {
    use(jwk: JWK | undefined): void {
      if (jwk?.kid !== undefined && jwk.kid !== current?.kid) current = { kid: jwk.kid, key: importJWK(jwk, 'ES256') };
    },
    /** Throws when no key was read yet. */
    async sign({ audience, directoryId, organizationId, scope, lifetimeSeconds }: UpstreamAssertion): Promise<string> {
      if (!current) throw new Error('the signing keys were not read yet');
      const now = Math.floor(clock.now().getTime() / 1000);
      return new SignJWT({ directory_id: directoryId, organization_id: organizationId, scope })
        .setProtectedHeader({ alg: 'ES256', kid: current.kid, typ: 'JWT' })
        .setIssuer(issuer)
        .setSubject(directoryId)
        .setAudience(audience)
        .setIssuedAt(now)
        .setExpirationTime(now + lifetimeSeconds)
        .sign(await current.key);
    },
    /** A text with its signature (JWS, compact). `type` keeps it from being taken for a token. Throws when no key was read yet. */
    async signDocument(text: string, type: string): Promise<string> {
      if (!current) throw new Error('the signing keys were not read yet');
      return new CompactSign(new TextEncoder().encode(text))
        .setProtectedHeader({ alg: 'ES256', kid: current.kid, typ: type })
        .sign(await current.key);
    },
  };
}
