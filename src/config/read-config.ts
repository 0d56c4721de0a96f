/** Reads the settings of an environment; all problems are reported together. */
import { SETTINGS, type Setting, type SettingKey } from './settings.ts';

type ValueOf<S> = S extends Setting<infer T> ? (S['default'] extends string ? T : T | undefined) : never;

/** Where a value comes from. */
export type SettingSource = 'default' | 'environment' | 'file';

export type Config = { readonly [K in SettingKey]: ValueOf<(typeof SETTINGS)[K]> };

export interface Problem {
  key: string;
  /** Never a secret's value. */
  given: string;
  wanted: string;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const lines = problems.map(({ key, given, wanted }) => `  ${key}: expected ${wanted}, got ${given}`);
    super(
      `${problems.length === 1 ? 'A setting is' : `${problems.length} settings are`} not valid:\n${lines.join('\n')}`,
    );
    this.problems = problems;
  }
}

const PREFIX = 'LATCHKEY_';
/** Read by the test suite alone. */
const TEST_PREFIX = 'LATCHKEY_TEST_';

/**
 * Reads the settings of an environment. `readFile` gives the text of a `_FILE`. Throws ConfigError with every problem there is. An empty
 * value counts as not set, so that a compose file can pass settings through.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): Config {
  const problems: Problem[] = [];
  const values: Record<string, unknown> = {};

  for (const [key, definition] of Object.entries(SETTINGS) as [SettingKey, Setting<unknown>][]) {
    const given = givenOf(key, definition);
    if (given === undefined) continue;
    const value = definition.parse(given);
    if (value === undefined)
      problems.push({
        key,
        given: definition.secret ? 'a value (not shown)' : JSON.stringify(given),
        wanted: definition.wanted,
      });
    values[key] = value;
  }
  for (const key of Object.keys(env)) {
    if (key.startsWith(PREFIX) && !key.startsWith(TEST_PREFIX) && !isKnown(key)) {
      problems.push({ key, given: 'an unknown name', wanted: `the name of a setting${nearest(key)}` });
    }
  }
  const databaseUrl = values['LATCHKEY_DATABASE_URL'];
  if (
    typeof databaseUrl === 'string' &&
    !databaseUrl.startsWith('file:') &&
    values['LATCHKEY_SECRET'] === undefined &&
    !problems.some(({ key }) => key.startsWith('LATCHKEY_SECRET'))
  ) {
    problems.push({
      key: 'LATCHKEY_SECRET',
      given: 'nothing',
      wanted: '32 characters or more, the same on all instances (required with MongoDB)',
    });
  }
  if (
    values['LATCHKEY_SMTP_URL'] !== undefined &&
    values['LATCHKEY_MAIL_FROM'] === undefined &&
    env['LATCHKEY_MAIL_FROM'] === undefined
  ) {
    problems.push({
      key: 'LATCHKEY_MAIL_FROM',
      given: 'nothing',
      wanted: 'a sender, because LATCHKEY_SMTP_URL is set',
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values) as Config;

  function givenOf(key: SettingKey, { secret, default: fallback }: Setting<unknown>): string | undefined {
    const direct = env[key] === '' ? undefined : env[key];
    const file = secret && env[`${key}_FILE`] !== '' ? env[`${key}_FILE`] : undefined;
    if (file === undefined) return direct ?? fallback;
    if (direct !== undefined) {
      problems.push({ key, given: `both ${key} and ${key}_FILE`, wanted: 'one of the two' });
      return undefined;
    }
    try {
      return readFile(file).trim();
    } catch {
      problems.push({ key: `${key}_FILE`, given: JSON.stringify(file), wanted: 'the path of a readable file' });
      return undefined;
    }
  }
}

/** Where each setting of an environment comes from, as `readConfig` reads it. */
export function readSources(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<SettingKey, SettingSource>> {
  const keys = Object.keys(SETTINGS) as SettingKey[];
  const sourceOf = (key: SettingKey): SettingSource =>
    env[`${key}_FILE`] ? 'file' : env[key] ? 'environment' : 'default';
  return Object.fromEntries(keys.map((key) => [key, sourceOf(key)])) as Record<SettingKey, SettingSource>;
}

function isKnown(key: string): boolean {
  if (Object.hasOwn(SETTINGS, key)) return true;
  const base = key.endsWith('_FILE') ? key.slice(0, -'_FILE'.length) : '';
  return Object.hasOwn(SETTINGS, base) && (SETTINGS[base as SettingKey] as Setting<unknown>).secret === true;
}

/** The setting that was probably meant: the one with the most words in common. */
function nearest(key: string): string {
  const words = new Set(key.slice(PREFIX.length).split('_'));
  const shared = (known: string) =>
    known
      .slice(PREFIX.length)
      .split('_')
      .filter((word) => words.has(word)).length;
  const [best] = Object.keys(SETTINGS).sort((a, b) => shared(b) - shared(a));
  return best && shared(best) > 0 ? `, perhaps ${best}` : '';
}
