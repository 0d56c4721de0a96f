import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';

/** Made by tools or by a run, and no part of the project. */
const LEFT_OUT = new Set(['.git', 'node_modules', 'dist', 'build', 'data', '.cache', 'artifacts', 'secrets']);
const BINARY = /\.(?:png|jpe?g|ico|woff2?|db(?:-\w+)?)$/;

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (LEFT_OUT.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() && !BINARY.test(entry.name) && statSync(path).size < 2_000_000 ? [path] : [];
  });
}

const texts = new Map(filesBelow('.').map((file) => [file, readFileSync(file, 'utf8')]));

function placesOf(pattern: RegExp, isMeant: (file: string) => boolean = () => true): string[] {
  return [...texts]
    .filter(([file]) => isMeant(file))
    .flatMap(([file, text]) =>
      text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
    );
}

const isPage = (file: string) => file.endsWith('.md');

describe('what is written', () => {
  it('is found by this test at all', () => {
    for (const file of ['package.json', 'src/app.ts', '.ci/run', 'docs/configuration.md'])
      assert.ok(texts.has(file), file);
  });

  it('names no place on the machine it was written on', () => {
    const here = resolve('.').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    assert.deepEqual(placesOf(new RegExp(`${here}/`)), []);
    assert.deepEqual(placesOf(/(?<![\w.}/~-])\/(?:work|root|home)\/\w/), []);
  });

  it('names no package registry or mirror: whoever installs it has their own', () => {
    const hosts =
      /registry\.[a-z-]+\.(?:org|com|io)|npmjs\.(?:org|com)|pypi\.org|pythonhosted\.org|debian\.org|(?:docker|ghcr|quay)\.io/;
    assert.deepEqual(placesOf(hosts), []);
    assert.deepEqual(
      placesOf(/"resolved":/, (file) => file === 'package-lock.json'),
      [],
    );
  });

  it('needs nothing beside its own folder', () => {
    assert.deepEqual(placesOf(/(?:^|[^.\w/])(?:\.\.\/)+shared\b/), []);
  });

  it('has no left-over notes, conflict marks or tests that run alone', () => {
    const isCode = (file: string) =>
      /\.(?:tsx?|ya?ml|env|conf|sh)$/.test(file) && file !== join('test', 'rules', 'wording.test.ts');
    assert.deepEqual(placesOf(/\b(?:TODO|FIXME|XXX|HACK)\b/, isCode), []);
    assert.deepEqual(placesOf(/^(?:<{7}|>{7}|={7})(?: |$)/), []);
    assert.deepEqual(placesOf(/\b(?:it|test|describe)\.only\(|\bdebugger;/, isCode), []);
  });

  it('is calm: pages neither exclaim nor beg', () => {
    const prose = [...texts]
      .filter(([file]) => isPage(file))
      .flatMap(([file, text]) =>
        text
          .replace(/```[\s\S]*?```/g, (block) => block.replace(/[^\n]/g, ''))
          .replace(/`[^`\n]*`/g, '')
          .split('\n')
          .flatMap((line, index) => (/\w!(?:\s|$)|\bplease\b/i.test(line) ? [`${file}:${index + 1}: ${line}`] : [])),
      );
    assert.deepEqual(prose, []);
  });
});
