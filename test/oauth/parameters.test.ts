import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { offlineScopeOf, readBodyParameters, readPairs, readScope } from '../../src/oauth/parameters.ts';

const SECRET = `scimcs_${'a'.repeat(43)}`;
const CLIENT = `client_${'b'.repeat(20)}`;
const FORM = 'application/x-www-form-urlencoded';

const pairs = (query: string) => readPairs(new URLSearchParams(query));
const read = (query: string) => Object.fromEntries(pairs(query).parameters);

describe('the reader of OAuth parameters', () => {
  it('takes an empty parameter for an absent one', () => {
    assert.deepEqual(read('client_secret=&state=&scope=&code_verifier=&client_id=x'), { client_id: 'x' });
  });

  it('ignores what it does not know, given once, twice or empty', () => {
    const others =
      'nonce=1&max_age=0&prompt=none&claims=%7B%7D&resource=a&resource=b&audience=x&__proto__=1&constructor=2';
    assert.deepEqual(read(`${others}&grant_type=refresh_token`), { grant_type: 'refresh_token' });
    assert.equal(pairs(others).mistake, undefined);
  });

  it('takes a parameter twice when both say the same, joins scopes, and names one that differs', () => {
    assert.deepEqual(read('state=a&state=a&state='), { state: 'a' });
    assert.deepEqual(read('scope=scim&scope=offline_access'), { scope: 'scim offline_access' });
    const { mistake, twice } = pairs('state=a&state=b&code=x');
    assert.deepEqual([mistake, twice], ['form_parameter_twice', ['state']]);
  });

  for (const blank of [' ', '\n', '\r\n', '\t', '\u00a0', '\ufeff']) {
    it(`takes ${JSON.stringify(blank)} off around what has our shape, and leaves it inside and around all else`, () => {
      const around = (value: string) => encodeURIComponent(`${blank}${value}${blank}`);
      assert.deepEqual(read(`client_id=${around(CLIENT)}&client_secret=${around(SECRET)}`), {
        client_id: CLIENT,
        client_secret: SECRET,
      });
      assert.deepEqual(read(`refresh_token=${around(`scimrt_${'c'.repeat(43)}`)}&code=${around('d'.repeat(43))}`), {
        refresh_token: `scimrt_${'c'.repeat(43)}`,
        code: 'd'.repeat(43),
      });
      const broken = `scimcs_${blank}${'a'.repeat(42)}`;
      assert.equal(read(`client_secret=${encodeURIComponent(broken)}`)['client_secret'], broken);
      assert.equal(
        read(`client_secret=${around('their own secret')}`)['client_secret'],
        `${blank}their own secret${blank}`,
      );
      assert.equal(read(`state=${around(SECRET)}`)['state'], `${blank}${SECRET}${blank}`);
    });
  }

  it('tells by which mistake a body cannot be read, and still whom it names', () => {
    const multipart = `--x\r\nContent-Disposition: form-data; name="client_id"\r\n\r\n${CLIENT}\r\n--x--\r\n`;
    const json = JSON.stringify({ client_id: CLIENT, grant_type: 'client_credentials' });
    const cases: [mistake: string | undefined, body: string, type: string, query?: string][] = [
      [undefined, `client_id=${CLIENT}&grant_type=x`, FORM],
      [undefined, `client_id=${CLIENT}&grant_type=x`, 'text/plain'],
      [undefined, json, 'application/json; charset=utf-8'],
      ['form_multipart', multipart, 'multipart/form-data; boundary=x'],
      ['form_json_as_form', json, FORM],
      ['form_json_as_form', json, ''],
      ['form_as_json', `client_id=${CLIENT}&grant_type=x`, 'application/json'],
      ['form_parameters_in_url', '', FORM, `client_id=${CLIENT}&grant_type=client_credentials`],
      ['form_parameter_twice', `client_id=${CLIENT}&grant_type=a&grant_type=b`, FORM],
    ];
    for (const [mistake, body, type, query] of cases) {
      const found = readBodyParameters(body, type, query);
      assert.deepEqual([found.mistake, found.parameters.get('client_id')], [mistake, CLIENT], `${type} ${body}`);
    }
    for (const body of ['{"grant_type":', '[]', 'null', '"x"', ''])
      assert.equal(readBodyParameters(body, 'application/json').mistake, 'form_json_broken', body);
  });

  it('takes nothing from behind the address where the body says something', () => {
    const { parameters } = readBodyParameters('grant_type=refresh_token', FORM, 'grant_type=password&refresh_token=x');
    assert.deepEqual(Object.fromEntries(parameters), { grant_type: 'refresh_token' });
  });

  it('stays fast with a hostile multipart body', () => {
    const startedAt = performance.now();
    readBodyParameters(`name="a"\r\n${'x\r\n'.repeat(18_000)}`, 'multipart/form-data');
    readBodyParameters(`${'name="a'.repeat(8000)}`, 'multipart/form-data');
    assert.ok(performance.now() - startedAt < 1000);
  });
});

describe('the scopes of a request', () => {
  const cases: [asked: string | undefined, outcome: string][] = [
    [undefined, 'scim'],
    ['', 'scim'],
    ['scim.read', 'scim.read'],
    ['scim scim.read scim', 'scim scim.read'],
    ['openid email profile', 'scim'],
    ['offline_access', 'scim'],
    ['offline scim.read', 'scim.read'],
    ['scim users groups', 'scim'],
    ['users', 'scope_unknown'],
    ['openid users', 'scope_unknown'],
    ['https://graph.microsoft.com/.default', 'scope_unknown'],
    ['SCIM', 'scope_unknown'],
    ['scim,offline_access', 'scope_separator'],
    ['scim, scim.read', 'scope_separator'],
  ];
  for (const [asked, outcome] of cases) {
    it(`are ${outcome} of ${JSON.stringify(asked)}`, () => {
      const found = readScope(asked);
      assert.equal('refused' in found ? found.refused : found.scope, outcome);
    });
  }

  it('name the word by which a refresh token was asked for', () => {
    assert.deepEqual(
      [offlineScopeOf('scim offline_access'), offlineScopeOf('offline'), offlineScopeOf('scim'), offlineScopeOf()],
      ['offline_access', 'offline', undefined, undefined],
    );
  });
});
