import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { wordsToAvoidIn } from '../support/words-to-avoid.ts';

/** Made by tools or by a run, and no part of the project. */
const LEFT_OUT = new Set(['.git', 'node_modules', 'dist', 'build', 'data', '.cache', 'artifacts', 'secrets']);
const BINARY = /\.(?:png|jpe?g|webp|ico|woff2?|db(?:-\w+)?)$/;

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

/** Names, which keep their capital in a heading. */
const NAMES = new Set([
  ...['Entra', 'Google', 'JumpCloud', 'Koa', 'Latchkey', 'Microsoft', 'MongoDB', 'Okta', 'OneLogin', 'OpenID'],
  ...['PingFederate', 'PingOne', 'Polis', 'SailPoint', 'SecantusDB', 'Slack', 'Teams', 'WebRTC', 'Workspace'],
]);

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

describe('the documentation', () => {
  const pages = [...texts].filter(([file]) => /^(?:[A-Z]+\.md|(?:docs|packages)\/.*\.md)$/.test(file));
  /** The lines of a page, without what is no prose: code, and where links lead. */
  const proseOf = (text: string) =>
    text
      .replace(/```[\s\S]*?```/g, (block) => block.replace(/[^\n]/g, ''))
      .replace(/`[^`\n]*`/g, '')
      .replace(/\]\([^)\s]*\)/g, ']')
      .split('\n');
  const found = (look: (line: string) => string[]) =>
    pages.flatMap(([file, text]) =>
      proseOf(text).flatMap((line, index) => look(line).map((what) => `${file}:${index + 1}: ${what}`)),
    );

  it('uses the words that a reader would use, in American spelling', () => {
    assert.ok(pages.length > 30, `${pages.length} pages`);
    assert.deepEqual(found(wordsToAvoidIn), []);
  });

  it('has lines of at most 120 characters, aside from tables, code, pictures and web addresses', () => {
    const long = pages.flatMap(([file, text]) =>
      text
        .replace(/```[\s\S]*?```/g, (block) => block.replace(/[^\n]/g, ''))
        .split('\n')
        .flatMap((line, index) =>
          line.replace(/\]\(https:[^)\s]*\)/g, ']').length > 120 && !/^(?:\||!\[|<picture>)/.test(line)
            ? [`${file}:${index + 1}: ${line.length} characters`]
            : [],
        ),
    );
    assert.deepEqual(long, []);
  });

  it('has a README of at most 200 lines', () => {
    assert.ok(readFileSync('README.md', 'utf8').trimEnd().split('\n').length <= 200);
  });

  it('has headings in sentence case', () => {
    const capitals = (line: string) => {
      const words = (/^#+ (.*)$/.exec(line)?.[1] ?? '').split(/[\s,/]+/);
      return words.filter(
        (word, index) =>
          index > 0 &&
          /^[A-Z][a-z]/.test(word) &&
          !/^(?:V\d+|\d{4})$/.test(words[index - 1] ?? '') &&
          !NAMES.has(word.replace(/[.:()?']+s?$/, '')),
      );
    };
    assert.deepEqual(found(capitals), []);
  });
});
