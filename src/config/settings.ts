/**
 * Every setting in one table: key, default, meaning, what is wanted. `npm run docs:tables` writes config/default.env and
 * docs/configuration.md from it.
 */
import {
  addressRanges,
  groupRoles,
  hostNames,
  type Kind,
  oneOf,
  origin,
  ownHosts,
  share,
  text,
  upstreamHosts,
  whole,
  workerCount,
  yesNo,
} from './kinds.ts';

/** The headings under which the documentation lists the settings, in this order. */
export const SETTING_GROUPS = [
  'Network',
  'Storage',
  'Verification',
  'Gateway',
  'Rotation',
  'OAuth',
  'Leaked tokens',
  'Dashboard sign-in',
  'Portal',
  'Logs, email and webhooks',
] as const;

export interface Setting<T> extends Kind<T> {
  /** As written in the environment; undefined: no default. */
  default: string | undefined;
  /** A secret may come from a file named by `<KEY>_FILE`, and is never shown. */
  secret?: true;
  group: (typeof SETTING_GROUPS)[number];
  meaning: string;
}

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
    group: 'Network',
    meaning: 'Address to listen on.',
    ...text('a host name or address', /^[A-Za-z0-9.:-]+$/),
  }),
  LATCHKEY_PORT: setting({
    default: '4400',
    group: 'Network',
    meaning: 'Port to listen on. 0 picks a free port.',
    ...whole(0, 65_535),
  }),
  LATCHKEY_PUBLIC_URL: optional({
    group: 'Network',
    meaning: 'Public origin of Latchkey, and its OAuth issuer. Defaults to http://{host}:{port}.',
    ...origin,
  }),
  LATCHKEY_HOSTS: setting({
    default: '',
    group: 'Network',
    meaning:
      'Additional host names to accept. The host of the public URL, IP addresses and private names always work; others get a 421.',
    ...ownHosts,
  }),
  LATCHKEY_TRUSTED_PROXIES: setting({
    default: '',
    group: 'Network',
    meaning: 'Proxies whose X-Forwarded-For and X-Request-Id headers Latchkey trusts.',
    ...addressRanges,
  }),
  LATCHKEY_WORKERS: setting({
    default: '1',
    group: 'Network',
    meaning: 'Number of processes that serve requests on the port. auto starts one for each core.',
    ...workerCount,
  }),
  LATCHKEY_DRAIN_SECONDS: setting({
    default: '25',
    group: 'Network',
    meaning: 'How long open requests get to finish after SIGTERM, in seconds.',
    ...whole(0, 600),
  }),
  LATCHKEY_DATABASE_URL: setting({
    default: 'file:./data',
    secret: true,
    group: 'Storage',
    meaning: 'Where data is stored. MongoDB must be a replica set; file: is embedded SQLite.',
    ...text('file:DIR or mongodb://...', /^(?:file:.+|mongodb(?:\+srv)?:\/\/.+)$/),
  }),
  LATCHKEY_SECRET: optional({
    secret: true,
    group: 'Storage',
    meaning:
      'Encrypts signing keys and other data that Latchkey must be able to read back. With SQLite, Latchkey creates one the first time it starts; with MongoDB, you must set it.',
    ...text('32 characters or more', /^.{32,}$/),
  }),
  LATCHKEY_INITIAL_API_KEY: optional({
    secret: true,
    group: 'Storage',
    meaning:
      'The first owner API key. Without it, Latchkey creates one and prints it once. Ignored once an owner key exists.',
    ...text('starts with lk_, 32 characters or more in total', /^lk_[\x21-\x7e]{29,512}$/),
  }),
  LATCHKEY_SQLITE_SYNCHRONOUS: setting({
    default: 'full',
    group: 'Storage',
    meaning:
      'full: confirmed writes survive a power failure. normal: writes are faster, but survive only a process crash.',
    ...oneOf('full', 'normal'),
  }),
  LATCHKEY_EVENTS_RETENTION_DAYS: setting({
    default: '400',
    group: 'Storage',
    meaning: 'Days to keep audit events. 0 keeps them forever.',
    ...whole(0, 36_500),
  }),
  LATCHKEY_USAGE_RETENTION_DAYS: setting({
    default: '100',
    group: 'Storage',
    meaning: 'Days to keep hourly usage. 0 keeps it forever. Totals and the time of last use are always kept.',
    ...whole(0, 36_500),
  }),
  LATCHKEY_LEASE_MS: setting({
    default: '1000',
    group: 'Verification',
    meaning:
      'How long verifications may be answered from memory, in milliseconds. A revocation is confirmed only after that time. 0 reads the store every time.',
    ...whole(0, 60_000),
  }),
  LATCHKEY_CACHE_ENTRIES: setting({
    default: '50000',
    group: 'Verification',
    meaning: 'Maximum number of credentials kept in memory.',
    ...whole(1, 10_000_000),
  }),
  LATCHKEY_FAILURES_PER_ADDRESS: setting({
    default: '1500',
    group: 'Verification',
    meaning: 'Refused requests per minute from one address before it gets a 429. Accepted requests never count.',
    ...whole(1, 1_000_000_000),
  }),
  LATCHKEY_FAILURES_PER_DIRECTORY: setting({
    default: '3000',
    group: 'Verification',
    meaning:
      'Refused requests per minute to one directory before further ones get a 429. Accepted requests never count.',
    ...whole(1, 1_000_000_000),
  }),
  LATCHKEY_UPSTREAM_ALLOW: setting({
    default: '',
    group: 'Gateway',
    meaning:
      'Private addresses and hosts that the gateway and webhooks may reach, over http or https. Public ones need https.',
    ...upstreamHosts,
  }),
  LATCHKEY_UPSTREAM_ALLOW_PRIVATE: setting({
    default: 'false',
    group: 'Gateway',
    meaning: 'Deprecated. true adds all private ranges to LATCHKEY_UPSTREAM_ALLOW.',
    ...yesNo,
  }),
  LATCHKEY_UPSTREAM_CREDENTIAL: optional({
    secret: true,
    group: 'Gateway',
    meaning: 'How the gateway authenticates to your SCIM server, for directories that have no credential of their own.',
    ...text(UPSTREAM_CREDENTIAL, /^(?:jwt|[\w!#$%&'*+.^`|~-]{1,100}: *[\x21-\x7e][\x20-\x7e]{0,4000})$/),
  }),
  LATCHKEY_UPSTREAM_CONNECT_TIMEOUT_MS: setting({
    default: '10000',
    group: 'Gateway',
    meaning: 'Milliseconds to wait for a connection to your SCIM server.',
    ...whole(10, 600_000),
  }),
  LATCHKEY_UPSTREAM_HEADERS_TIMEOUT_MS: setting({
    default: '60000',
    group: 'Gateway',
    meaning: 'Milliseconds to wait for the first bytes of the response. Okta waits 60 seconds.',
    ...whole(10, 600_000),
  }),
  LATCHKEY_UPSTREAM_TIMEOUT_MS: setting({
    default: '300000',
    group: 'Gateway',
    meaning: 'Milliseconds to allow for a whole request and its response.',
    ...whole(10, 3_600_000),
  }),
  LATCHKEY_RETIRE_QUIET_SECONDS: setting({
    default: '3600',
    group: 'Rotation',
    meaning:
      'How long a replaced token must go unused before it is retired, in seconds. Latchkey then retires it when the new token is used.',
    ...whole(0, 31_536_000),
  }),
  LATCHKEY_RETIRE_OVERDUE_SECONDS: setting({
    default: '86400',
    group: 'Rotation',
    meaning: 'Seconds after a rotation before Latchkey reports that the replaced token is still in use.',
    ...whole(0, 31_536_000),
  }),
  LATCHKEY_OAUTH_KEY_DAYS: setting({
    default: '90',
    group: 'OAuth',
    meaning: 'Days between rotations of the signing and cookie keys.',
    ...whole(1, 3650),
  }),
  LATCHKEY_OAUTH_JWKS_HOSTS: setting({
    default: 'login.microsoftonline.com',
    group: 'OAuth',
    meaning: 'Hosts from which Latchkey may fetch the public keys of OAuth clients.',
    ...hostNames,
  }),
  LATCHKEY_OAUTH_ALLOW_HTTP_REDIRECTS: setting({
    default: 'false',
    group: 'OAuth',
    meaning: "Allows http redirect URIs on hosts other than this machine. Okta's test cell needs one.",
    ...yesNo,
  }),
  LATCHKEY_LEAK_ACTION: setting({
    default: 'off',
    group: 'Leaked tokens',
    meaning:
      'What Latchkey does with a signed report of a leaked token: nothing (off), notify its organization (flag), or also revoke the token (revoke).',
    ...oneOf('off', 'flag', 'revoke'),
  }),
  LATCHKEY_LEAK_KEYS_URL: setting({
    default: 'https://api.github.com/meta/public_keys/secret_scanning',
    group: 'Leaked tokens',
    meaning: 'URL of the public keys that verify leak reports.',
    ...text('an https URL', /^https:\/\/[^\s/@]+\/\S*$/),
  }),
  LATCHKEY_LEAK_KEYS: optional({
    group: 'Leaked tokens',
    meaning: "Public keys that verify leak reports. Set them if Latchkey can't fetch them.",
    ...text('a JSON list of public keys, in the format that GitHub publishes', /^\{"public_keys":.{1,20000}\}$/),
  }),
  LATCHKEY_SESSION_IDLE_MINUTES: setting({
    default: '120',
    group: 'Dashboard sign-in',
    meaning:
      'Minutes without a request before a dashboard or portal session ends. Sessions always end after 12 hours, or 8 in the portal.',
    ...whole(5, 720),
  }),
  LATCHKEY_OPENID_ISSUER: optional({
    group: 'Dashboard sign-in',
    meaning: 'Issuer of your OpenID provider. Members can then sign in through it.',
    ...text(
      'an https URL, or http on this machine',
      /^(?:https:\/\/\S+|http:\/\/(?:localhost|127\.0\.0\.1)(?::\d+)?\S*)$/,
    ),
  }),
  LATCHKEY_OPENID_CLIENT_ID: optional({
    group: 'Dashboard sign-in',
    meaning:
      'Client ID that your OpenID provider assigned to Latchkey. Register {public URL}/dashboard/sign-in/openid/callback as its redirect URI.',
    ...text('1 to 200 characters without spaces', /^\S{1,200}$/),
  }),
  LATCHKEY_OPENID_CLIENT_SECRET: optional({
    secret: true,
    group: 'Dashboard sign-in',
    meaning: 'Client secret from your OpenID provider.',
    ...text('1 to 500 characters without spaces', /^\S{1,500}$/),
  }),
  LATCHKEY_OPENID_SCOPE: setting({
    default: 'openid profile email',
    group: 'Dashboard sign-in',
    meaning: 'Scopes to request from your OpenID provider. Some providers require one for groups.',
    ...text('scopes with openid first', /^openid(?: \S+)*$/),
  }),
  LATCHKEY_OPENID_GROUPS_CLAIM: setting({
    default: 'groups',
    group: 'Dashboard sign-in',
    meaning: "ID token claim that lists a person's groups.",
    ...text('the name of a claim', /^[\w:./-]{1,200}$/),
  }),
  LATCHKEY_OPENID_ROLES: setting({
    default: '',
    group: 'Dashboard sign-in',
    meaning: "Maps groups to roles. People in none of these groups can't sign in.",
    ...groupRoles,
  }),
  LATCHKEY_BRAND_NAME: setting({
    default: 'Latchkey',
    group: 'Portal',
    meaning: 'Your name in the portal.',
    ...text('1 to 60 characters', /^.{1,60}$/),
  }),
  LATCHKEY_BRAND_COLOR: optional({
    group: 'Portal',
    meaning: 'Your color in the portal. Latchkey darkens or lightens it where text would be hard to read.',
    ...text('a color such as #3b5bdb', /^#[0-9a-fA-F]{6}$/),
  }),
  LATCHKEY_BRAND_LOGO: optional({
    group: 'Portal',
    meaning: 'Path to your logo for the portal, an SVG or PNG file. It is shown 22 pixels high.',
    ...text('a path that ends in .svg or .png', /^.+\.(?:svg|png)$/i),
  }),
  LATCHKEY_SUPPORT: optional({
    group: 'Portal',
    meaning: 'Where IT contacts can get help. Shown in the portal.',
    ...text('an https URL or an email address', /^(?:https:\/\/\S+|[^\s@<>"]+@[^\s@<>"]+)$/),
  }),
  LATCHKEY_LOG_LEVEL: setting({
    default: 'info',
    group: 'Logs, email and webhooks',
    meaning: 'Lowest level to log. Logs go to standard error.',
    ...oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  }),
  LATCHKEY_LOG_VERIFICATIONS: setting({
    default: '0',
    group: 'Logs, email and webhooks',
    meaning: 'Share of verifications to log. Metrics and usage always count all of them.',
    ...share,
  }),
  LATCHKEY_SMTP_URL: optional({
    secret: true,
    group: 'Logs, email and webhooks',
    meaning:
      "Mail server. smtp:// uses STARTTLS if the server offers it. Without this setting, Latchkey doesn't send email.",
    ...text('smtp://USER:PASSWORD@HOST:PORT or smtps://...', /^smtps?:\/\/(?:[^\s@/]+@)?[^\s@/]+\/?$/),
  }),
  LATCHKEY_MAIL_FROM: optional({
    group: 'Logs, email and webhooks',
    meaning: 'Sender of emails. Required with LATCHKEY_SMTP_URL.',
    ...text(
      'an address, or a name and an address in angle brackets',
      /^(?:[^<>@]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/,
    ),
  }),
  LATCHKEY_MAIL_REPLY_TO: optional({
    group: 'Logs, email and webhooks',
    meaning: 'Where replies to emails go, for example your support address.',
    ...text(
      'an address, or a name and an address in angle brackets',
      /^(?:[^<>@]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/,
    ),
  }),
  LATCHKEY_MAIL_PER_MINUTE: setting({
    default: '300',
    group: 'Logs, email and webhooks',
    meaning: 'Maximum number of emails that one instance sends per minute.',
    ...whole(1, 100_000),
  }),
  LATCHKEY_WEBHOOK_TIMEOUT_MS: setting({
    default: '15000',
    group: 'Logs, email and webhooks',
    meaning: 'Milliseconds to wait for a webhook endpoint to respond.',
    ...whole(100, 60_000),
  }),
  LATCHKEY_METRICS_TOKEN: optional({
    secret: true,
    group: 'Logs, email and webhooks',
    meaning: 'Bearer token that /metrics requires. Without it, only this machine can read /metrics.',
    ...text('16 characters or more', /^[\x21-\x7e]{16,}$/),
  }),
};

export type SettingKey = keyof typeof SETTINGS;
