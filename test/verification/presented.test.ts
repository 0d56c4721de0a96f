import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mintToken } from '../../src/credentials/static-token.ts';
import { systemRandom } from '../../src/identifiers.ts';
import { hasDotSegment, isRead, splitGatewayPath } from '../../src/verification/access.ts';
import { isJwt, parseAuthorization, readAuthorization } from '../../src/verification/presented.ts';

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

  it('is malformed under another scheme', () => {
    for (const header of [`Basic ${token}`, `Token ${token}`, 'Digest username="x"', `Bearer: ${token}`]) {
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
