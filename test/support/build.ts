/**
 * `npm run build:test`: puts what the tests run into `build/`, as a few hundred files of JavaScript with what they import inside. A process
 * that loads the application from them starts in half the time that it needs with a file for each module. Types are not checked.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { DAY } from './clock.ts';

const BUILD = resolve('build');
const CHUNKS = join(BUILD, 'chunks');
/** What is started or imported by its path, besides the tests. */
const PROGRAMS = [
  'src/clock.ts',
  'src/main.ts',
  'src/storage/index.ts',
  'test/demo/demo.ts',
  'test/demo/scim-server-process.ts',
  'test/run.ts',
  'test/storage/keep-store.ts',
  'test/storm/stepped-clock.ts',
  'test/support/mortal-app.ts',
  'test/support/reporter.ts',
];
/** Compiled modules, and what the application imports only when it needs it. */
const UNBUNDLED = [
  '@node-rs/argon2',
  '@simplewebauthn/server',
  '@zxcvbn-ts/language-common',
  'libsql',
  'mongodb',
  'mongoose',
  'nodemailer',
  'openid-client',
];
/** Files next to `src` that it reads. */
const LINKED = ['config', 'package.json'];
/** What a module asks `import.meta` for. */
const PLACES = ['url', 'dirname', 'filename'] as const;

const tests = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => `test/${file}`);
const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { devDependencies: object };

await build({
  entryPoints: [...tests, ...PROGRAMS],
  outdir: BUILD,
  outbase: '.',
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  // oidc-provider asks its classes for their names.
  keepNames: true,
  sourcemap: true,
  sourcesContent: false,
  external: [...UNBUNDLED, ...Object.keys(devDependencies).flatMap((name) => [name, `${name}/*`])],
  banner: {
    js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
  },
  define: Object.fromEntries(PLACES.map((name) => [`import.meta.${name}`, `own_${name}`])),
  plugins: [{ name: 'own place', setup: (own) => own.onLoad({ filter: /\.tsx?$/ }, load) }],
  logLevel: 'warning',
});
removeOldChunks();
for (const name of LINKED) {
  const link = join(BUILD, name);
  if (!existsSync(link)) symlinkSync(join('..', name), link);
}
cpSync('src', join(BUILD, 'src'), { recursive: true, filter: (path) => !/\.tsx?$/.test(path) });

/** A module knows the place of its own that it would have as a file of its own. */
function load({ path }: { path: string }) {
  const place = join(BUILD, relative('.', path)).replace(/\.tsx?$/, '.js');
  const known = { url: pathToFileURL(place).href, dirname: dirname(place), filename: place };
  const text = readFileSync(path, 'utf8');
  const own = PLACES.filter((name) => text.includes(`import.meta.${name}`));
  const told = own.map((name) => `const own_${name} = ${JSON.stringify(known[name])};`).join(' ');
  const contents = text.replace(/^(?:#!.*\n)?/, (first) => first + told);
  return { contents, loader: path.endsWith('x') ? ('tsx' as const) : ('ts' as const) };
}

/** Not the recent ones: another run may still need them. */
function removeOldChunks(): void {
  for (const name of readdirSync(CHUNKS)) {
    const file = join(CHUNKS, name);
    if (Date.now() - statSync(file).mtimeMs > DAY) rmSync(file);
  }
}
