import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  type ConsoleForm,
  IDENTITY_PROVIDER_IDS,
  IDENTITY_PROVIDERS,
  identityProviderOfAgent,
  isAgentOf,
  oauthPresetOf,
  redirectUrisOf,
} from '../../src/identity-providers/index.ts';

const SENTENCES = /^[A-Z].*\.$/;
/** Which begin with the name, however it is written. */
const startsWithName = (says: string, name: string) => says.toLowerCase().startsWith(name.toLowerCase());

for (const id of IDENTITY_PROVIDER_IDS) {
  describe(`what is known of ${id}`, () => {
    const {
      name,
      console: forms,
      reactions,
      recovery,
      rhythm,
      mistakes,
      quirks,
      links,
      oauth,
      agents,
      networks,
    } = IDENTITY_PROVIDERS[id];
    const all: ConsoleForm[] = [forms.bearer, ...(forms.oauth ? [forms.oauth] : [])];

    it('leads through its menus to an address, a credential and a button', () => {
      for (const form of all) {
        const fillings = form.fields.map(({ filling }) => filling);
        assert.ok(fillings.includes('endpoint') && form.path.length > 0 && form.buttons.length > 0);
        assert.equal(new Set(form.fields.map(({ label }) => label)).size, form.fields.length);
      }
      assert.ok(forms.bearer.fields.some(({ filling }) => filling === 'token'));
      if (forms.oauth) {
        for (const needed of ['client-id', 'client-secret', 'token-url'])
          assert.ok(
            forms.oauth.fields.some(({ filling }) => filling === needed),
            needed,
          );
      }
    });

    it('says where its labels were read, unless they differ from one product to the next', () => {
      for (const { checked } of all) {
        assert.match(checked.at, /^\d{4}-\d{2}-\d{2}$/);
        if (checked.basis === 'documented' || checked.basis === 'source') assert.ok(checked.source);
        if (checked.basis === 'unknown') assert.equal(checked.source, undefined);
      }
    });

    it('has a form for OAuth only where it has a preset', () => {
      assert.equal(forms.oauth !== undefined, oauth !== undefined);
    });

    it('sets limits that a new client keeps', () => {
      const { secrets, accessTokenSeconds, client, assertions } = oauthPresetOf(id);
      const { minimum, default: standard, maximum } = accessTokenSeconds;
      assert.ok(minimum <= standard && standard <= maximum);
      assert.ok(secrets.live >= 2 && client.grantTypes.length > 0 && assertions.maximumSeconds > 0);
      const { lifetime } = secrets;
      if (lifetime) {
        assert.ok(lifetime.minimumDays <= lifetime.defaultDays && lifetime.defaultDays <= lifetime.maximumDays);
      }
    });

    it('speaks in sentences', () => {
      for (const { says } of [...Object.values(reactions), rhythm]) {
        assert.match(says.replace(/^authentik/, 'Authentik'), SENTENCES);
      }
      for (const { says } of Object.values(reactions)) assert.ok(startsWithName(says, name), says);
      for (const { says, fix } of mistakes) {
        assert.match(says, SENTENCES);
        assert.match(fix, SENTENCES);
      }
      for (const { says } of quirks) assert.match(says, SENTENCES);
    });

    it('knows a schedule only where it repeats automatically', () => {
      if (recovery.retryHours) assert.ok(recovery.isAutomatic === 'yes' || recovery.isAutomatic === 'partly');
      if (recovery.isAutomatic === 'no') assert.ok(recovery.byHand, 'someone must be able to repeat it');
      if (rhythm.kind === 'polls') assert.ok(rhythm.everyMinutes !== undefined);
    });

    it('has each mistake once, and links and networks that are https', () => {
      assert.equal(new Set(mistakes.map(({ code }) => code)).size, mistakes.length);
      for (const url of [...links.map((link) => link.url), ...(networks ? [networks.publishedAt] : [])])
        assert.match(url, /^https:\/\//);
    });

    it('knows its own requests by their agent, in any case', () => {
      for (const { prefix, isDistinctive } of agents) {
        assert.equal(prefix, prefix.toLowerCase());
        assert.ok(isAgentOf(id, `${prefix.toUpperCase()}/1.0`));
        assert.equal(identityProviderOfAgent(`${prefix}/1.0`), isDistinctive ? id : undefined);
      }
      assert.ok(!isAgentOf(id, 'curl/8.0'));
    });
  });
}

describe('the identity providers', () => {
  it('are one file each, and each file is in the table', () => {
    const files = readdirSync('src/identity-providers').map((file) => file.replace(/\.ts$/, ''));
    const others = ['identity-provider', 'index', 'oauth-preset', 'table'];
    assert.deepEqual(
      files.filter((file) => !others.includes(file)).toSorted(),
      IDENTITY_PROVIDER_IDS.map(String).toSorted(),
    );
  });

  it('give no name to an agent that tells nothing', () => {
    assert.equal(identityProviderOfAgent('Apache-HttpClient/4.5.13 (Java/17)'), undefined);
    assert.equal(identityProviderOfAgent(''), undefined);
  });

  it('give Okta a redirect URI for each cell once its app has a name, and the one without TLS only where that is allowed', () => {
    const preset = oauthPresetOf('okta');
    assert.deepEqual(redirectUrisOf(preset, undefined, true), []);
    assert.equal(redirectUrisOf(preset, 'acme_1', false).length, 4);
    const all = redirectUrisOf(preset, 'acme_1', true);
    assert.equal(all.length, 5);
    for (const uri of all) assert.ok(uri.endsWith('/admin/app/cpc/acme_1/oauth/callback'), uri);
  });

  it('hold what Microsoft demands of clients for Entra ID', () => {
    const { secrets, accessTokenSeconds, assertions } = oauthPresetOf('entra');
    assert.deepEqual(secrets, {
      live: 3,
      lifetime: { isRequired: true, minimumDays: 365, maximumDays: 1095, defaultDays: 730 },
    });
    assert.deepEqual(accessTokenSeconds, { default: 7200, minimum: 3600, maximum: 21_600 });
    assert.equal(assertions.maximumSeconds, 86_400);
  });
});
