import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLocationRewriter, createMapLocation, rewriteLocations } from '../../src/verification/locations.ts';

const UPSTREAM = 'https://app.internal:8443/api/scim';
const ENDPOINT = 'https://scim.example.com/scim/v2/acme';
const map = createMapLocation(UPSTREAM, ENDPOINT);

function rewrite(text: string, chunkSize: number): string {
  const rewriter = createLocationRewriter(map);
  const bytes = Buffer.from(text);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkSize)
    out.push(Buffer.from(rewriter.write(bytes.subarray(at, at + chunkSize))));
  out.push(rewriter.end());
  return Buffer.concat(out).toString();
}

const everyChunking = (text: string, expected: string) => {
  for (let size = 1; size <= Math.min(text.length + 1, 80); size++)
    assert.equal(rewrite(text, size), expected, `chunks of ${size}`);
  const whole = rewriteLocations(Buffer.from(text).toString('latin1'), map);
  assert.equal(Buffer.from(whole, 'latin1').toString(), expected, 'as a whole');
};

describe('locations', () => {
  it('below the upstream become the public endpoint, others stay', () => {
    assert.equal(map(`${UPSTREAM}/Users/1`), `${ENDPOINT}/Users/1`);
    assert.equal(map('/api/scim/Users/1?x=1'), `${ENDPOINT}/Users/1?x=1`);
    assert.equal(map(UPSTREAM), ENDPOINT);
    for (const other of [
      'https://app.internal:8443/api/scimitar/1',
      'https://elsewhere.example/api/scim/Users/1',
      'Users/1',
      '/api/other',
      '//evil.example/x',
    ]) {
      assert.equal(map(other), undefined, other);
    }
    const atRoot = createMapLocation('https://app.internal', ENDPOINT);
    assert.equal(atRoot('/Users/1'), `${ENDPOINT}/Users/1`);
    assert.equal(atRoot('//evil.example/x'), undefined);
  });

  it('are rewritten in meta.location, however the body is cut into chunks', () => {
    everyChunking(
      `{"id":"1","meta":{"resourceType":"User","location":"${UPSTREAM}/Users/1"},"x":"${UPSTREAM}/Users/1"}`,
      `{"id":"1","meta":{"resourceType":"User","location":"${ENDPOINT}/Users/1"},"x":"${UPSTREAM}/Users/1"}`,
    );
  });

  it('are rewritten inside lists, with escapes, blanks and odd keys around', () => {
    everyChunking(
      `{ "Resources" : [ {"meta": { "location" : "https:\\/\\/app.internal:8443\\/api\\/scim/Users/ü", "a\\"b": 1 } }, {"meta":[],"location":"${UPSTREAM}/x"} ], "q":"\\\\" }`,
      `{ "Resources" : [ {"meta": { "location" : "${ENDPOINT}/Users/ü", "a\\"b": 1 } }, {"meta":[],"location":"${UPSTREAM}/x"} ], "q":"\\\\" }`,
    );
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

  it('are the same whether a body is rewritten as a whole or as it streams by, whatever its meta looks like', () => {
    const at = `${UPSTREAM}/Users/1`;
    for (const text of [
      `{"meta":{"location":"${at}"},"Resources":[{"meta" :\n{ "version":"W/\\"1\\"", "location":"${at}" }},{"meta":{"location" : "${at}" }}]}`,
      `{"meta":{"x":{"location":"${at}"},"location":"${at}"}}`,
      `{"meta":{"x":["location"],"location":"${at}","meta":{"location":"${at}"}}}`,
      `{"meta":{},"a":{"meta":{ },"location":"${at}"}}`,
      `{"odd\\"meta":{"location":"${at}"},"s":"\\"meta\\":{\\"location\\":\\"${at}\\"}"}`,
      `{"meta":{"created":"2026-03-01T12:00:00Z","n":-1.5e3,"b":true,"location":"${at}-ü-€-😀"},"name":"Ω"}`,
      `{"meta":{"location":"/api/scim/Users/1","location":"${at}"}}`,
      `{"meta":{"location":"${at}"`,
      `{"meta":{"location":"${at}\u0001"}}`,
      `{"meta":{"location":"${UPSTREAM}/${'x'.repeat(9000)}"}}`,
      `{"metadata":{"location":"${at}"},"META":{"location":"${at}"}}`,
    ]) {
      everyChunking(text, rewrite(text, 1_000_000));
    }
    assert.match(rewrite(`{"meta":{"x":{"y":1},"location":"${at}"}}`, 1000), new RegExp(ENDPOINT));
  });
});
