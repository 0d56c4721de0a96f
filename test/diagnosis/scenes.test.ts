/** Each state that the contact sheet shows is one that the product finds. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CODE_NAMES } from '../../src/diagnosis/index.ts';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { flush } from '../support/diagnosed.ts';
import { OAUTH_SCENARIOS } from '../support/oauth-scenarios.ts';
import { REQUEST_SCENARIOS } from '../support/request-scenarios.ts';
import { STATE_SCENARIOS } from '../support/state-scenarios.ts';
import { UPSTREAM_SCENARIOS } from '../support/upstream-scenarios.ts';

describe('a scene of the contact sheet', () => {
  let app: TestApp;
  before(async () => {
    app = await startApp({
      env: {
        LATCHKEY_FAILURES_PER_ADDRESS: '100000',
        LATCHKEY_FAILURES_PER_DIRECTORY: '100',
        LATCHKEY_LEASE_MS: '0',
        LATCHKEY_OAUTH_JWKS_HOSTS: 'keys.northwind.invalid',
      },
    });
  });
  after(() => app.close());

  for (const [code, drive] of Object.entries(STATE_SCENARIOS)) {
    it(`is ${code}`, async () => {
      const directory = await drive(app);
      await flush(app);
      if (!directory) {
        const { items } = (await app.api.get('/unplaced-refusals')).body;
        assert.ok(items.some((item: Answer) => item.code === code));
        return;
      }
      const { findings } = (await app.api.get(`/directories/${directory.id}/diagnosis`)).body;
      const codes = findings.map((finding: Answer) => finding.code);
      assert.ok(codes.includes(code), codes.join());
    });
  }

  it('is there for each code of the table', () => {
    const scenes = [
      ...Object.keys(REQUEST_SCENARIOS),
      ...Object.keys(OAUTH_SCENARIOS).map((name) => name.split(':')[0]),
      ...UPSTREAM_SCENARIOS.map(([code]) => code),
      ...Object.keys(STATE_SCENARIOS),
    ];
    assert.deepEqual(
      CODE_NAMES.filter((code) => !scenes.includes(code)),
      [],
    );
  });
});
