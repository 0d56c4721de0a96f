import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mintToken } from '../../src/credentials/static-token.ts';
import { systemRandom } from '../../src/identifiers.ts';
import { hasDotSegment, isRead, splitGatewayPath } from '../../src/verification/access.ts';
import {
  isJwt,
  parseAuthorization,
  presentToken,
  readAuthorization,
  unknownValue,
} from '../../src/verification/presented.ts';

const token = mintToken('scim_', systemRandom);

describe('what is presented', () => {
  it('(1) is read in any case of scheme and header, with blanks around', () => {
    for (const header of [`Bearer ${token}`, `bearer ${token}`, `BEARER   ${token}  `, ` \tBearer\t${token}`]) {
      assert.deepEqual(parseAuthorization(header), { kind: 'token', value: token, certain: true }, header);
    }
    for (const name of ['Authorization', 'authorization', 'AUTHORIZATION']) {
      assert.equal(readAuthorization(['Host', 'x', name, `Bearer ${token}`]).kind, 'token');
    }
  });

  it('(2) is accepted without a scheme, and with it typed twice where the value has our shape', () => {
    assert.deepEqual(parseAuthorization(token), { kind: 'token', value: token, certain: false });
    assert.deepEqual(parseAuthorization(`Bearer bearer ${token}`), { kind: 'token', value: token, certain: true });
    assert.equal(parseAuthorization('Bearer Bearer something').kind, 'malformed');
    assert.equal(parseAuthorization(`Bearer Bearer Bearer ${token}`).kind, 'malformed');
  });

  it('is accepted with what people paste along, where a token of our shape is inside', () => {
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    const quoted = Buffer.from(`Bearer \u201c${token}\u201d`).toString('latin1');
    for (const header of [
      `Bearer: ${token}`,
      `Bearer:${token}`,
      `Bearer "${token}"`,
      `"Bearer ${token}"`,
      `'${token}'`,
      quoted,
      `Authorization: Bearer ${token}`,
      `Bearer Authorization: Bearer ${token}`,
      `authorization=${token}`,
      basic(`scim:${token}`),
      basic(`${token}:`),
      basic(token),
      basic(`${token}:${token}`),
    ])
      assert.deepEqual(parseAuthorization(header), { kind: 'token', value: token, certain: true }, header);
  });

  it('is named by what is wrong with it', () => {
    const other = mintToken('scim_', systemRandom);
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    for (const [header, subReason, length] of [
      [`Bearer ${token.slice(0, -3)}`, 'token_truncated', 40],
      [`Bearer "${token.slice(0, -3)}"`, 'token_truncated', 40],
      [`Bearer ${token}X`, 'token_truncated', 44],
      [`Bearer ${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`, 'token_mistyped'],
      [`Bearer ${token}${token}`, 'token_doubled'],
      [`Bearer ${token},${other}`, 'token_doubled'],
      [`Bearer ${token.slice(0, 9)} ${token.slice(9)}`, 'token_with_blanks'],
      [`Bearer Bearer something`, 'scheme_twice'],
      [`Token something`, 'scheme_unknown'],
      [`SSWS ${token}`, 'scheme_unknown'],
      [`Authorization: Bearer something`, 'header_name_in_value'],
      [`"Bearer some thing"`, 'value_quoted'],
      ['Digest username="scim", realm="x"', 'scheme_unknown'],
      [`Token token="${token}"`, 'scheme_unknown'],
      [`Bearer scim_...${token.slice(-4)}`, 'token_truncated'],
      [Buffer.from(`Bearer scim_\u2026${token.slice(-4)}`).toString('latin1'), 'token_truncated'],
      [Buffer.from('Bearer \u2022\u2022\u2022\u2022').toString('latin1'), 'token_truncated'],
      [basic(`client_4kZ0:scimcs_${'a'.repeat(43)}`), 'client_secret_presented'],
      [basic('admin:secret'), 'scheme_basic'],
      [basic(`${token}:${other}`), 'scheme_basic'],
      [`Bearer ${'x'.repeat(5000)}`, 'token_too_long'],
    ] as const)
      assert.deepEqual(
        parseAuthorization(header),
        { kind: 'malformed', subReason, ...(length !== undefined && { length }) },
        header,
      );
  });

  it('is read with what people and programs put around it, where it has our shape', () => {
    for (const header of [
      `Bearer <${token}>`,
      `Bearer [${token}]`,
      `Bearer {${token}}`,
      `Bearer ${token};`,
      `Bearer ${token}.`,
      `Bearer=${token}`,
      `Bearer%20${token}`,
      `Bearer token=${token}`,
      `Bearer access_token=${token}`,
      `Bearer-${token}`,
      `Bearer_${token}`,
      `Bearer ${token}\\n`,
      `Bearer ${token}\\r\\n`,
      `Bearer ${token}%0A`,
      `Bearer %20${token}`,
      `Bearer \\"${token}\\"`,
      `Bearer &quot;${token}&quot;`,
      `API_KEY=${token}`,
      `Bearer Secret Token: ${token}`,
      `Basic ${Buffer.from(`scim:Bearer ${token}`).toString('base64')}`,
      `Basic ${Buffer.from(`"${token}":`).toString('base64')}`,
      `Basic ${Buffer.from(`scim:${token.replace('_', '%5F')}`).toString('base64')}`,
      `Bearer Basic ${Buffer.from(`scim:${token}`).toString('base64')}`,
    ])
      assert.deepEqual(parseAuthorization(header), { kind: 'token', value: token, certain: true }, header);
    for (const named of [`Bearer ${token}`, ` ${token}\n`, `Authorization: Bearer ${token}`, `"${token}"`])
      assert.deepEqual(presentToken(named), { kind: 'token', value: token, certain: true }, named);
    assert.deepEqual(presentToken('two words'), { kind: 'malformed', subReason: 'token_with_blanks' });
  });

  it('leaves values of other systems alone, whatever they look like', () => {
    for (const value of ['myscim_key', '"quoted"', 'a:b', 'Basic-Key-1', 'scim-token-1'])
      assert.deepEqual(parseAuthorization(`Bearer ${value}`), { kind: 'token', value, certain: true });
  });

  it('is named where nothing is known of it: another secret of ours, an ID, a URL, the token of an identity provider', () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const jwt = (iss: string) => `${part({ alg: 'RS256' })}.${part({ iss })}.sig`;
    for (const [value, reason, subReason] of [
      ['scimcs_abc', 'unknown', 'client_secret_presented'],
      ['scimrt_abc', 'unknown', 'refresh_token_presented'],
      ['scimac_abc', 'unknown', 'code_presented'],
      ['lkc_abc', 'unknown', 'portal_link_presented'],
      ['lk_abc', 'unknown', 'api_key_presented'],
      ['lkp_abc', 'unknown', 'portal_link_presented'],
      ['client_4kZ0', 'unknown', 'client_id_presented'],
      ['https://scim.example.com/scim/v2/a', 'unknown', 'endpoint_url_presented'],
      ['something', 'unknown', 'token_unknown'],
      [token, 'unknown', 'token_unknown'],
      [`scimat_${'a'.repeat(43)}`, 'unknown', 'access_token_unknown'],
      [jwt('https://sts.windows.net/1111/'), 'foreign_token', 'idp_own_token'],
      [jwt('https://login.partner.microsoftonline.cn/1111/v2.0'), 'foreign_token', 'idp_own_token'],
      [jwt('https://acme.okta.mil/oauth2/default'), 'foreign_token', 'idp_own_token'],
      [jwt('https://acme.okta.com/oauth2/default'), 'foreign_token', 'idp_own_token'],
      [jwt('https://sts.windows.net.evil.example/'), 'foreign_token', 'foreign_token'],
    ])
      assert.deepEqual(unknownValue(value ?? '', true), { reason, subReason }, value);
    for (const [value, subReason] of [
      [token.slice(5), 'token_truncated'],
      ['********', 'token_truncated'],
      [token.toUpperCase(), 'token_mistyped'],
    ] as const)
      assert.deepEqual(unknownValue(value, true), { reason: 'malformed', subReason }, value);
    assert.deepEqual(unknownValue('something', false), { reason: 'malformed', subReason: 'token_unknown' });
  });

  it('is malformed under another scheme', () => {
    for (const header of [`Basic ${token}`, `Token ${token}`, 'Digest username="x"', `Bearer, ${token}`]) {
      assert.equal(parseAuthorization(header).kind, 'malformed', header);
    }
  });

  it('(3) is malformed with line breaks, zero-width or inner blanks, or a wrong checksum', () => {
    const half = token.slice(0, 20);
    const rest = token.slice(20);
    for (const value of [
      `${half} ${rest}`,
      `${half}\u200b${rest}`,
      `${half}\n${rest}`,
      `${half}\u00a0${rest}`,
      `${half}é${rest}`,
      `${token}X`,
      token.slice(0, -2),
    ]) {
      assert.equal(parseAuthorization(`Bearer ${value}`).kind, 'malformed', JSON.stringify(value));
      assert.equal(parseAuthorization(value).kind, 'malformed', JSON.stringify(value));
    }
    assert.equal(parseAuthorization(`Bearer ${'x'.repeat(5000)}`).kind, 'malformed');
  });

  it('is nothing when there is no header, an empty one, or the scheme alone', () => {
    assert.equal(readAuthorization(['Host', 'x']).kind, 'none');
    for (const header of ['', '  ', 'Bearer', 'bearer '])
      assert.equal(parseAuthorization(header).kind, 'none', JSON.stringify(header));
  });

  it('is malformed in two Authorization headers, even equal ones', () => {
    const header = `Bearer ${token}`;
    assert.equal(readAuthorization(['Authorization', header, 'authorization', header]).kind, 'malformed');
  });

  it('is known as a JWT by its header', () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    assert.equal(isJwt(`${part({ alg: 'RS256' })}.${part({ sub: 'x' })}.sig`), true);
    assert.equal(isJwt(`${part({ typ: 'x' })}.${part({})}.sig`), false);
    for (const value of ['a.b.c', 'a.b', '..', '', `${part({ alg: 'x' })}`]) assert.equal(isJwt(value), false, value);
  });
});

describe('what a request wants', () => {
  it('reads with GET and with a search by POST, and writes with all else', () => {
    assert.equal(isRead('GET', '/Users'), true);
    assert.equal(isRead('HEAD', '/Users'), true);
    assert.equal(isRead('POST', '/.search'), true);
    assert.equal(isRead('POST', '/Users/.search'), true);
    for (const [method, path] of [
      ['POST', '/Users'],
      ['POST', '/Users.search'],
      ['POST', '/.search/x'],
      ['PUT', '/.search'],
      ['DELETE', '/Users/1'],
      ['PATCH', '/Users/1'],
      ['get', '/Users'],
      ['QUERY', '/Users'],
    ]) {
      assert.equal(isRead(method ?? '', path ?? ''), false, `${method} ${path}`);
    }
  });

  it('names its directory in the path', () => {
    assert.deepEqual(splitGatewayPath('/scim/v2/acme/Users?filter=a/b'), {
      endpointKey: 'acme',
      rest: '/Users',
      query: '?filter=a/b',
    });
    assert.deepEqual(splitGatewayPath('/scim/v2/acme'), { endpointKey: 'acme', rest: '', query: '' });
    assert.deepEqual(splitGatewayPath('/scim/v2/acme?x'), { endpointKey: 'acme', rest: '', query: '?x' });
    assert.deepEqual(splitGatewayPath('/scim/v2//Users'), { endpointKey: '', rest: '/Users', query: '' });
    assert.equal(splitGatewayPath('/scim/v1/acme'), undefined);
  });

  it('has dot segments in whatever spelling a server behind may undo', () => {
    for (const path of [
      '/..',
      '/../x',
      '/a/../b',
      '/a/./b',
      '/%2e%2e/x',
      '/.%2E/x',
      '/%252e%252e/x',
      '/%25252e./x',
      '/a%2f..%2fb',
      '/a\\..\\b',
      '/a%5c%2e%2e',
      '/..;x=1/b',
      '/%2e%2e%3bx/b',
      '/.',
    ]) {
      assert.equal(hasDotSegment(path), true, path);
    }
    for (const path of [
      '/Users',
      '/Users/.search',
      '/.search',
      '/Users/a..b',
      '/Users/...',
      '/Users/a%2Fb',
      '/Users/a%20b',
      '/Users/100%25',
      '/Users/j.doe@x.org',
    ]) {
      assert.equal(hasDotSegment(path), false, path);
    }
  });
});
