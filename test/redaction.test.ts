import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { mintToken } from '../src/credentials/static-token.ts';
import { randomText, systemRandom } from '../src/identifiers.ts';
import { holdsSecret, withoutSecrets, withoutUnguessable } from '../src/secrets/redaction.ts';

const AGENTS = [
  'Okta SCIM Client 1.0.0',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605.1.15',
  'azure-active-directory-provisioning-service/1.0',
  'goauthentik.io/sources/scim (authentik 2026.10.2)',
  'python-requests/2.32.3',
  'PingOne Provisioning Service, JumpCloudSCIM/3.2, SailPoint IdentityNow connector',
  'The redirect_uri did not match any of the redirect URIs that are registered for this client',
];

/** 500 values each of what people and systems use as secrets. */
const SECRETS: Record<string, () => string> = {
  'static tokens': () => mintToken('scim_', systemRandom),
  'API keys': () => mintToken('lk_', systemRandom),
  'access tokens': () => `scimat_${randomText(43, systemRandom)}`,
  'client secrets': () => `scimcs_${randomText(43, systemRandom)}`,
  'portal links': () => `lkp_${randomText(43, systemRandom)}`,
  'authorization codes': () => randomText(43, systemRandom),
  UUIDs: () => randomUUID(),
  'hexadecimal values': () => randomBytes(16).toString('hex'),
  'base64 values': () => randomBytes(24).toString('base64'),
  'base64url values': () => randomBytes(32).toString('base64url'),
  'lower-case values': () => randomText(24, systemRandom, 'abcdefghijklmnopqrstuvwxyz'),
  'Basic halves': () => Buffer.from(`client_a:${randomText(20, systemRandom)}`).toString('base64'),
};

describe('what passes the redactor', () => {
  for (const [kind, make] of Object.entries(SECRETS)) {
    it(`is none of 500 ${kind}`, () => {
      const passed: string[] = [];
      for (let n = 0; n < 500; n++) {
        const secret = make();
        for (const text of [
          secret,
          `agent/${secret} (x)`,
          `?token=${secret}&b=1`,
          `x "${secret}"`,
          encodeURIComponent(secret),
        ])
          if (withoutUnguessable(text).includes(secret)) passed.push(text);
      }
      assert.deepEqual(passed, []);
    });
  }

  it('is what agents say of themselves, IDs of ours, and words', () => {
    const ids = ['dir_4kZAbCdEfGhIjKlMnOpQ', 'client_00000000000000000abc', 'evt_0UXhAbcd000ABCDEFGHIJ'];
    for (const text of [...AGENTS, ...ids, 'authorization_code', 'urn:ietf:params:oauth:grant-type:jwt-bearer'])
      assert.equal(withoutUnguessable(text), text);
  });
});

describe('a secret of ours', () => {
  it('is told from other text, also where its underscore is percent-encoded', () => {
    const token = mintToken('scim_', systemRandom);
    for (const text of [token, `x${token}x`, token.replace('_', '%5F'), `{"${token}": 1}`]) {
      assert.ok(holdsSecret(text), text);
      assert.ok(!withoutSecrets(text).includes(token.slice(5)));
    }
    for (const text of ['scim_users', 'Northwind', 'lk_short', 'my scim_connection_of_last'])
      assert.ok(!holdsSecret(text));
  });
});
