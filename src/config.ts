/**
 * Every setting in one table: key, default, what is wanted, one line of meaning. config/default.env and docs/configuration.md are held to it
 * by a test. Read once, in main; all problems are reported together.
 */
import ipaddr from 'ipaddr.js';

interface Setting<T> {
  /** As written in the environment; undefined: no default. */
  default: string | undefined;
  /** A secret may come from a file named by `<KEY>_FILE`, and is never shown. */
  secret?: true;
  meaning: string;
  wanted: string;
  /** undefined when the text is not what is wanted. */
  parse: (text: string) => T | undefined;
}

const text = (wanted: string, pattern: RegExp) => ({
  wanted,
  parse: (value: string) => (pattern.test(value) ? value : undefined),
});

const whole = (least: number, most: number) => ({
  wanted: `a whole number from ${least} to ${most}`,
  parse: (value: string) =>
    /^\d{1,12}$/.test(value) && Number(value) >= least && Number(value) <= most ? Number(value) : undefined,
});

const yesNo = {
  wanted: 'true or false',
  parse: (value: string) => (value === 'true' ? true : value === 'false' ? false : undefined),
};

const share = {
  wanted: 'a number from 0 to 1',
  parse: (value: string) => (/^(?:0(?:\.\d+)?|1(?:\.0+)?)$/.test(value) ? Number(value) : undefined),
};

function oneOf<V extends string>(...values: V[]) {
  return { wanted: `one of ${values.join(', ')}`, parse: (value: string) => values.find((known) => known === value) };
}

const origin = {
  wanted: 'an http or https origin without path, such as https://scim.example.com',
  parse(value: string) {
    const url = URL.parse(value);
    const isOrigin =
      url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash && !url.username;
    return isOrigin ? url.origin : undefined;
  },
};

const addressRanges = {
  wanted: 'addresses or CIDR ranges, separated by commas, such as 10.0.0.0/8,::1',
  parse(value: string) {
    const ranges = value
      .split(',')
      .map((range) => range.trim())
      .filter((range) => range !== '');
    const isValid = (range: string) => (range.includes('/') ? ipaddr.isValidCIDR(range) : ipaddr.isValid(range));
    return ranges.every(isValid) ? ranges : undefined;
  },
};

const upstreamHosts = {
  wanted: 'addresses, CIDR ranges and host names, separated by commas, such as 10.0.0.0/8,scim.internal,*.svc',
  parse(value: string) {
    const entries = value
      .split(',')
      .map((entry) => entry.trim().toLowerCase())
      .filter((entry) => entry !== '');
    const isHost = (entry: string) =>
      /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(entry) && !/^[\d.]+$/.test(entry);
    const isValid = (entry: string) =>
      entry.includes('/') ? ipaddr.isValidCIDR(entry) : ipaddr.isValid(entry) || isHost(entry);
    return entries.every(isValid) ? entries : undefined;
  },
};

const hostNames = {
  wanted: 'host names, separated by commas',
  parse(value: string) {
    const names = value
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    return names.every((name) => /^[A-Za-z0-9.-]+$/.test(name)) ? names : undefined;
  },
};

const ownHosts = {
  wanted: 'host names without ports, separated by commas, such as scim.example.com,*.internal.example.com; * is any',
  parse(value: string) {
    const names = value
      .split(',')
      .map((name) => name.trim().toLowerCase())
      .filter((name) => name !== '');
    return names.every((name) => /^(?:\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)$/.test(name)) ? names : undefined;
  },
};

const GROUP_ROLES = ['owner', 'admin', 'viewer'] as const;

const groupRoles = {
  wanted: 'pairs of group=owner, group=admin or group=viewer, separated by commas',
  parse(value: string) {
    const pairs: [group: string, role: (typeof GROUP_ROLES)[number]][] = [];
    for (const pair of value.split(',').map((part) => part.trim())) {
      if (pair === '') continue;
      // Names of groups may have the mark of equality themselves.
      const mark = pair.lastIndexOf('=');
      const role = GROUP_ROLES.find((known) => known === pair.slice(mark + 1));
      if (mark < 1 || role === undefined) return undefined;
      pairs.push([pair.slice(0, mark), role]);
    }
    return pairs;
  },
};

function setting<T>(definition: Setting<T> & { default: string }): Setting<T> & { default: string } {
  return definition;
}

function optional<T>(definition: Omit<Setting<T>, 'default'>): Setting<T> & { default: undefined } {
  return { ...definition, default: undefined };
}

export const UPSTREAM_CREDENTIAL = 'jwt, or a header such as Authorization: Bearer VALUE';

export const SETTINGS = {
  LATCHKEY_HOST: setting({
    default: '127.0.0.1',
    meaning: 'Address to listen on.',
    ...text('a host name or address', /^[A-Za-z0-9.:-]+$/),
  }),
  LATCHKEY_PORT: setting({ default: '4400', meaning: 'Port to listen on; 0 takes a free one.', ...whole(0, 65_535) }),
  LATCHKEY_PUBLIC_URL: optional({
    meaning: 'Origin that the world sees, and the issuer. Without it: http://{host}:{port}.',
    ...origin,
  }),
  LATCHKEY_HOSTS: setting({
    default: '',
    meaning:
      "Further host names that requests may have; the public URL's, addresses and private names always may. Others get 421.",
    ...ownHosts,
  }),
  LATCHKEY_DATABASE_URL: setting({
    default: 'file:./data',
    secret: true,
    meaning: 'mongodb://... (a replica set; production) or file:DIR (embedded SQLite).',
    ...text('file:DIR or mongodb://...', /^(?:file:.+|mongodb(?:\+srv)?:\/\/.+)$/),
  }),
  LATCHKEY_SECRET: optional({
    secret: true,
    meaning:
      'Encrypts what must be readable again (signing keys). Made at the first start of an embedded store; required with MongoDB.',
    ...text('32 characters or more', /^.{32,}$/),
  }),
  LATCHKEY_INITIAL_API_KEY: optional({
    secret: true,
    meaning: 'The first owner key. Without it one is made and printed once; ignored once an owner key exists.',
    ...text('lk_ and more, 32 characters or more in all', /^lk_[\x21-\x7e]{29,512}$/),
  }),
  LATCHKEY_LEASE_MS: setting({
    default: '1000',
    meaning:
      'Milliseconds that a verification may be answered from memory; a revoke waits them out. 0 reads every time.',
    ...whole(0, 60_000),
  }),
  LATCHKEY_CACHE_ENTRIES: setting({
    default: '50000',
    meaning: 'Credentials kept in memory under their lease at most.',
    ...whole(1, 10_000_000),
  }),
  LATCHKEY_UPSTREAM_ALLOW: setting({
    default: '',
    meaning: 'Private addresses and hosts that upstreams may have; those may be http too. Public ones need https.',
    ...upstreamHosts,
  }),
  LATCHKEY_UPSTREAM_ALLOW_PRIVATE: setting({
    default: 'false',
    meaning: 'Deprecated: true adds all private ranges to LATCHKEY_UPSTREAM_ALLOW.',
    ...yesNo,
  }),
  LATCHKEY_UPSTREAM_CREDENTIAL: optional({
    secret: true,
    meaning: 'What authenticates the gateway at upstreams, for directories without a credential of their own for that.',
    ...text(UPSTREAM_CREDENTIAL, /^(?:jwt|[\w!#$%&'*+.^`|~-]{1,100}: *[\x21-\x7e][\x20-\x7e]{0,4000})$/),
  }),
  LATCHKEY_UPSTREAM_CONNECT_TIMEOUT_MS: setting({
    default: '10000',
    meaning: 'Milliseconds the gateway waits for a connection to an upstream.',
    ...whole(10, 600_000),
  }),
  LATCHKEY_UPSTREAM_HEADERS_TIMEOUT_MS: setting({
    default: '60000',
    meaning: 'Milliseconds the gateway waits for the first bytes of an upstream; Okta waits as long.',
    ...whole(10, 600_000),
  }),
  LATCHKEY_UPSTREAM_TIMEOUT_MS: setting({
    default: '300000',
    meaning: 'Milliseconds the gateway allows for a whole exchange.',
    ...whole(10, 3_600_000),
  }),
  LATCHKEY_TRUSTED_PROXIES: setting({
    default: '',
    meaning: 'Proxies whose X-Forwarded-For and X-Request-Id are believed.',
    ...addressRanges,
  }),
  LATCHKEY_FAILURES_PER_ADDRESS: setting({
    default: '1500',
    meaning: 'Refused requests a minute from one address before it is told to wait (429). Accepted ones never count.',
    ...whole(1, 1_000_000_000),
  }),
  LATCHKEY_FAILURES_PER_DIRECTORY: setting({
    default: '3000',
    meaning:
      'Refused requests a minute at one directory before they are told to wait (429). Accepted ones never count.',
    ...whole(1, 1_000_000_000),
  }),
  LATCHKEY_RETIRE_QUIET_SECONDS: setting({
    default: '3600',
    meaning: 'A replaced token retires after so long without use, once its successor was accepted.',
    ...whole(0, 31_536_000),
  }),
  LATCHKEY_RETIRE_OVERDUE_SECONDS: setting({
    default: '86400',
    meaning: 'A replaced token in use so long after the rotation shows as still in use.',
    ...whole(0, 31_536_000),
  }),
  LATCHKEY_EVENTS_RETENTION_DAYS: setting({
    default: '400',
    meaning: 'Days that audit events are kept; 0 keeps them for ever.',
    ...whole(0, 36_500),
  }),
  LATCHKEY_USAGE_RETENTION_DAYS: setting({
    default: '100',
    meaning: 'Days that usage per hour is kept; 0 keeps it for ever. Totals and last used stay.',
    ...whole(0, 36_500),
  }),
  LATCHKEY_SQLITE_SYNCHRONOUS: setting({
    default: 'full',
    meaning:
      'full: what was acknowledged survives power loss. normal: faster writes, survives a crash of the process only.',
    ...oneOf('full', 'normal'),
  }),
  LATCHKEY_LOG_LEVEL: setting({
    default: 'info',
    meaning: 'Least level that is logged, on standard error.',
    ...oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  }),
  LATCHKEY_LOG_VERIFICATIONS: setting({
    default: '0',
    meaning: 'Share of verifications that get a log line each. Metrics and usage count all of them anyway.',
    ...share,
  }),
  LATCHKEY_OAUTH_KEY_DAYS: setting({
    default: '90',
    meaning: 'Days after which the signing and cookie keys of the authorization server are rotated.',
    ...whole(1, 3650),
  }),
  LATCHKEY_OAUTH_ALLOW_HTTP_REDIRECTS: setting({
    default: 'false',
    meaning: "Lets redirect URIs be http on hosts other than this machine (Okta's test cell has one).",
    ...yesNo,
  }),
  LATCHKEY_OAUTH_JWKS_HOSTS: setting({
    default: 'login.microsoftonline.com',
    meaning: 'Hosts that the public keys of OAuth clients may be fetched from, separated by commas.',
    ...hostNames,
  }),
  LATCHKEY_LEAK_ACTION: setting({
    default: 'off',
    meaning:
      'What a signed report of a leaked token does: nothing (off), tell its organization (flag), or revoke it too.',
    ...oneOf('off', 'flag', 'revoke'),
  }),
  LATCHKEY_LEAK_KEYS_URL: setting({
    default: 'https://api.github.com/meta/public_keys/secret_scanning',
    meaning: 'Where the public keys that sign leak reports are published.',
    ...text('an https URL', /^https:\/\/[^\s/@]+\/\S*$/),
  }),
  LATCHKEY_LEAK_KEYS: optional({
    meaning: 'The keys that sign leak reports, where they are not fetched.',
    ...text('a list of public keys as GitHub publishes it, in JSON', /^\{"public_keys":.{1,20000}\}$/),
  }),
  LATCHKEY_SESSION_IDLE_MINUTES: setting({
    default: '120',
    meaning: 'Minutes without a request after which a dashboard session ends. It ends after 12 hours in any case.',
    ...whole(5, 720),
  }),
  LATCHKEY_OPENID_ISSUER: optional({
    meaning: 'Issuer of your own OpenID provider, by which operators may sign in to the dashboard.',
    ...text(
      'an https URL, or http on this machine',
      /^(?:https:\/\/\S+|http:\/\/(?:localhost|127\.0\.0\.1)(?::\d+)?\S*)$/,
    ),
  }),
  LATCHKEY_OPENID_CLIENT_ID: optional({
    meaning: 'Client id at that provider. Its redirect URI: {public URL}/dashboard/sign-in/openid/callback.',
    ...text('1 to 200 characters without blanks', /^\S{1,200}$/),
  }),
  LATCHKEY_OPENID_CLIENT_SECRET: optional({
    secret: true,
    meaning: 'Client secret at that provider.',
    ...text('1 to 500 characters without blanks', /^\S{1,500}$/),
  }),
  LATCHKEY_OPENID_SCOPE: setting({
    default: 'openid profile email',
    meaning: 'Scopes that are asked of that provider; some want one for groups.',
    ...text('scopes with openid first', /^openid(?: \S+)*$/),
  }),
  LATCHKEY_OPENID_GROUPS_CLAIM: setting({
    default: 'groups',
    meaning: 'Claim of the ID token that names the groups of a person.',
    ...text('the name of a claim', /^[\w:./-]{1,200}$/),
  }),
  LATCHKEY_OPENID_ROLES: setting({
    default: '',
    meaning: 'Which group may what. Who is in none of them is not let in.',
    ...groupRoles,
  }),
  LATCHKEY_BRAND_NAME: setting({
    default: 'Latchkey',
    meaning: 'Your name, as IT contacts read it in the portal.',
    ...text('1 to 60 characters', /^.{1,60}$/),
  }),
  LATCHKEY_BRAND_COLOR: optional({
    meaning: 'Your colour in the portal; made darker or lighter where it could not be read.',
    ...text('a colour such as #3b5bdb', /^#[0-9a-fA-F]{6}$/),
  }),
  LATCHKEY_BRAND_LOGO: optional({
    meaning: 'Your logo in the portal: the path of an SVG or PNG file, shown 22 pixels high.',
    ...text('a path that ends in .svg or .png', /^.+\.(?:svg|png)$/i),
  }),
  LATCHKEY_SUPPORT: optional({
    meaning: 'Where IT contacts find help, shown in the portal.',
    ...text('an https URL or an e-mail address', /^(?:https:\/\/\S+|[^\s@<>"]+@[^\s@<>"]+)$/),
  }),
  LATCHKEY_SMTP_URL: optional({
    secret: true,
    meaning:
      'Mail server for notices: smtps://, or smtp:// with STARTTLS where the server has it. Without it no email is sent.',
    ...text('smtp://USER:PASSWORD@HOST:PORT or smtps://...', /^smtps?:\/\/(?:[^\s@/]+@)?[^\s@/]+\/?$/),
  }),
  LATCHKEY_MAIL_FROM: optional({
    meaning: 'Sender of email, required with LATCHKEY_SMTP_URL.',
    ...text(
      'an address, or a name and an address in angle brackets',
      /^(?:[^<>@]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/,
    ),
  }),
  LATCHKEY_MAIL_REPLY_TO: optional({
    meaning: 'Where answers to email go, such as your support.',
    ...text(
      'an address, or a name and an address in angle brackets',
      /^(?:[^<>@]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/,
    ),
  }),
  LATCHKEY_MAIL_PER_MINUTE: setting({
    default: '300',
    meaning: 'Emails that one instance sends in a minute at most.',
    ...whole(1, 100_000),
  }),
  LATCHKEY_WEBHOOK_TIMEOUT_MS: setting({
    default: '15000',
    meaning: 'Milliseconds that the receiver of a webhook has for its answer.',
    ...whole(100, 60_000),
  }),
  LATCHKEY_METRICS_TOKEN: optional({
    secret: true,
    meaning: 'Token that /metrics asks for. Without it only this machine may read them.',
    ...text('16 characters or more', /^[\x21-\x7e]{16,}$/),
  }),
  LATCHKEY_DRAIN_SECONDS: setting({
    default: '25',
    meaning: 'Seconds that requests under way get to finish after SIGTERM.',
    ...whole(0, 600),
  }),
};

export type SettingKey = keyof typeof SETTINGS;

type ValueOf<S> = S extends Setting<infer T> ? (S['default'] extends string ? T : T | undefined) : never;

/** Where a value comes from. */
export type Source = 'default' | 'environment' | 'file';

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
    const lines = problems.map(({ key, given, wanted }) => `  ${key}: given ${given}; wanted ${wanted}`);
    super(
      `${problems.length === 1 ? 'A setting is' : `${problems.length} settings are`} not usable:\n${lines.join('\n')}`,
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
      problems.push({ key, given: 'a setting of that name', wanted: `no such setting${nearest(key)}` });
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
      wanted: 'the sender, since LATCHKEY_SMTP_URL is set',
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
export function readSources(env: Readonly<Record<string, string | undefined>>): Readonly<Record<SettingKey, Source>> {
  const keys = Object.keys(SETTINGS) as SettingKey[];
  const sourceOf = (key: SettingKey): Source => (env[`${key}_FILE`] ? 'file' : env[key] ? 'environment' : 'default');
  return Object.fromEntries(keys.map((key) => [key, sourceOf(key)])) as Record<SettingKey, Source>;
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
  return best && shared(best) > 0 ? `; perhaps ${best}` : '';
}
