/**
 * An estimate of how hard a value is to guess that another system made: the bits of its shortest description in pieces that people and
 * programs make values of. What is random reads as random characters; words, dates, sequences and repeats cost as little as they tell.
 */

import { setImmediate } from 'node:timers/promises';

/** Beyond this many bits a SHA-256 of a value can't be searched by someone with a dump of the store. */
export const STRONG_BITS = 64;

export interface Strength {
  /** At most what random characters of its alphabet would have. */
  bits: number;
  /** What makes it guessable, in words; none of the value is repeated. */
  because: readonly string[];
}

/** A longer value is judged by this many characters of either end, since whoever judges one holds up everybody else's requests. */
const LONGEST_END = 64;
/** What a sequence, a row of keys or a repeat costs to name: so much that random text hardly ever holds one that saves anything. */
const PIECE_BITS = 18;
const SHORTEST_PIECE = 4;
/** A date of the last hundred years. */
const DATE_BITS = 16;
const YEAR_BITS = 7;
/** Random text holds short words too, but rarely at its ends and between signs, where people set them. */
const UNBOUND_BITS = 4;
const COMMON_WORD_BITS = 8;
const LONGEST_WORD = 24;
/** Names that no list knows. */
const NAME_BITS_PER_LETTER = 2.8;

/** What people call tokens, servers and tests; a list of common words lacks the half of them. */
const COMMON_WORDS = new Set(
  `access account acme admin administrator apikey apitoken application auth authorization azure basic bearer
  changeme changeit client company connect corp credential customer data default demo development directory
  domain entra example foobar google group hello identity import integration internal jumpcloud keycloak
  latchkey legacy letmein local login main master microsoft okta onelogin oauth partner passphrase passwd
  password pingone prod production provision provisioning public qwerty refresh root sailpoint sample sandbox
  saml scim scimtoken secret secrets secure security server service session shared stage staging system temp
  tenant test testing token tokens user users value vault welcome workday
  api app dev eng env foo bar hr idp iam jwt key new old org pass pwd qa sso sys tmp uat www xyz com net`
    .split(/\s+/)
    .filter((word) => word !== ''),
);
const KEY_ROWS = [
  '`1234567890-=',
  'qwertyuiop',
  'qwertzuiop',
  'azertyuiop',
  'asdfghjkl',
  'qsdfghjklm',
  'zxcvbnm',
  'yxcvbnm',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p',
];
const ROWS = KEY_ROWS.flatMap((row) => [row, Array.from(row).reverse().join('')]);
const LOOKALIKES: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'l',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};

let words: Promise<ReadonlyMap<string, number>> | undefined;

/** Words and common passwords with the bits that each costs; read with the first import, since nobody else needs them in memory. */
function knownWords(): Promise<ReadonlyMap<string, number>> {
  words ??= import('@zxcvbn-ts/language-common').then(({ dictionary }) => {
    const bits = new Map<string, number>();
    for (const word of dictionary['diceware-common']) if (word.length >= 4) bits.set(word, 13);
    dictionary['passwords-common'].forEach((word, rank) => {
      // Numbers are sequences, dates or repeats, or else as random as their length.
      if (word.length >= 5 && /[a-z]/.test(word)) bits.set(word, Math.max(COMMON_WORD_BITS, Math.log2(rank + 1)));
    });
    for (const word of COMMON_WORDS) bits.set(word, COMMON_WORD_BITS);
    return bits;
  });
  return words;
}

/**
 * Estimates a value in visible ASCII characters. What it cannot know (a value that was published) it does not count. It takes milliseconds, so
 * each estimate waits for a turn of its own: whoever has many made lets everybody else in between.
 */
export async function estimateStrength(value: string): Promise<Strength> {
  const known = await knownWords();
  await setImmediate();
  const { length } = value;
  const ends =
    length <= 2 * LONGEST_END ? [value] : [value.slice(0, LONGEST_END), value.slice(length - LONGEST_END, length)];
  const estimates = ends.map((end) => estimate(end, known));
  return {
    bits: estimates.reduce((sum, { bits }) => sum + bits, 0),
    because: [...new Set(estimates.flatMap(({ because }) => because))],
  };
}

function estimate(text: string, known: ReadonlyMap<string, number>): Strength {
  const uuid = /^(?:urn:uuid:)?\{?([\da-f]{8}-[\da-f]{4}-([1-8])[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12})\}?$/i.exec(
    text,
  );
  const [, digits = '', version = ''] = uuid ?? [];
  // Of those by time, the next value of the same machine differs in its hundreds of nanoseconds alone.
  if (version !== '' && '126'.includes(version)) return { bits: 40, because: ['a UUID that is made of a time'] };
  if (version !== '' && '35'.includes(version)) return { bits: 40, because: ['a UUID that is made of a name'] };
  const whole = uuid
    ? estimate(
        digits
          .toLowerCase()
          .replaceAll('-', '')
          .replace(/^(.{12})./, '$1')
          .replace(/^(.{15})./, '$1'),
        known,
      )
    : shortest(text, known);
  const period = periodOf(text);
  const candidates = [whole];
  if (period < text.length) {
    const block = shortest(text.slice(0, period), known);
    const bits = block.bits + Math.log2(text.length / period) + 1;
    candidates.push({ bits, because: ['a repeat', ...block.because] });
  }
  const inner = decoded(text);
  if (inner !== undefined) {
    const { bits, because } = estimate(inner, known);
    candidates.push({ bits: bits + 3, because: ['encoded text', ...because] });
  }
  return candidates.reduce((best, one) => (one.bits < best.bits ? one : best));
}

/** The length of the block that the whole text repeats; that of the text when it repeats none. */
function periodOf(text: string): number {
  for (let length = 1; length <= text.length / 2; length++) {
    if (text.startsWith(text.slice(length))) return length;
  }
  return text.length;
}

/** The readable text that a value is the hexadecimal or base64 form of. */
function decoded(text: string): string | undefined {
  const isHex = /^(?:[\da-f]{2}){4,}$/i.test(text);
  if (!isHex && !/^[\w+/-]{8,}={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, isHex ? 'hex' : 'base64');
  const inner = bytes.toString('latin1');
  return /^[\w .:@/+-]{4,}$/.test(inner) && /[A-Za-z]{3}/.test(inner) ? inner : undefined;
}

/** Bits of one random character, by the smallest usual alphabet that the text may come from. */
function literalBits(text: string): number {
  const distinct = new Set(text).size;
  const size = sizeOf(text);
  // Long text of few characters has no more than those.
  return Math.log2(text.length >= 5 * distinct ? Math.min(size, Math.max(distinct, 2)) : size);
}

function sizeOf(text: string): number {
  if (/^\d+$/.test(text)) return 10;
  if (/^(?:[\da-f]+|[\dA-F]+)$/.test(text)) return 16;
  const hasBothCases = /[a-z]/.test(text) && /[A-Z]/.test(text);
  if (/^[\dA-Za-z]+$/.test(text)) return hasBothCases ? 62 : 36;
  // The signs of base64 and of its form for URLs, and those that stand between words.
  if (/^(?:[\w-]+|[\dA-Za-z+/]+={0,2}|[\w.]+)$/.test(text)) return hasBothCases ? 64 : 38;
  return 94;
}

interface Piece {
  end: number;
  bits: number;
  /** Whether it is a word, next to which another one, a sign or an end is to be expected. */
  isWord: boolean;
  because?: string;
}

/** Where a parse stands: behind something random, behind a word, or at a sign or the beginning. */
type Place = 'random' | 'word' | 'boundary';

interface Parse {
  bits: number;
  because: readonly string[];
  hasBoundWord: boolean;
}

function shortest(text: string, known: ReadonlyMap<string, number>): Strength {
  const plain = parse(text, known, false);
  // Among words, what reads like a name is one.
  return plain.hasBoundWord ? parse(text, known, true) : plain;
}

function parse(text: string, known: ReadonlyMap<string, number>, hasNames: boolean): Parse {
  const { length } = text;
  const perCharacter = literalBits(text);
  const best: Partial<Record<Place, Parse>>[] = Array.from({ length: length + 1 }, () => ({}));
  best[0] = { boundary: { bits: 0, because: [], hasBoundWord: false } };
  const reach = (at: number, place: Place, parse: Parse) => {
    const cell = best[at] as Partial<Record<Place, Parse>>;
    if (parse.bits < (cell[place]?.bits ?? Number.POSITIVE_INFINITY)) cell[place] = parse;
  };
  for (let at = 0; at < length; at++) {
    const pieces = piecesAt(text, at, known, hasNames);
    const isSign = !isAlphanumeric(text[at]);
    for (const [place, before] of Object.entries(best[at] ?? {}) as [Place, Parse][]) {
      const leaving = place === 'word' && !isSign ? UNBOUND_BITS : 0;
      // A sign behind a word is the one that people put there.
      const literal = isSign && place === 'word' ? 1 : perCharacter + leaving;
      reach(at + 1, isSign ? 'boundary' : 'random', { ...before, bits: before.bits + literal });
      for (const { end, bits, isWord, because } of pieces) {
        const unbound = isWord && place === 'random' ? UNBOUND_BITS : 0;
        const isBound = isWord && place !== 'random' && (end === length || !isAlphanumeric(text[end]));
        reach(end, isWord ? 'word' : 'random', {
          bits: before.bits + bits + unbound,
          because: because === undefined ? before.because : [...new Set([...before.because, because])],
          hasBoundWord: before.hasBoundWord || isBound,
        });
      }
    }
  }
  const ends = Object.values(best[length] ?? {});
  return ends.reduce((least, one) => (one.bits < least.bits ? one : least));
}

function isAlphanumeric(character = ''): boolean {
  return /[0-9A-Za-z]/.test(character);
}

/** What may begin at a place besides a random character. */
function piecesAt(text: string, at: number, known: ReadonlyMap<string, number>, hasNames: boolean): Piece[] {
  const pieces: Piece[] = [];
  const readAlike = asLetters(text.slice(at, at + LONGEST_WORD));
  const add = (end: number, bits: number, because: string) => {
    if (end - at >= SHORTEST_PIECE) pieces.push({ end, bits, isWord: false, because });
  };
  add(at + sequenceAt(text, at), PIECE_BITS, 'a sequence');
  add(at + rowAt(text, at), PIECE_BITS + 3, 'a row of keys');
  add(at + repeatAt(text, at), PIECE_BITS, 'a repeat');
  const isBoundBefore = at === 0 || !isAlphanumeric(text[at - 1]);
  for (const piece of datesAt(text, at)) pieces.push(piece);
  for (let end = at + 3; end <= Math.min(text.length, at + LONGEST_WORD); end++) {
    const bits = wordBits(text.slice(at, end), readAlike.slice(0, end - at), known);
    const isBoundAfter = end === text.length || !isAlphanumeric(text[end]);
    const isShort = end - at === 3;
    if (bits !== undefined && (!isShort || (isBoundBefore && isBoundAfter)))
      pieces.push({ end, bits, isWord: true, because: 'words' });
  }
  const [name] = hasNames && isBoundBefore ? (/^[A-Z]?[a-z]{3,}(?![0-9A-Za-z])/.exec(text.slice(at)) ?? []) : [];
  if (name !== undefined)
    pieces.push({
      end: at + name.length,
      bits: 3 + name.length * NAME_BITS_PER_LETTER,
      isWord: true,
      because: 'words',
    });
  return pieces;
}

/** In small letters, with those that digits and signs stand for. */
function asLetters(text: string): string {
  return Array.from(text.toLowerCase(), (character) => LOOKALIKES[character] ?? character).join('');
}

/** The cost of a piece as a word: written small, large, with a capital, or with digits in the place of letters (`readAlike`: without them). */
function wordBits(piece: string, readAlike: string, known: ReadonlyMap<string, number>): number | undefined {
  const small = piece.toLowerCase();
  const isMixed = piece !== small && piece !== piece.toUpperCase() && piece.slice(1) !== small.slice(1);
  if (isMixed) return undefined;
  const ofCase = piece === small ? 0 : 1;
  const plain = known.get(small);
  if (plain !== undefined) return plain + ofCase;
  if (piece.length < 6 || readAlike === small || !/[a-z].*[a-z].*[a-z]/.test(small)) return undefined;
  const alike = known.get(readAlike);
  return alike === undefined ? undefined : alike + ofCase + 3;
}

/** How many characters go up or down by one, or stay, from here. */
function sequenceAt(text: string, at: number): number {
  const step = text.charCodeAt(at + 1) - text.charCodeAt(at);
  if (Math.abs(step) > 1) return 0;
  let end = at + 1;
  while (end < text.length && text.charCodeAt(end) - text.charCodeAt(end - 1) === step) end++;
  return end - at;
}

function rowAt(text: string, at: number): number {
  let longest = 0;
  for (const row of ROWS) {
    const from = row.indexOf((text[at] ?? '').toLowerCase());
    if (from === -1) continue;
    let length = 1;
    while (at + length < text.length && row[from + length] === text[at + length]?.toLowerCase()) length++;
    longest = Math.max(longest, length);
  }
  return longest;
}

/** How much from here stood before; it may go on into itself. */
function repeatAt(text: string, at: number): number {
  let longest = 0;
  for (let from = 0; from < at; from++) {
    let length = 0;
    while (at + length < text.length && text[from + length] === text[at + length]) length++;
    longest = Math.max(longest, length);
  }
  return longest;
}

const MONTH_DAY = '(?:0[1-9]|1[0-2])[-./_]?(?:0[1-9]|[12]\\d|3[01])';
const DATES: [pattern: RegExp, bits: number][] = [
  [new RegExp(`^(?:19|20)\\d\\d[-./_]?${MONTH_DAY}(?!\\d)`), DATE_BITS],
  [/^(?:0?[1-9]|[12]\d|3[01])[-./_](?:0?[1-9]|1[0-2])[-./_](?:19|20)?\d\d(?!\d)/, DATE_BITS],
  [new RegExp(`^(?:19|20)\\d\\d-?${MONTH_DAY}[T_ -]?[0-2]\\d:?[0-5]\\d(?::?[0-5]\\d)?Z?(?!\\d)`), DATE_BITS + 17],
  [/^1[5-9]\d{8}(?:\d{3})?(?!\d)/, 28],
  [/^(?:19[5-9]|20[0-4])\d(?![0-9])/, YEAR_BITS],
];

/** Dates, times and years that no other digit or hexadecimal letter touches. */
function datesAt(text: string, at: number): Piece[] {
  if (/[0-9]/.test(text[at - 1] ?? '') || /^[\da-f]+$/i.test(text)) return [];
  const rest = text.slice(at, at + 32);
  return DATES.flatMap(([pattern, bits]) => {
    const [found] = pattern.exec(rest) ?? [];
    return found === undefined ? [] : [{ end: at + found.length, bits, isWord: true, because: 'a date' }];
  });
}
