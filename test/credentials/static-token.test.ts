import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import {
  classifyToken,
  digestOf,
  digestOfSsoready,
  digestsOf,
  hintOf,
  mintToken,
  STATIC_TOKEN_PATTERN,
} from '../../src/credentials/static-token.ts';
import { systemRandom, toBase62 } from '../../src/identifiers.ts';

describe('static tokens', () => {
  it('match the published expression and carry the checksum of their random part', () => {
    for (let round = 0; round < 200; round++) {
      const token = mintToken('scim_', systemRandom);
      assert.match(token, new RegExp(STATIC_TOKEN_PATTERN));
      assert.equal(token.length, 43);
      assert.equal(token.slice(-6), toBase62(crc32(token.slice(5, 37)), 6));
      assert.equal(classifyToken(token), 'ours');
    }
  });

  it('are told from mistyped, truncated and foreign ones', () => {
    const token = mintToken('scim_', systemRandom);
    for (let index = 5; index < token.length; index++) {
      const typo = token.slice(0, index) + (token[index] === 'A' ? 'B' : 'A') + token.slice(index + 1);
      assert.equal(classifyToken(typo), 'damaged', typo);
    }
    assert.equal(classifyToken(token.slice(0, -1)), 'damaged');
    assert.equal(classifyToken(`${token}x`), 'damaged');
    assert.equal(classifyToken('scim_'), 'damaged');
    assert.equal(classifyToken('scim_live_0123456789'), 'foreign');
    assert.equal(classifyToken('SCIM_0123'), 'foreign');
    assert.equal(classifyToken('e4f0c3c2-9d1a-4a53-a0b1-1f4a3c2d9b11'), 'foreign');
  });

  it('draws each character evenly', () => {
    const counts = new Map<string, number>();
    for (let round = 0; round < 2000; round++) {
      for (const character of mintToken('lk_', systemRandom).slice(3, 35))
        counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    assert.equal(counts.size, 62);
    for (const [character, count] of counts) assert.ok(Math.abs(count - 64_000 / 62) < 250, `${character}: ${count}`);
  });

  it('shows the last four characters only', () => {
    assert.equal(hintOf('scim_abcdWXYZ'), 'WXYZ');
  });
});

describe("SSOReady's tokens", () => {
  const uuid = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
  const digits = BigInt(`0x${uuid.toString('hex')}`)
    .toString(36)
    .padStart(25, '0');
  const token = `ssoready_scim_bearer_token_${digits}`;

  it('have the digest of their 16 bytes', () => {
    assert.equal(digestOfSsoready(token), `ssoready:${createHash('sha256').update(uuid).digest('hex')}`);
    assert.deepEqual(digestsOf(token), [digestOfSsoready(token), digestOf(token)]);
  });

  it('say at most 128 bits: what would wrap around is no token', () => {
    const largest = ((1n << 128n) - 1n).toString(36).padStart(25, '0');
    const beyond = (1n << 128n).toString(36).padStart(25, '0');
    const prefix = 'ssoready_scim_bearer_token_';
    assert.equal(
      digestOfSsoready(prefix + largest),
      `ssoready:${createHash('sha256').update(Buffer.alloc(16, 255)).digest('hex')}`,
    );
    assert.equal(digestOfSsoready(prefix + beyond), undefined);
    assert.equal(digestOfSsoready(prefix + 'z'.repeat(25)), undefined);
    assert.equal(digestOfSsoready(`${token}0`), undefined);
    assert.equal(digestOfSsoready(token.toUpperCase()), undefined);
  });
});
