/**
 * Authorization requests that wait for a person: sealed, in cookies of the browser that brought them, so that an anonymous caller writes
 * nothing to the store. What a person decided is written, once, as oidc-provider's interaction.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InteractionResults, KoaContextWithOIDC, Provider as OidcProvider } from 'oidc-provider';
import type { Clock } from '../clock.ts';
import type { Random } from '../identifiers.ts';
import { seal, unseal } from '../secrets/sealing.ts';
import { type Collection, isDuplicate } from '../storage/index.ts';
import { type Artifact, artifactId } from './artifacts.ts';

export interface PendingRequest {
  uid: string;
  /** Where oidc-provider goes on once it is decided. */
  returnTo: string;
  /** As oidc-provider goes on with them. */
  params: { client_id: string; redirect_uri: string; scope?: string; [name: string]: unknown };
  redirectUriOmitted?: boolean;
  offlineScope?: string;
  /** Milliseconds since 1970. */
  endsAt: number;
}

/** How long a person has for the decision. */
export const PENDING_SECONDS = 3600;
/** Browsers keep at least 4096 bytes for each cookie, with its name and attributes. */
const PIECE_LENGTH = 3500;
/** A state of 2 KiB, everything else, and what encoding and sealing add. */
const PIECES = 4;

/** The library's types leave out what its constructor takes. */
type InteractionModel = new (uid: string, payload: object) => { save(seconds: number): Promise<string> };

export type PendingRequests = ReturnType<typeof createPendingRequests>;

export function createPendingRequests(deps: {
  artifacts: Collection<Artifact>;
  oidcProvider: () => OidcProvider;
  clock: Clock;
  random: Random;
  secret: string;
  isSecure: boolean;
}) {
  const { artifacts, oidcProvider, clock, random, secret, isSecure } = deps;
  const pathOf = (uid: string) => `/connect/${uid}`;
  const nameOf = (piece: number) => (piece === 0 ? 'latchkey_request' : `latchkey_request_${piece}`);

  return {
    /** Leaves the request with the browser. Gives the path of the page that is for deciding. */
    keep(ctx: KoaContextWithOIDC, pending: Omit<PendingRequest, 'endsAt'>): string {
      const endsAt = clock.now().getTime() + PENDING_SECONDS * 1000;
      const sealed = seal(textOf({ ...pending, endsAt }), secret, 'authorization requests', random);
      const path = pathOf(pending.uid);
      for (let piece = 0; piece * PIECE_LENGTH < sealed.length; piece++) {
        ctx.cookies.set(nameOf(piece), sealed.slice(piece * PIECE_LENGTH, (piece + 1) * PIECE_LENGTH), {
          path,
          httpOnly: true,
          sameSite: 'lax',
          secure: isSecure,
          signed: false,
          maxAge: PENDING_SECONDS * 1000,
        });
      }
      return path;
    },

    /** The request that this browser waits with; undefined when there is none, it is too late, or it was answered. */
    async find(request: IncomingMessage, response: ServerResponse): Promise<PendingRequest | undefined> {
      const { cookies } = oidcProvider().createContext(request, response);
      let sealed = '';
      for (let piece = 0; piece < PIECES; piece++) sealed += cookies.get(nameOf(piece), { signed: false }) ?? '';
      const pending = sealed === '' ? undefined : opened(sealed);
      if (!pending || pending.endsAt <= clock.now().getTime()) return undefined;
      const decided = await decisionOn(pending.uid);
      return decided?.consumedAt === undefined ? pending : undefined;
    },

    /**
     * Writes what was decided. Gives the address at which oidc-provider goes on with it; undefined when it went on before. Whoever decides the
     * same request again meanwhile, as by a button that was pressed twice, gets the same address.
     */
    async settle({ uid, returnTo, params }: PendingRequest, result: InteractionResults): Promise<string | undefined> {
      const decision = { returnTo, params, prompt: { name: 'connect', reasons: [], details: {} }, result };
      try {
        const Interaction = oidcProvider().Interaction as unknown as InteractionModel;
        await new Interaction(uid, decision).save(PENDING_SECONDS);
        return returnTo;
      } catch (error) {
        if (!isDuplicate(error, 'id')) throw error;
        const decided = await decisionOn(uid);
        return decided && decided.consumedAt === undefined ? returnTo : undefined;
      }
    },
  };

  function decisionOn(uid: string): Promise<Artifact | undefined> {
    return artifacts.find(artifactId('Interaction', uid));
  }

  function opened(sealed: string): PendingRequest | undefined {
    try {
      return pendingOf(unseal(sealed, secret, 'authorization requests'));
    } catch {
      // Made up, or sealed under another secret.
      return undefined;
    }
  }
}

/** The state is the client's, of any bytes: as base64 it takes the same room whatever it holds. */
function textOf({ params: { state, ...params }, ...pending }: PendingRequest): string {
  const encoded = typeof state === 'string' ? { state: Buffer.from(state).toString('base64') } : {};
  return JSON.stringify({ ...pending, params: { ...params, ...encoded } });
}

/** Throws where the text is no request. */
function pendingOf(text: string): PendingRequest {
  const { params, ...pending } = JSON.parse(text) as PendingRequest;
  const { state, ...own } = params;
  const decoded = typeof state === 'string' ? { state: Buffer.from(state, 'base64').toString() } : {};
  return { ...pending, params: { ...own, ...decoded } };
}
