/** Kinds of values that settings have: what is wanted, and how the text of the environment is read. */
import ipaddr from 'ipaddr.js';

/** `parse`: undefined when the text is not what is wanted. */
export interface Kind<T> {
  wanted: string;
  parse: (text: string) => T | undefined;
}

export const text = (wanted: string, pattern: RegExp) => ({
  wanted,
  parse: (value: string) => (pattern.test(value) ? value : undefined),
});

export const whole = (least: number, most: number) => ({
  wanted: `a whole number from ${least} to ${most}`,
  parse: (value: string) =>
    /^\d{1,12}$/.test(value) && Number(value) >= least && Number(value) <= most ? Number(value) : undefined,
});

export const yesNo = {
  wanted: 'true or false',
  parse: (value: string) => (value === 'true' ? true : value === 'false' ? false : undefined),
};

export const share = {
  wanted: 'a number from 0 to 1',
  parse: (value: string) => (/^(?:0(?:\.\d+)?|1(?:\.0+)?)$/.test(value) ? Number(value) : undefined),
};

export function oneOf<V extends string>(...values: V[]) {
  return { wanted: `one of ${values.join(', ')}`, parse: (value: string) => values.find((known) => known === value) };
}

export const origin = {
  wanted: 'an http or https origin without a path, such as https://scim.example.com',
  parse(value: string) {
    const url = URL.parse(value);
    const isOrigin =
      url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash && !url.username;
    return isOrigin ? url.origin : undefined;
  },
};

/** Entries with commas between them; those that are only blanks do not count. `read` gives one as it is kept. */
function list(wanted: string, isValid: (entry: string) => boolean, read = (entry: string) => entry) {
  return {
    wanted,
    parse(value: string) {
      const entries = entriesOf(value).map(read);
      return entries.every(isValid) ? entries : undefined;
    },
  };
}

function entriesOf(value: string): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

const lowerCase = (entry: string) => entry.toLowerCase();
const isRange = (entry: string) => (entry.includes('/') ? ipaddr.isValidCIDR(entry) : ipaddr.isValid(entry));
const isHost = (entry: string) =>
  /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(entry) && !/^[\d.]+$/.test(entry);

export const addressRanges = list('addresses or CIDR ranges separated by commas, for example 10.0.0.0/8,::1', isRange);

export const upstreamHosts = list(
  'addresses, CIDR ranges and host names separated by commas, for example 10.0.0.0/8,scim.internal,*.svc',
  (entry) => isRange(entry) || isHost(entry),
  lowerCase,
);

export const hostNames = list('host names, separated by commas', (name) => /^[A-Za-z0-9.-]+$/.test(name));

export const ownHosts = list(
  'host names without ports, separated by commas, for example scim.example.com,*.internal.example.com; * matches any host',
  (name) => /^(?:\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)$/.test(name),
  lowerCase,
);

export const workerCount = {
  wanted: 'auto, or a whole number from 1 to 64',
  parse(value: string) {
    if (value === 'auto') return 'auto' as const;
    return /^[1-9]\d?$/.test(value) && Number(value) <= 64 ? Number(value) : undefined;
  },
};

const GROUP_ROLES = ['owner', 'admin', 'viewer'] as const;

export const groupRoles = {
  wanted: 'pairs of group=owner, group=admin or group=viewer, separated by commas',
  parse(value: string) {
    const pairs: [group: string, role: (typeof GROUP_ROLES)[number]][] = [];
    for (const pair of entriesOf(value)) {
      // Names of groups may have the mark of equality themselves.
      const mark = pair.lastIndexOf('=');
      const role = GROUP_ROLES.find((known) => known === pair.slice(mark + 1));
      if (mark < 1 || role === undefined) return undefined;
      pairs.push([pair.slice(0, mark), role]);
    }
    return pairs;
  },
};
