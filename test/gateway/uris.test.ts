import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createUriScanner, mapBody } from '../../src/gateway/uri-scanner.ts';
import { createMapUri, mapLink } from '../../src/gateway/uris.ts';

const UPSTREAM = 'https://app.internal:8443/api/scim';
const ENDPOINT = 'https://scim.example.com/scim/v2/acme';
const map = createMapUri(UPSTREAM, ENDPOINT);

function rewrite(text: string, chunkSize: number): string {
  const scanner = createUriScanner(map);
  const bytes = Buffer.from(text);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkSize)
    out.push(Buffer.from(scanner.write(bytes.subarray(at, at + chunkSize))));
  out.push(scanner.end());
  return Buffer.concat(out).toString();
}

const everyChunking = (text: string, expected: string) => {
  for (let size = 1; size <= Math.min(text.length + 1, 80); size++)
    assert.equal(rewrite(text, size), expected, `chunks of ${size}`);
  const whole = mapBody(Buffer.from(text).toString('latin1'), map);
  assert.equal(Buffer.from(whole, 'latin1').toString(), expected, 'as a whole');
};

const at = `${UPSTREAM}/Users/1`;
const mapped = `${ENDPOINT}/Users/1`;

describe('a URI of the SCIM server', () => {
  it('becomes one of the public endpoint, and others stay', () => {
    assert.equal(map(at, 'any'), mapped);
    assert.equal(map('/api/scim/Users/1?x=1', 'any'), `${mapped}?x=1`);
    assert.equal(map(UPSTREAM, 'any'), ENDPOINT);
    for (const other of [
      'https://app.internal:8443/api/scimitar/1',
      'https://elsewhere.example/api/scim/Users/1',
      'https://app.internal.evil.example/api/scim/Users/1',
      'https://app.internal:8443@evil.example/api/scim/Users/1',
      'Users/1',
      '/api/other',
      '//evil.example/x',
      '',
    ]) {
      assert.equal(map(other, 'any'), undefined, other);
    }
    const atRoot = createMapUri('https://app.internal', ENDPOINT);
    assert.equal(atRoot('/Users/1', 'any'), mapped);
    assert.equal(atRoot('//evil.example/x', 'any'), undefined);
    assert.equal(atRoot('/Users/1', 'absolute'), undefined);
  });

  it('is known by its host and path, whatever scheme, port and case of the host it has', () => {
    for (const spelling of [
      'http://app.internal/api/scim/Users/1',
      'https://app.internal:443/api/scim/Users/1',
      'HTTPS://App.Internal:8080/api/scim/Users/1',
      'http://app.internal.:8443/api/scim/Users/1',
      '//app.internal/api/scim/Users/1',
    ]) {
      assert.equal(map(spelling, 'absolute'), mapped, spelling);
    }
    const ipv6 = createMapUri('http://[fd00::1]:8080/scim', ENDPOINT);
    assert.equal(ipv6('http://[fd00::1]/scim/Users/1', 'any'), mapped);
  });

  it('is known however its path is spelled, without the credentials in it, and by a name that leads nowhere from outside', () => {
    for (const spelling of [
      'https://app.internal:8443//api/scim/Users/1',
      'https://app.internal:8443/api//scim/Users/1',
      'https://app.internal:8443/./api/scim/x/../Users/1',
      'https://app.internal:8443/api/%73cim/Users/1',
      'https://app.internal:8443/API/Scim/Users/1',
      'https://svc:secret@app.internal:8443/api/scim/Users/1',
      ' https://app.internal:8443/api/scim/Users/1',
      'http://localhost:3000/api/scim/Users/1',
      'http://0.0.0.0:3000/api/scim/Users/1',
      'http://[::1]:3000/api/scim/Users/1',
    ]) {
      assert.equal(map(spelling, 'absolute'), mapped, spelling);
    }
    for (const other of [
      'https://app.internal:8443/api/scim/../admin',
      'https://app.internal:8443/api/scim/%2e%2e/admin',
      'https://app.internal:8443/api/scim2/Users/1',
      'https://app.internal:8443/api-scim/Users/1',
      'http://localhost:3000/other/Users/1',
      'https://evil.example/?https://app.internal:8443/api/scim/Users/1',
      'https://app.internal@evil.example/api/scim/Users/1',
    ]) {
      assert.equal(map(other, 'any'), undefined, other);
    }
    const encoded = createMapUri('https://app.internal/a%20b/scim.v2', ENDPOINT);
    assert.equal(encoded('https://app.internal/a%20b/scim%2Ev2/Users/1', 'any'), mapped);
    assert.equal(encoded('https://app.internal/a%20b/scimXv2/Users/1', 'any'), undefined);
  });

  it('is mapped too when the server mixed our names with its own, as half of X-Forwarded-* makes it', () => {
    for (const mixture of [
      'https://scim.example.com/api/scim/Users/1',
      'https://scim.example.com/scim/v2/acme/api/scim/Users/1',
      'https://app.internal:8443/scim/v2/acme/Users/1',
      'https://app.internal:8443/scim/v2/acme/api/scim/Users/1',
      'http://scim.example.com/scim/v2/acme/Users/1',
      mapped,
    ]) {
      assert.equal(map(mixture, 'any'), mapped, mixture);
    }
    assert.equal(map('https://scim.example.com/dashboard', 'any'), undefined);
  });

  it('is mapped in a Link header, each for itself', () => {
    assert.equal(
      mapLink(`<${UPSTREAM}/Users?startIndex=2>; rel="next", <https://docs.example/>; rel=help`, map),
      `<${ENDPOINT}/Users?startIndex=2>; rel="next", <https://docs.example/>; rel=help`,
    );
  });
});

describe('the URIs in a body', () => {
  it('are mapped in meta.location, however the body is cut into chunks', () => {
    everyChunking(
      `{"id":"1","meta":{"resourceType":"User","location":"${at}"},"x":"${at}"}`,
      `{"id":"1","meta":{"resourceType":"User","location":"${mapped}"},"x":"${at}"}`,
    );
  });

  it('are mapped inside lists, with escapes, blanks and odd keys around', () => {
    everyChunking(
      `{ "Resources" : [ {"meta": { "location" : "https:\\/\\/app.internal:8443\\/api\\/scim/Users/ü", "a\\"b": 1 } }, {"meta":[],"profileUrl":"${UPSTREAM}/x"} ], "q":"\\\\" }`,
      `{ "Resources" : [ {"meta": { "location" : "${ENDPOINT}/Users/ü", "a\\"b": 1 } }, {"meta":[],"profileUrl":"${UPSTREAM}/x"} ], "q":"\\\\" }`,
    );
  });

  it('are mapped in $ref of members, groups and manager, in bulk answers, paging, schemas and resource types', () => {
    for (const body of [
      (uri: string) => `{"members":[{"value":"1","$ref":"${uri}","type":"User"},{"$ref":"${uri}"}]}`,
      (uri: string) => `{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"$ref":"${uri}"}}}`,
      (uri: string) => `{"Operations":[{"method":"POST","location":"${uri}","status":"201"},{"location":"${uri}"}]}`,
      (uri: string) => `{"Operations":[{"location":"${uri}","response":{"meta":{"location":"${uri}"}}}]}`,
      (uri: string) => `{"totalResults":9,"next":"${uri}","previous":"${uri}","Resources":[]}`,
      (uri: string) => `{"Resources":[{"id":"User","schema":"urn:x","meta":{"location":"${uri}"}}]}`,
      (uri: string) => `{"Meta":{"Location":"${uri}"},"x":{"$REF":"${uri}"}}`,
      (uri: string) => `${'{"a":['.repeat(200)}{"$ref":"${uri}"}${']}'.repeat(200)}`,
    ]) {
      everyChunking(body(at), body(mapped));
      everyChunking(body('/api/scim/Users/1'), body(mapped));
      everyChunking(body('http:\\/\\/APP.internal\\/api\\/scim\\/Users\\/1'), body(mapped));
    }
  });

  it('are mapped in the links of paging, as servers and their libraries call them', () => {
    for (const body of [
      (uri: string) => `{"nextLink":"${uri}","@odata.nextLink":"${uri}","prev_page":"${uri}","nextPageUrl":"${uri}"}`,
      (uri: string) => `{"links":{"next":"${uri}","self":"${uri}"},"paging":{"previous_url":"${uri}"}}`,
      (uri: string) => `{"links":[{"rel":"next","href":"${uri}"}],"_links":{"next":{"href":"${uri}"}}}`,
    ]) {
      everyChunking(body(at), body(mapped));
      everyChunking(body('/api/scim/Users/1'), body(mapped));
    }
    const documented = (uri: string) =>
      `{"documentationUri":"${uri}","authenticationSchemes":[{"specUri":"${uri}"}],"members":[{"ref":"${uri}"}]}`;
    everyChunking(documented(at), documented(mapped));
    everyChunking(documented('/api/scim/Users/1'), documented('/api/scim/Users/1'));
  });

  it('are mapped where the key is written with escapes', () => {
    for (const body of [
      (uri: string) => `{"meta":{"loc\\u0061tion":"${uri}"},"members":[{"\\u0024ref":"${uri}"}]}`,
      (uri: string) => `{"\\u006D\\u0065ta":{"location":"${uri}"}}`,
      (uri: string) => `{"\\u0040odata.next\\u004cink":"${uri}"}`,
    ]) {
      everyChunking(body(at), body(mapped));
      everyChunking(body('/api/scim/Users/1'), body(mapped));
    }
    const other = `{"displayN\\u0061me":"${at}","loc\\u0061tions":"${at}","x\\u0022location":"${at}"}`;
    everyChunking(other, other);
  });

  it('leave values of other attributes byte for byte, also those that hold a URI of the SCIM server', () => {
    const root = createMapUri('https://app.internal', ENDPOINT);
    for (const text of [
      `{"description":"see ${at}","displayName":"${at}","title":"\\"location\\":\\"${at}\\""}`,
      `{"photos":[{"value":"${at}"}],"profileUrl":"${at}","note":"{\\"meta\\":{\\"location\\":\\"${at}\\"}}"}`,
      `{"location":["${at}"],"x\\"location":"${at}"}`,
    ]) {
      everyChunking(text, text);
    }
    const text =
      '{"location":"/HQ/floor 3","x":{"location":"/HQ"},"endpoint":"/Users","a":[{"next":"/n"}],"meta":{"location":"/Users/1"}}';
    const expected = text.replace('"/Users/1"', `"${mapped}"`);
    assert.equal(mapBody(text, root), expected);
    const scanner = createUriScanner(root);
    assert.equal(scanner.write(Buffer.from(text)).toString(), expected);
  });

  it('leave every other byte as it is, also in what is no JSON', () => {
    for (const text of [
      '',
      'null',
      '{"meta":{"location":null}}',
      '{"meta":{"location":"',
      '{"meta":{"location":"https://elsewhere/1"}}',
      '}}]]{"a',
      `{"meta":{"location":"${'x'.repeat(9000)}"}}`,
      '"\\"',
    ]) {
      for (const size of [1, 2, 7, 4096]) assert.equal(rewrite(text, size), text);
    }
  });

  it('are the same whether a body is mapped as a whole or as it streams by, whatever it looks like', () => {
    for (const text of [
      `{"meta":{"location":"${at}"},"Resources":[{"meta" :\n{ "version":"W/\\"1\\"", "location":"${at}" }},{"meta":{"location" : "${at}" }}]}`,
      `{"meta":{"x":{"location":"${at}"},"location":"${at}"}}`,
      '{"meta":{"x":{"y":1},"location":"/api/scim/1"}}',
      '{"meta":{"version":"W/{","location":"/api/scim/1"}}',
      '{"x":"{\\"meta\\":{","location":"/api/scim/1"}',
      '{"x":"\\"meta\\":{","meta":{"location":"/api/scim/1"}}',
      `{"meta":{"x":["location"],"location":"${at}","meta":{"location":"${at}"}}}`,
      `{"meta":{},"a":{"meta":{ },"location":"${at}"}}`,
      `{"odd\\"meta":{"location":"/api/scim/1"},"s":"\\"meta\\":{\\"location\\":\\"${at}\\"}"}`,
      `{"meta":{"created":"2026-03-01T12:00:00Z","n":-1.5e3,"b":true,"location":"${at}-ü-€-😀"},"name":"Ω"}`,
      `{"meta":{"location":"/api/scim/Users/1","location":"${at}"}}`,
      `{"meta":{"location":"${at}"`,
      `{"meta":{"location":"${at}\u0001"}}`,
      `{"meta":{"location":"${at}\\u0026x=1"}}`,
      `{"meta":{"location":"${UPSTREAM}/${'x'.repeat(9000)}"}}`,
      `{"metadata":{"location":"/api/scim/1"},"META":{"location":"/api/scim/1"}}`,
      `{"meta":{"x":"${'y'.repeat(3000)}","location":"/api/scim/1"}}`,
    ]) {
      everyChunking(text, rewrite(text, 1_000_000));
    }
  });

  it('are mapped in a time that grows with the length of the body alone, however many stand in one object', () => {
    const times = (count: number) => `{"meta":{${'"location":"/api/scim/Users/1",'.repeat(count)}"a":1}}`;
    /** Time of the processor, since others use it as well; the least of some, since garbage is collected at times. */
    const took = (body: string) => {
      const turns = Array.from({ length: 5 }, () => {
        const before = process.cpuUsage();
        assert.equal(mapBody(body, map).split(mapped).length, body.split('/api/scim').length);
        const { user, system } = process.cpuUsage(before);
        return user + system;
      });
      return Math.min(...turns);
    };
    took(times(1000));
    // Ten times as long: a look back to the start of the object for each would take a hundred times as long.
    assert.ok(took(times(20_000)) < 40 * took(times(2000)));
  });
});
