/** Time-based one-time passwords (RFC 6238). */
import { Secret, TOTP } from 'otpauth';
import type { Clock } from '../clock.ts';
import type { Random } from '../identifiers.ts';

const ISSUER = 'Latchkey';
const STEP_SECONDS = 30;
const SECRET_BYTES = 20;
const BASE32 = /^[A-Z2-7]{32}$/;

export function createSecondFactor({ clock, random }: { clock: Clock; random: Random }) {
  function totpOf(secret: string, label: string): TOTP {
    return new TOTP({ issuer: ISSUER, label, secret: Secret.fromBase32(secret), period: STEP_SECONDS });
  }
  return {
    /** A secret in base32 and as an authenticator reads it: a new one, or the one that was proposed before. */
    propose(label: string, before = ''): { secret: string; uri: string } {
      const fresh = new Secret({ buffer: Uint8Array.from(random.bytes(SECRET_BYTES)).buffer }).base32;
      const secret = BASE32.test(before) ? before : fresh;
      return { secret, uri: totpOf(secret, label).toString() };
    },
    /** The time step of a right code: the present one, or a neighbour, since clocks differ. Undefined for any other. */
    stepOf(secret: string, code: string): number | undefined {
      const timestamp = clock.now().getTime();
      const token = code.replace(/\s/g, '');
      if (!BASE32.test(secret) || !/^\d{6}$/.test(token)) return undefined;
      const delta = totpOf(secret, ISSUER).validate({ token, timestamp, window: 1 });
      return delta === null ? undefined : Math.floor(timestamp / 1000 / STEP_SECONDS) + delta;
    },
  };
}
