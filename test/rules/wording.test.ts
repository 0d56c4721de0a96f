import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { type Words, wordsIn } from '../support/words-in-source.ts';
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
  ...['Authorization', 'Basic', 'Bearer', 'OAuth'],
  ...['Entra', 'Google', 'JumpCloud', 'Koa', 'Latchkey', 'Microsoft', 'MongoDB', 'Okta', 'OneLogin', 'OpenID'],
  ...['PingFederate', 'PingOne', 'Polis', 'SailPoint', 'SecantusDB', 'Slack', 'Teams', 'WebRTC', 'Workspace'],
]);

const isPage = (file: string) => file.endsWith('.md');

describe('what is written', () => {
  it('is found by this test at all', () => {
    for (const file of ['package.json', 'src/main.ts', '.ci/run', 'docs/configuration.md'])
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

/** Rooms whose strings become pages and messages. */
const ROOMS = /^src\/(?:pages|dashboard|portal|diagnosis|notifications|one-time-links|reports)\//;
/** Elements and attributes that name something: a heading, a field, a button. */
const HEADINGS = new Set(['h1', 'h2', 'h3', 'summary', 'legend', 'th', 'dt', 'button', 'title']);
const LABELS = new Set([...HEADINGS, 'label', 'name']);
/** SQL of the embedded store is no sentence. */
const SQL = /^src\/storage\/sqlite/;
const END_OF_SENTENCE = /(?<=[.?!:;…”])\s+/;

/** Beyond the words to avoid everywhere: turns that only pages and messages had. */
const MORE_WORDS: readonly (readonly [word: RegExp, instead: string])[] = [
  [/\bfrom (?:this|that) moment\b|\bfrom now on\b/i, 'immediately, after that'],
  [/\bfor good\b/i, 'permanently'],
  [/\bstand(?:s|ing)?\b/i, 'is, appears'],
  [/\b(?:any|some)body\b/i, 'anyone, someone'],
  [/\bgo(?:es|ing)? on\b/i, 'keep, continue'],
  [/\bany more(?=[.,;]|$)/i, 'anymore, no longer'],
  [/\banew\b/i, 'again'],
  [/\bhears? of\b|\b(?:is|are) told\b|\btold of\b/i, 'gets, is notified'],
  [/; wanted\b|^Wanted\b/, 'must be, expected'],
  [/\b(?:was|were) made\b/i, 'was created'],
  [/\bput (?:it |them )?(?:in|into)\b/i, 'paste into'],
  [/\bof nobody\b/i, 'without a directory'],
  [/\b(?:is|are|sends|sending|uses|using) a wrong\b/i, 'the wrong'],
  [/^Such as\b/, 'For example,'],
  [/\brefus(?:ed|es) us\b/i, 'rejected our request'],
  [/\bsince today at\b/i, 'since 17:40 today'],
  [/\bused last\b/i, 'last used'],
  [/\b(?:it|\{\}) (?:still )?sends (?:an?|the|two) (?:\w+ )?(?:token|client secret)\b/i, "is sending, it's sending"],
  [/\b(?:requests|provisioning) fails? at\b/i, 'is failing'],
];

describe('what people read', () => {
  const said = [...texts.keys()]
    .filter((file) => /^src\/.*\.tsx?$/.test(file) && !SQL.test(file))
    .flatMap((file) => wordsIn(file));
  const withoutCode = (text: string) => text.replace(/`[^`]*`/g, '').replace(/\]\([^)]*\)|\{\}\.\w+/g, ']');
  const isSentence = ({ text }: Words) => /[a-z]{2,} [a-z(“]/i.test(text);
  const found = (look: (words: Words) => string[], isMeant: (words: Words) => boolean) =>
    said
      .filter(isMeant)
      .flatMap((words) => look(words).map((what) => `${words.file}:${words.line}: ${what}: ${words.text}`));

  it('is found by this test: text of elements, attributes, strings and templates, but no comments and no keys', () => {
    for (const text of ['Sign in', 'Requests are accepted.', 'Public origin of Latchkey, and its OAuth issuer.'])
      assert.ok(
        said.some((words) => words.text.startsWith(text)),
        text,
      );
    assert.ok(said.filter(isSentence).length > 2000);
  });

  it('uses the words that a product engineer would use, in American spelling', () => {
    const look = ({ text }: Words) => [
      ...wordsToAvoidIn(withoutCode(text)),
      ...MORE_WORDS.flatMap(([word, instead]) => {
        const [given] = word.exec(withoutCode(text)) ?? [];
        return given === undefined ? [] : [`"${given}", better: ${instead}`];
      }),
    ];
    assert.deepEqual(found(look, isSentence), []);
  });

  it('has sentences of at most 30 words', () => {
    const look = ({ text }: Words) =>
      withoutCode(text)
        .split(END_OF_SENTENCE)
        .map((sentence) => sentence.split(/\s+/).filter((word) => /\w/.test(word)).length)
        .filter((count) => count > 30)
        .map((count) => `${count} words`);
    assert.deepEqual(
      found(look, ({ file }) => ROOMS.test(file)),
      [],
    );
  });

  it('has headings, labels and buttons in sentence case', () => {
    const look = ({ of, text }: Words) => [
      ...(HEADINGS.has(of) && /^[a-z]/.test(text) ? ['begins with a small letter'] : []),
      ...text
        .split(END_OF_SENTENCE)
        .flatMap((sentence) => sentence.split(/\s+/).slice(1))
        .filter((word) => /^[A-Z][a-z]/.test(word) && !NAMES.has(word.replace(/[’']s$|\W+$/g, '')))
        .map((word) => `"${word}"`),
    ];
    assert.deepEqual(
      found(look, ({ file, of }) => /^src\/(?:pages|dashboard|portal)\/.*\.tsx$/.test(file) && LABELS.has(of)),
      [],
    );
  });

  it('never asks an IT contact to know what a slot, an upstream, an IdP or a denial is', () => {
    const look = ({ text }: Words) =>
      /\b(?:slots?|upstream|IdPs?|denials?)\b/i.exec(withoutCode(text))?.slice(0, 1) ?? [];
    const isInPortal = (words: Words) =>
      /^src\/(?:portal\/|pages\/|diagnosis\/(?:words|speech|stations|say))/.test(words.file) &&
      (isSentence(words) || /^[A-Z]/.test(words.text));
    assert.deepEqual(found(look, isInPortal), []);
  });
});
