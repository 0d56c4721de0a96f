/** The direction of imports, as docs/architecture.md shows it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';

/** Each line may import what stands on lines below it, never its own line. A name is a folder, or a file without its ending. */
const LAYERS = [
  ['main'],
  ['command-line'],
  ['app'],
  ['admin', 'dashboard', 'portal'],
  ['pages'],
  ['reports'],
  ['notifications'],
  ['diagnosis'],
  ['gateway'],
  ['operators', 'verification', 'oauth'],
  ['one-time-links'],
  ['credentials'],
  ['directories'],
  ['identity-providers', 'audit', 'idempotency', 'operations'],
  ['storage'],
  ['http'],
  ['timing'],
  ['access', 'clock', 'config', 'errors', 'log'],
  ['secrets'],
  ['identifiers', 'sentences'],
];

/** A folder of leaves: its files stand for themselves and may be imported one by one. */
const OPEN_FOLDERS = ['http', 'secrets', 'timing'];

/** Packages that one file, or one folder, keeps from all others. */
const KEPT: Record<string, (file: string) => boolean> = {
  mongoose: (file) => file.startsWith('storage/mongodb'),
  'mongodb-connection-string-url': (file) => file === 'storage/mongodb-connection.ts',
  libsql: (file) => file.startsWith('storage/sqlite'),
  'prom-client': (file) => file === 'operations/metrics.ts',
  undici: (file) => file.startsWith('gateway/'),
  'oidc-provider': (file) => file.startsWith('oauth/'),
  jose: (file) => file.startsWith('oauth/'),
  'openid-client': (file) => file === 'dashboard/openid.ts',
  nodemailer: (file) => file === 'notifications/mail.ts',
  pino: (file) => file === 'log.ts',
};

/** Folders whose index makes their part as well: `idempotency` is one file. None may be added. */
const MAKING_INDEXES = ['idempotency', 'notifications', 'storage'];
const LONGEST_FILE = 600;

interface Import {
  /** As written. */
  target: string;
  /** Within src, for a relative one. */
  path: string | undefined;
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));
const sources = new Map(files.map((file) => [file, readFileSync(join('src', file), 'utf8')]));
const imports = new Map([...sources].map(([file, text]) => [file, importsOf(file, text)]));

const partOf = (file: string) => (file.includes('/') ? file.split('/')[0] : file.replace(/\.tsx?$/, '')) ?? '';
const layerOf = (part: string) => LAYERS.findIndex((layer) => layer.includes(part));

function importsOf(file: string, text: string): Import[] {
  const found = [
    ...text.matchAll(
      /(?:^|\n)(?:import|export)\b[^'";]*?from '([^']+)'|\bimport\(\s*'([^']+)'|(?:^|\n)import '([^']+)'/g,
    ),
  ];
  return found.map(([, first, second, third]) => {
    const target = first ?? second ?? third ?? '';
    return { target, path: target.startsWith('.') ? normalize(join(dirname(file), target)) : undefined };
  });
}

describe('imports', () => {
  it('load SQLite by one door in tests as well: two copies in a process drop the locks of each other, and lose what was written', () => {
    const tests = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const around = tests.filter((file) =>
      /^import (?!type).*from '(?:libsql|node:sqlite)'/m.test(readFileSync(join('test', file), 'utf8')),
    );
    assert.deepEqual(around, []);
  });

  it('are found by this test at all', () => {
    assert.ok(files.length > 40);
    assert.ok([...imports.values()].flat().length > 150);
    const ofApp = imports.get('app/foundation.ts')?.map(({ path }) => path);
    assert.ok(ofApp?.includes('verification/index.ts') && ofApp.includes('config/index.ts'));
  });

  it('lead to files that exist, with their ending', () => {
    for (const [file, targets] of imports) {
      for (const { path, target } of targets)
        if (path !== undefined) assert.ok(sources.has(path), `${file}: ${target}`);
    }
  });

  it('know every part of src', () => {
    for (const file of files) assert.notEqual(layerOf(partOf(file)), -1, `${file} is in no layer`);
  });

  it('run one way: from main down to the leaves', () => {
    const upward: string[] = [];
    for (const [file, targets] of imports) {
      const part = partOf(file);
      for (const { path } of targets) {
        if (path === undefined || partOf(path) === part) continue;
        if (layerOf(partOf(path)) <= layerOf(part)) upward.push(`${file} -> ${path}`);
      }
    }
    assert.deepEqual(upward, []);
  });

  it('reach into another folder by its index.ts alone', () => {
    const inside: string[] = [];
    for (const [file, targets] of imports) {
      for (const { path } of targets) {
        if (path === undefined || !path.includes('/') || partOf(path) === partOf(file)) continue;
        if (!OPEN_FOLDERS.includes(partOf(path)) && !/^[^/]+\/index\.tsx?$/.test(path))
          inside.push(`${file} -> ${path}`);
      }
    }
    assert.deepEqual(inside, []);
  });

  it('take packages that are there at run time, not only while building', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
    const missing: string[] = [];
    for (const [file, text] of sources) {
      for (const { target } of importsOf(file, loadedAtOnce(text))) {
        if (target.startsWith('.') || target.startsWith('node:')) continue;
        const name = target.split('/', target.startsWith('@') ? 2 : 1).join('/');
        if (!Object.hasOwn(dependencies, name)) missing.push(`${file}: ${name}`);
      }
    }
    assert.deepEqual(missing, []);
  });

  it('make no cycles, types included', () => {
    const finished = new Set<string>();
    function walk(file: string, way: string[]): void {
      assert.ok(!way.includes(file), `a cycle: ${[...way.slice(way.indexOf(file)), file].join(' -> ')}`);
      if (finished.has(file)) return;
      for (const { path } of importsOf(file, withoutLazyImports(sources.get(file) ?? '')))
        if (path !== undefined) walk(path, [...way, file]);
      finished.add(file);
    }
    for (const file of files) walk(file, []);
  });

  for (const [name, isKeeper] of Object.entries(KEPT)) {
    it(`of ${name} stay where they belong`, () => {
      for (const [file, targets] of imports) {
        const isUsed = targets.some(({ target }) => target === name || target.startsWith(`${name}/`));
        if (isUsed) assert.ok(isKeeper(file), `${file} imports ${name}`);
      }
    });
  }

  it('of the process and its environment stay in main.ts', () => {
    for (const [file, text] of sources) {
      if (file === 'main.ts') continue;
      assert.doesNotMatch(withoutComments(text), /(?<![\w.'-])process\s*(?:\.|\[)|from '(?:node:)?process'/, file);
      assert.doesNotMatch(text, /from '(?:node:)?(?:child_process|cluster|worker_threads)'/, file);
    }
  });
});

describe('names', () => {
  it('of loose files in src are eight at most: the others have a room', () => {
    const loose = files.filter((file) => !file.includes('/'));
    assert.ok(loose.length <= 8, loose.join(' '));
  });

  it('of folders lead to an index.ts that only says what the folder offers', () => {
    const making = [...sources]
      .filter(([file]) => /^[^/]+\/index\.ts$/.test(file) && !MAKING_INDEXES.includes(partOf(file)))
      .filter(([, text]) => /^(?:export )?(?:async )?function /m.test(text))
      .map(([file]) => file);
    assert.deepEqual(making, []);
  });

  it('of constants, types and functions have one meaning in what folders offer', () => {
    const offered = new Map<string, string[]>();
    for (const [file, text] of sources) {
      if (!/^[^/]+\/index\.tsx?$/.test(file)) continue;
      for (const [, list = ''] of text.matchAll(/^export (?:type )?\{([^}]*)\} from '\.\//gm)) {
        for (const item of list.split(',')) {
          const name = item
            .trim()
            .replace(/^type /, '')
            .replace(/^.* as /, '');
          if (name !== '') offered.set(name, [...(offered.get(name) ?? []), file]);
        }
      }
    }
    const twice = [...offered].filter(([, places]) => places.length > 1).map(([name, places]) => `${name}: ${places}`);
    assert.deepEqual(twice, []);
  });

  it(`of files stand for at most ${LONGEST_FILE} lines: what is longer is two things`, () => {
    const long = [...sources].filter(([, text]) => text.split('\n').length > LONGEST_FILE).map(([file]) => file);
    assert.deepEqual(long, []);
  });

  it('of an hour and a day in milliseconds are in clock.ts alone', () => {
    const elsewhere = [...sources]
      .filter(([file]) => file !== 'clock.ts' && !file.startsWith('config/'))
      .filter(([, text]) => /\b(?:3_?600_?000|86_?400_?000)\b/.test(text))
      .map(([file]) => file);
    assert.deepEqual(elsewhere, []);
  });

  it('of files are in kebab-case and none is a drawer for anything', () => {
    for (const file of [...files, ...readdirSync('test', { recursive: true, encoding: 'utf8' })]) {
      for (const part of file.split('/')) {
        assert.match(part, /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)*$/, file);
        assert.doesNotMatch(part, /^(?:utils?|helpers?|common|types|services?|models?|misc|shared)(?:\.|$)/, file);
      }
    }
  });
});

function loadedAtOnce(text: string): string {
  return text.replace(/(^|\n)(?:import|export) type [^'";]*from '[^']+';/g, '$1').replace(/\bimport\(/g, '');
}

/** What is imported by import() comes when everything else is there. */
function withoutLazyImports(text: string): string {
  return text.replace(/\bimport\(/g, '');
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}
