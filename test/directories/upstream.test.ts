import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createUpstreamPolicy, PRIVATE_RANGES } from '../../src/directories/index.ts';

const policyOf = (allow: readonly string[]) =>
  createUpstreamPolicy({
    allow,
    publicUrl: 'https://scim.example.com',
    listening: { address: '127.0.0.1', port: 4400 },
    databaseUrl: 'mongodb://user:secret@db.internal,127.0.0.1:27018/latchkey?replicaSet=rs0',
  });

describe('an upstream', () => {
  it('is https and public unless a list allows more, and then may be http there', async () => {
    const strict = policyOf([]);
    const lax = policyOf(['10.0.0.0/8', 'scim.internal', '*.svc', '127.0.0.1']);
    for (const [url, isAllowed, isAllowedByList] of [
      ['https://app.example.com/scim', true, true],
      ['http://8.8.8.8/scim', false, false],
      ['https://10.1.2.3/scim', false, true],
      ['http://10.1.2.3/scim', false, true],
      ['https://192.168.0.1', false, false],
      ['http://scim.internal:8080', false, true],
      ['http://app.team.svc/scim', false, true],
      ['http://localhost:8080/scim', false, true],
      ['http://127.0.0.2:8080', false, false],
      ['https://user:pass@app.example.com', false, false],
    ] as const) {
      assert.deepEqual(
        [strict, lax].map((policy) => policy.problemOf(url) === undefined),
        [isAllowed, isAllowedByList],
        url,
      );
    }
    const http = { protocol: 'http:', hostname: 'app.example.com', port: 80 };
    assert.deepEqual(await lax.allowed(http, ['8.8.8.8', '10.1.1.1', '192.168.1.1']), ['10.1.1.1'], 'after DNS');
    const named = { protocol: 'http:', hostname: 'Scim.Internal', port: 80 };
    assert.deepEqual(await lax.allowed(named, ['192.168.1.1', '169.254.169.254']), ['192.168.1.1']);
  });

  it('is never link-local, a metadata service, this server or its database, whatever the list says', async () => {
    const open = policyOf(['0.0.0.0/0', '::/0', '*.internal', ...PRIVATE_RANGES]);
    for (const url of [
      'http://169.254.169.254/latest',
      'http://[fe80::1]/',
      'http://[::ffff:169.254.169.254]/',
      'http://[64:ff9b::a9fe:a9fe]/',
      'http://168.63.129.16/',
      'http://100.100.100.200/',
      'http://[fd00:ec2::254]/',
      'http://metadata.google.internal/',
      'http://0.0.0.0:8080/',
      'http://127.0.0.1:4400/scim',
      'http://localhost:4400/scim',
      'https://scim.example.com/scim/v2/acme',
      'http://db.internal:27017/',
      'http://127.0.0.1:27018/',
    ]) {
      assert.notEqual(open.problemOf(url), undefined, url);
    }
    for (const url of ['http://127.0.0.1:8080/scim', 'https://scim.example.com/app/scim', 'http://db.internal:8080/'])
      assert.equal(open.problemOf(url), undefined, url);
    const addresses = ['169.254.169.254', 'fe80::1%eth0', '127.0.0.1', '10.0.0.1'];
    const at = (port: number) => open.allowed({ protocol: 'http:', hostname: 'rebound.example.com', port }, addresses);
    assert.deepEqual(await at(4400), ['10.0.0.1'], 'this server, by a name that leads to it');
    assert.deepEqual(await at(27_018), ['10.0.0.1'], 'the database, by a name that leads to it');
    assert.deepEqual(await at(8080), ['127.0.0.1', '10.0.0.1']);
  });
});
