import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { offlineScopeOf, readBodyParameters, readPairs, readQuery, readScope } from '../../src/oauth/parameters.ts';

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

  for (const blank of [' ', '\n', '\r\n', '\t', '\u00a0', '\ufeff', '\u200b', '"', '\u201c', ', ']) {
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

  it('reads through an encoding too many and through HTML, and takes a challenge in any base64', () => {
    assert.deepEqual(read(`client_id=${CLIENT.replace('_', '%255F')}&amp;client_secret=${SECRET}`), {
      client_id: CLIENT,
      client_secret: SECRET,
    });
    const challenge = 'ab_-'.repeat(10);
    for (const written of [challenge, `${challenge}=`, challenge.replaceAll('_', '%2F').replaceAll('-', '%2B')])
      assert.deepEqual(read(`code_challenge=${written}&code_challenge_method=S256`), {
        code_challenge: challenge,
        code_challenge_method: 'S256',
      });
    assert.deepEqual(read('code_challenge=&code_challenge_method=S256'), {});
    const jwt = 'aaaa.bbbb.cccc';
    for (const written of [`%20${jwt}%0A`, `%22${jwt}%22`, `Bearer+${jwt}`, 'aaaa.bb%0D%0Abb.cccc'])
      assert.deepEqual(read(`client_assertion=${written}&client_assertion_type=x%20`), {
        client_assertion: jwt,
        client_assertion_type: 'x',
      });
  });

  it('reads a query that was put behind another one with its own question mark', () => {
    const query = 'scope=scim?response_type=code&client_id=x&state=a?b';
    assert.deepEqual(Object.fromEntries(readQuery(query).parameters), {
      scope: 'scim',
      response_type: 'code',
      client_id: 'x',
      state: 'a?b',
    });
    const plain = 'response_type=code&redirect_uri=https://x/?client_id=y&client_id=z';
    assert.equal(readQuery(plain).parameters.get('redirect_uri'), 'https://x/?client_id=y');
  });

  it('never passes over a scope in JSON, and tells whom names that are nearly right mean', () => {
    const ofJson = (value: object) => readBodyParameters(JSON.stringify(value), 'application/json').parameters;
    assert.equal(
      ofJson({ grant_type: 'x', scope: ['scim.read', 'offline_access'] }).get('scope'),
      'scim.read offline_access',
    );
    assert.equal(ofJson({ grant_type: 'x', scope: { a: 1 } }).get('scope'), '{"a":1}');
    assert.equal(ofJson({ grant_type: 'x', scope: null }).has('scope'), false);
    for (const [body, type] of [
      [`grantType=client_credentials&clientId=${CLIENT}`, FORM],
      [`Grant-Type=client_credentials&CLIENT_ID=${CLIENT}`, FORM],
      [`grant_type=client_credentials;client_id=${CLIENT}`, FORM],
      [JSON.stringify({ grantType: 'client_credentials', clientID: CLIENT }), 'application/json'],
    ] as const) {
      const { parameters, misnamed } = readBodyParameters(body, type);
      assert.equal(parameters.has('client_id'), false, body);
      assert.deepEqual([misnamed?.get('client_id'), misnamed?.get('grant_type')], [CLIENT, 'client_credentials'], body);
    }
    assert.equal(readBodyParameters(`grant_type=x&client_id=${CLIENT}&clientId=y`, FORM).misnamed, undefined);
  });

  it('tells by which mistake a body cannot be read, and still whom it names', () => {
    const multipart = `--x\r\nContent-Disposition: form-data; name="client_id"\r\n\r\n${CLIENT}\r\n--x--\r\n`;
    const json = JSON.stringify({ client_id: CLIENT, grant_type: 'client_credentials' });
    const cases: [mistake: string | undefined, body: string, type: string, query?: string][] = [
      [undefined, `client_id=${CLIENT}&grant_type=x`, FORM],
      [undefined, `client_id=${CLIENT}&grant_type=x`, 'text/plain'],
      [undefined, json, 'application/json; charset=utf-8'],
      [undefined, json, 'application/scim+json'],
      [undefined, json, 'text/json'],
      ['form_multipart', multipart, 'multipart/form-data; boundary=x'],
      ['form_multipart', multipart, FORM],
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
    const startedAt = process.cpuUsage();
    readBodyParameters(`name="a"\r\n${'x\r\n'.repeat(18_000)}`, 'multipart/form-data');
    readBodyParameters(`${'name="a'.repeat(8000)}`, 'multipart/form-data');
    // What other processes take meanwhile doesn't count.
    const { user, system } = process.cpuUsage(startedAt);
    assert.ok(user + system < 1_000_000, `${user + system} µs`);
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
    ['scim;scim.read', 'scope_separator'],
    ['scim|scim.read', 'scope_separator'],
    ['scim%20offline_access', 'scim'],
    ['"scim.read"', 'scim.read'],
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
