/** Codes that stand in for a lost second factor, each once. 116 random bits each, so that their digests cannot be searched. */
import { digestOf } from '../credentials/index.ts';
import { type Random, randomText } from '../identifiers.ts';

const RECOVERY_CODES = 10;
/** Without what is read as something else: 0 and o, 1, i and l, u and v. */
const ALPHABET = 'abcdefghjkmnpqrstwxyz23456789';
const LENGTH = 24;

/** The codes as a person keeps them, and what is kept of them here. */
export function newRecoveryCodes(random: Random): { codes: string[]; digests: string[] } {
  const codes = Array.from({ length: RECOVERY_CODES }, () =>
    randomText(LENGTH, random, ALPHABET).replace(/(.{4})(?=.)/g, '$1-'),
  );
  return { codes, digests: codes.map(recoveryDigestOf) };
}

/** However it is typed: case, blanks and dashes do not matter. */
export function recoveryDigestOf(code: string): string {
  return digestOf(code.toLowerCase().replace(/[\s-]/g, ''));
}
