import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isAppError } from '../../src/errors.ts';
import { assertPlainText } from '../../src/http/plain-text.ts';
import { startApp, type TestApp } from '../support/app.ts';

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
    let app: TestApp;
    before(async () => {
      app = await startApp();
    });
    after(() => app.close());

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
