import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import vm from 'node:vm';
import { ago } from '../../src/pages/index.ts';
import { runApp } from '../support/app.ts';

describe('what pages load', () => {
  const app = runApp();

  for (const [name, type] of [
    ['face.css', 'text/css; charset=utf-8'],
    ['face.js', 'text/javascript; charset=utf-8'],
    ['inter.woff2', 'font/woff2'],
    ['jetbrains-mono.woff2', 'font/woff2'],
  ]) {
    it(`is served: ${name}`, async () => {
      const answer = await fetch(`${app.url}/assets/${name}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('content-type'), type);
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
      assert.ok((await answer.arrayBuffer()).byteLength > 1000);
    });
  }

  it('is that and no other file', async () => {
    for (const path of ['nothing.css', '../page.tsx', '%2e%2e/page.tsx', '__proto__', 'constructor', '']) {
      assert.equal((await fetch(`${app.url}/assets/${path}`)).status, 404, path);
    }
  });

  it('stays one stylesheet of at most 300 lines', () => {
    assert.ok(readFileSync('src/pages/assets/face.css', 'utf8').split('\n').length <= 300);
  });

  it('tells times in the words of the server', () => {
    const now = new Date('2026-03-01T12:00:00Z');
    const script = readFileSync('src/pages/assets/face.js', 'utf8');
    const words = script.match(/^function (?:ago|age)\(.*?^\}/gms)?.join('\n') ?? '';
    const FixedDate = class extends Date {
      static override now = () => now.getTime();
    };
    const context = vm.createContext({ Date: FixedDate, ahead: 0 });
    vm.runInContext(words, context);
    for (const seconds of [-90_000, -30, 0, 4, 5, 59, 60, 61, 119, 120, 7199, 7200, 90_000, 172_799, 172_800, 9e6]) {
      const at = new Date(now.getTime() - seconds * 1000);
      assert.equal((context as unknown as { ago(at: Date): string }).ago(at), ago(at, now));
    }
    // As a clock beside it says too: nothing is rounded down by most of an hour.
    for (const [minutes, says] of [
      [60, '1 hour ago'],
      [119, '2 hours ago'],
      [13 * 60 + 59, '14 hours ago'],
      [24 * 60, '1 day ago'],
    ] as const)
      assert.equal(ago(new Date(now.getTime() - minutes * 60_000), now), says);
  });
});
