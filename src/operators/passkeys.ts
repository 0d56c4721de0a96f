/**
 * Passkeys (WebAuthn): made by a browser or a security key for our public URL, and unlocked there by finger, face or PIN. One is two factors
 * by itself, so it signs in alone, and stands in for the code of an authenticator.
 */

import { isIP } from 'node:net';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { Random } from '../identifiers.ts';
import { seal, unseal } from '../secrets/sealing.ts';
import type { Operator, Passkey } from './records.ts';

/** What a page gives to the browser, and gets back with its answer. */
export interface Ceremony<Options> {
  options: Options;
  /** The challenge, sealed: only what we asked for within ten minutes is answered. */
  sealed: string;
}

export interface Passkeys {
  /** Undefined where the public URL has none: browsers want https (or localhost), and a name in place of an address. */
  isPossible: boolean;
  beginRegistration(operator: Operator): Promise<Ceremony<PublicKeyCredentialCreationOptionsJSON>>;
  /** Throws invalid_request. */
  finishRegistration(operator: Operator, given: { name: string; answer: string; sealed: string }): Promise<Passkey>;
  beginSignIn(operator?: Operator): Promise<Ceremony<PublicKeyCredentialRequestOptionsJSON>>;
  /** Whose passkey an answer says it is; undefined when it says nothing. */
  ownerOf(answer: string): string | undefined;
  /** The passkey as it is after its use, and when the challenge was made; undefined when it is not theirs, or not for us. */
  check(operator: Operator, answer: string, sealed: string): Promise<{ passkey: Passkey; askedAt: number } | undefined>;
}

const CHALLENGE_BYTES = 32;
const CHALLENGE_MS = 10 * 60_000;
/** Of a JSON answer of a browser; a post-quantum signature and an attestation fit. */
const LONGEST_ANSWER = 32_768;

/** Loaded with the first ceremony: it takes longer to load than all else that a start needs, and verifies nobody at an endpoint. */
const library = () => import('@simplewebauthn/server');

export function createPasskeys(deps: { publicUrl: string; clock: Clock; random: Random; secret: string }): Passkeys {
  const { publicUrl, clock, random, secret } = deps;
  const { hostname, protocol } = new URL(publicUrl);
  const isPossible = (protocol === 'https:' || hostname === 'localhost') && isIP(hostname.replace(/[[\]]/g, '')) === 0;

  function challenge(purpose: 'register' | 'sign-in') {
    const value = Buffer.from(random.bytes(CHALLENGE_BYTES)).toString('base64url');
    const sealed = seal(
      JSON.stringify({ purpose, value, at: clock.now().getTime() }),
      secret,
      'challenges of passkeys',
      random,
    );
    return { bytes: new Uint8Array(Buffer.from(value, 'base64url')), sealed };
  }

  /** Undefined for one that we did not make for this, or too long ago. */
  function opened(sealed: string, wanted: 'register' | 'sign-in'): { value: string; at: number } | undefined {
    try {
      const { purpose, value, at } = JSON.parse(unseal(sealed, secret, 'challenges of passkeys')) as {
        purpose: string;
        value: string;
        at: number;
      };
      const age = clock.now().getTime() - at;
      return purpose === wanted && age <= CHALLENGE_MS ? { value, at } : undefined;
    } catch {
      return undefined;
    }
  }

  return {
    isPossible,

    async beginRegistration(operator) {
      const { bytes, sealed } = challenge('register');
      const { generateRegistrationOptions } = await library();
      const options = await generateRegistrationOptions({
        rpName: 'Latchkey',
        rpID: hostname,
        userName: operator.email ?? operator.name,
        userDisplayName: operator.name,
        userID: new Uint8Array(Buffer.from(operator.id)),
        challenge: bytes,
        attestationType: 'none',
        excludeCredentials: (operator.passkeys ?? []).map(({ id, transports }) => ({ id, transports })),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      });
      return { options, sealed };
    },

    async finishRegistration(operator, { name, answer, sealed }) {
      const asked = opened(sealed, 'register');
      if (!asked) throw notMade('It took too long, or was started in another browser.');
      const response = readAnswer<RegistrationResponseJSON>(answer);
      if (!response) throw notMade('The browser sent no passkey.');
      const { verifyRegistrationResponse } = await library();
      const verified = await verifyRegistrationResponse({
        response,
        expectedChallenge: asked.value,
        expectedOrigin: publicUrl,
        expectedRPID: hostname,
        requireUserVerification: true,
      }).catch((error: unknown) => {
        throw notMade('It is for another address, or the browser did not verify you.', error);
      });
      if (!verified.verified) throw notMade('Its signature is not valid.');
      const { id, publicKey, counter, transports = [] } = verified.registrationInfo.credential;
      if (operator.passkeys?.some((known) => known.id === id)) throw notMade('You already have this passkey.');
      return {
        id,
        name,
        publicKey: Buffer.from(publicKey).toString('base64url'),
        counter,
        transports,
        createdAt: clock.now().toISOString(),
      };
    },

    async beginSignIn(operator) {
      const { bytes, sealed } = challenge('sign-in');
      const { generateAuthenticationOptions } = await library();
      const options = await generateAuthenticationOptions({
        rpID: hostname,
        challenge: bytes,
        userVerification: 'required',
        ...(operator && {
          allowCredentials: (operator.passkeys ?? []).map(({ id, transports }) => ({ id, transports })),
        }),
      });
      return { options, sealed };
    },

    ownerOf(answer) {
      const handle = readAnswer<AuthenticationResponseJSON>(answer)?.response?.userHandle;
      return typeof handle === 'string' ? Buffer.from(handle, 'base64url').toString() : undefined;
    },

    async check(operator, answer, sealed) {
      const asked = opened(sealed, 'sign-in');
      const response = readAnswer<AuthenticationResponseJSON>(answer);
      const passkey = operator.passkeys?.find(({ id }) => id === response?.id);
      if (!asked || !response || !passkey) return undefined;
      const { verifyAuthenticationResponse } = await library();
      try {
        const { verified, authenticationInfo } = await verifyAuthenticationResponse({
          response,
          expectedChallenge: asked.value,
          expectedOrigin: publicUrl,
          expectedRPID: hostname,
          requireUserVerification: true,
          credential: {
            id: passkey.id,
            publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
            counter: passkey.counter,
          },
        });
        if (!verified) return undefined;
        const lastUsedAt = clock.now().toISOString();
        return { passkey: { ...passkey, counter: authenticationInfo.newCounter, lastUsedAt }, askedAt: asked.at };
      } catch {
        // The library throws for what does not fit: another challenge, address or counter. All of it is a wrong answer.
        return undefined;
      }
    },
  };
}

function notMade(why: string, cause?: unknown): AppError {
  return new AppError('invalid_request', { detail: `The passkey was not added. ${why} Try again.` }, { cause });
}

function readAnswer<T>(text: string): T | undefined {
  if (text.length > LONGEST_ANSWER) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'response' in value ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}
