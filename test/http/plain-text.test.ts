import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAppError } from '../../src/errors.ts';
import { assertPlainText } from '../../src/http/plain-text.ts';
import { runApp } from '../support/app.ts';

const UNFIT = ['\0', '\u202e', '\u2066', '\u200f', '\ud800', 'x\udfff', '\u{e0041}'];
const isRefusal = (error: unknown) => isAppError(error, 'invalid_request');

describe('text that may be kept', () => {
  it('has no character that hides or turns what is read, in keys and values at any depth', () => {
    for (const character of UNFIT) {
      const text = `North${character}wind`;
      for (const value of [text, { name: text }, { [text]: 1 }, { list: [{ deep: text }] }])
        assert.throws(() => assertPlainText(value), isRefusal, JSON.stringify(value));
    }
    assertPlainText({ name: 'Müller & Söhne 株式会社 שלום مرحبا 👩‍👩‍👧 🏳️‍🌈', n: 1, none: null, list: [true] });
  });

  it('is nested at most 32 levels deep', () => {
    const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown;
    assertPlainText(nested(32));
    for (const levels of [33, 3000]) assert.throws(() => assertPlainText(nested(levels)), isRefusal);
  });

  describe('in requests', () => {
    const app = runApp();

    it('is asked for by each endpoint of the admin API that keeps a name', async () => {
      const { id: organizationId } = (await app.api.post('/organizations', { name: 'Northwind' })).body;
      const directory = await app.api.makeDirectory();
      const name = 'North\u202ewind';
      for (const [path, body] of [
        ['/organizations', { name }],
        ['/organizations', { name: 'x', externalId: name }],
        ['/directories', { organizationId, name }],
        [`/directories/${directory.id}/credentials`, { label: name }],
        ['/clients', { name }],
        ['/portal-links', { organizationId, contact: name }],
        ['/api-keys', { name, role: 'viewer' }],
        ['/operators', { name, role: 'viewer' }],
      ] as const) {
        const { status, body: answer } = await app.api.post(path, body);
        assert.deepEqual([path, status, answer.code], [path, 400, 'invalid_request']);
      }
    });

    it('is asked for in the lines of a file that is imported, escaped or not', async () => {
      const directory = await app.api.makeDirectory();
      const row = { type: 'token', directory: directory.id, token: 'kT9-old+token/from%elsewhere=42' };
      const lines = [
        JSON.stringify({ ...row, label: 'x' }).replace('"x"', '"North\\u202ewind"'),
        JSON.stringify({ ...row, label: 'x' }).replace('"x"', '"\\ud800"'),
        JSON.stringify({ ...row, label: 'x' }).replace('"x"', `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`),
      ];
      const { body } = await app.api.post('/imports', { format: 'jsonl', content: lines.join('\n') });
      assert.deepEqual(
        body.rows.map(({ status, problem }: { status: string; problem: string }) => [status, problem]),
        [
          ['refused', 'A text contains the invisible character U+202E. Type it again.'],
          ['refused', 'A text contains the invisible character U+D800. Type it again.'],
          ['refused', 'The body is nested deeper than 32 levels.'],
        ],
      );
    });

    it('has no secret in the name of a member that is not known, nor in that of a parameter', async () => {
      const secret = `scimcs_${'k3Zq'.repeat(11)}`.slice(0, 50);
      for (const { status, body } of [
        await app.api.post('/organizations', { name: 'x', [secret]: 1 }),
        await app.api.post('/organizations', { name: 'x', aF8kLmQ9xZr4TbN7vW2s: 1 }),
        await app.api.get(`/organizations?${secret}=1&${secret}=2`),
        await app.api.get(`/organizations?${secret}=1`),
      ]) {
        assert.equal(status, 400);
        assert.doesNotMatch(JSON.stringify(body), /k3Zq|aF8kLmQ9/);
      }
    });

    it('is no secret of ours, which would be stored for everybody to read', async () => {
      const { token } = await app.api.issue((await app.api.makeDirectory()).id);
      const { status, text } = await app.api
        .post('/organizations', { name: `Northwind ${token}` })
        .then(({ status, body }) => ({ status, text: JSON.stringify(body) }));
      assert.equal(status, 400);
      assert.ok(!text.includes(token));
    });
  });
});
