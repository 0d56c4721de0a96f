/** `@latchkey/verify` as npm would install it. */
import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const COMPILER = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc');

/** Returns what the compiler said: nothing where all is well. */
export function compile(...args: string[]): string {
  return spawnSync(process.execPath, [COMPILER, ...args], { encoding: 'utf8' }).stdout;
}

/** Builds it into the `node_modules` of a folder, and returns its place there. */
export function installVerify(folder: string): string {
  const place = join(folder, 'node_modules/@latchkey/verify');
  const said = compile('-p', 'packages/verify/tsconfig.json', '--outDir', join(place, 'dist'));
  if (said !== '') throw new Error(said);
  cpSync('packages/verify/package.json', join(place, 'package.json'));
  return place;
}
