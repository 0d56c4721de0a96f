import assert from 'node:assert/strict';
import { createCipheriv, hkdfSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { systemRandom } from '../../src/identifiers.ts';
import { PURPOSES, seal, unseal } from '../../src/secrets/sealing.ts';

const SECRET = 'a secret that nobody else has, long enough';

/** As the releases before purposes sealed. */
function sealedBefore(text: string): string {
  const salt = Buffer.from(systemRandom.bytes(16));
  const iv = Buffer.from(systemRandom.bytes(12));
  const key = Buffer.from(hkdfSync('sha256', SECRET, salt, 'latchkey', 32));
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return [salt, iv, cipher.getAuthTag(), sealed].map((part) => part.toString('base64url')).join('.');
}

describe('what is sealed', () => {
  it('opens for its own purpose alone', () => {
    for (const purpose of PURPOSES) {
      const sealed = seal('kept', SECRET, purpose, systemRandom);
      assert.ok(!sealed.includes('kept'));
      for (const other of PURPOSES) {
        if (other === purpose) assert.equal(unseal(sealed, SECRET, other), 'kept');
        else assert.throws(() => unseal(sealed, SECRET, other), /LATCHKEY_SECRET/);
      }
      assert.throws(() => unseal(sealed, `${SECRET}.`, purpose), /LATCHKEY_SECRET/);
    }
  });

  it('still opens as an earlier release sealed it, and not with the mark of today set before it or taken away', () => {
    const before = sealedBefore('kept');
    assert.equal(unseal(before, SECRET, 'signing keys'), 'kept');
    assert.throws(() => unseal(`v2.${before}`, SECRET, 'signing keys'), /LATCHKEY_SECRET/);
    const today = seal('kept', SECRET, 'signing keys', systemRandom);
    assert.throws(() => unseal(today.replace(/^v2\./, ''), SECRET, 'signing keys'), /LATCHKEY_SECRET/);
    for (const nothing of ['', 'v2', 'v2.', 'v2.a.b.c.d', 'a.b'])
      assert.throws(() => unseal(nothing, SECRET, 'signing keys'), /not a sealed text/);
  });
});
