import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { mintToken } from '../../src/credentials/static-token.ts';
import { BASE62, randomText, systemRandom } from '../../src/identifiers.ts';
import { estimateStrength, STRONG_BITS } from '../../src/secrets/strength.ts';

const DIGITS = '0123456789';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const ALPHABETS = {
  digits: DIGITS,
  'small hexadecimal': `${DIGITS}abcdef`,
  'large hexadecimal': `${DIGITS}ABCDEF`,
  'small letters': LOWER,
  'large letters': LOWER.toUpperCase(),
  base32: `${LOWER.toUpperCase()}234567`,
  base36: DIGITS + LOWER,
  base58: BASE62.replace(/[0OIl]/g, ''),
  base62: BASE62,
  base64: `${BASE62}+/`,
  'base64 for URLs': `${BASE62}-_`,
  'visible ASCII': Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at)).join(''),
};
const TRIES = 400;

/** Of random values of so many bits, how many pass. */
async function sharePassing(alphabet: string, bits: number): Promise<number> {
  const length = Math.ceil(bits / Math.log2(alphabet.length));
  let passing = 0;
  for (let turn = 0; turn < TRIES; turn++)
    if ((await estimateStrength(randomText(length, systemRandom, alphabet))).bits >= STRONG_BITS) passing++;
  return passing / TRIES;
}

describe('the estimate of imported values', () => {
  for (const [name, alphabet] of Object.entries(ALPHABETS)) {
    it(`lets random values in ${name} pass from 64 bits on, and those of 96 bits always`, async () => {
      // At the very edge a random value may lack a whole class of its alphabet.
      assert.ok((await sharePassing(alphabet, STRONG_BITS)) > 0.9);
      assert.equal(await sharePassing(alphabet, 96), 1);
    });

    it(`lets no random value of 48 bits in ${name} pass`, async () => {
      assert.equal(await sharePassing(alphabet, 48), 0);
    });
  }

  it('lets values pass that servers make', async () => {
    const hex = randomBytes(32).toString('hex');
    const made = [
      mintToken('scim_', systemRandom),
      `scimrt_${randomText(43, systemRandom)}`,
      `scimcs_${randomText(43, systemRandom)}`,
      randomBytes(16).toString('hex'),
      randomBytes(24).toString('base64url'),
      randomBytes(32).toString('base64'),
      randomUUID(),
      randomUUID().toUpperCase(),
      `acme_scim_prod_${randomBytes(12).toString('hex')}`,
      createHash('sha1').update(hex).digest('hex'),
      `v1.${randomBytes(18).toString('base64url')}`,
      `eyJhbGciOiJIUzI1NiJ9.${Buffer.from('{"sub":"acme"}').toString('base64url')}.${randomBytes(32).toString('base64url')}`,
    ];
    for (const value of made) assert.ok((await estimateStrength(value)).bits >= STRONG_BITS, value);
  });

  it('lets none pass that people make up, and says what it is made of', async () => {
    for (const [value, because] of [
      ['password123', 'words'],
      ['Password123!Password123!', 'a repeat'],
      ['P@ssw0rd-2024-P@ssw0rd', 'words'],
      ['scim-token-acme', 'words'],
      ['acme-scim-token-production-2024', 'words'],
      ['kowalski-scim-token-2024', 'words'],
      ['northwind_okta_scim_token', 'words'],
      ['correct-horse-battery-staple', 'words'],
      ['2024-01-15T10:00:00Z', 'a date'],
      ['token-2024-01-15-acme', 'a date'],
      ['abcd1234abcd1234abcd1234abcd1234', 'a repeat'],
      ['x7Qp2x7Qp2x7Qp2x7Qp2x7Qp2x7Qp2', 'a repeat'],
      ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'a repeat'],
      ['0101010101010101010101010101010101010101', 'a repeat'],
      ['abcdefghijklmnopqrstuvwxyz', 'a sequence'],
      ['zyxwvutsrqponmlkjihgfedcba0123456789', 'a sequence'],
      ['zxcvbnm,asdfghjkl;qwertyuiop', undefined],
      ['azertyuiopqsdfghjklm1qaz2wsx3edc', undefined],
      ['6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'a UUID that is made of a time'],
      ['1ec9414c-232a-6b00-b3c8-9e6bdeced846', 'a UUID that is made of a time'],
      ['886313e1-3b8a-5372-9b90-0c9aee199e5d', 'a UUID that is made of a name'],
      ['00000000-0000-4000-8000-000000000000', 'a repeat'],
      ['deadbeefcafe', undefined],
      ['c2NpbS10b2tlbi1hY21l', 'encoded text'],
      [Buffer.from('scim-token-acme').toString('hex'), 'encoded text'],
    ] as const) {
      const strength = await estimateStrength(value);
      assert.ok(strength.bits < STRONG_BITS, `${value}: ${strength.bits}`);
      if (because) assert.ok(strength.because.includes(because), `${value}: ${strength.because}`);
    }
  });

  it('judges a long value quickly, and by what stands at its ends', async () => {
    const startedAt = process.cpuUsage().user;
    assert.ok((await estimateStrength('a'.repeat(4096))).bits < STRONG_BITS);
    assert.ok((await estimateStrength('a'.repeat(4000) + randomText(43, systemRandom))).bits >= STRONG_BITS);
    assert.ok(process.cpuUsage().user - startedAt < 5_000_000, 'in microseconds');
  });

  it('reads so little of a value that nobody else waits for it', async () => {
    const [start, end] = [randomText(64, systemRandom), randomText(64, systemRandom)];
    const [short, long] = await Promise.all(
      [1, 3900].map((between) => estimateStrength(start + 'a1'.repeat(between) + end)),
    );
    assert.deepEqual(long, short);
  });

  it('lets other work in between many estimates', async () => {
    let turns = 0;
    const turn = () => {
      turns++;
      immediate = setImmediate(turn);
    };
    let immediate = setImmediate(turn);
    for (let made = 0; made < 20; made++) await estimateStrength('acme-scim-token-production-2024');
    clearImmediate(immediate);
    assert.ok(turns >= 19, `${turns} turns during 20 estimates`);
  });
});
