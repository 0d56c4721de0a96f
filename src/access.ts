/**
 * Who may do what: one table of actions, each with the roles that may do it and how far it reaches. The admin API with its description, the
 * dashboard and the portal read it; nobody else decides about roles.
 */

/** Roles of operators and API keys, `introspect` of API keys alone; `it_contact` is a person who entered the portal. */
export type AccessRole = 'owner' | 'admin' | 'viewer' | 'introspect' | 'it_contact';

interface Rule {
  roles: readonly AccessRole[];
  /**
   * `organization`: those who are limited to one organization do it there. `all`: it concerns all organizations, so who is limited to one
   * may never do it.
   */
  reach: 'organization' | 'all';
}

const OWNERS = ['owner'] as const;
const WRITERS = ['owner', 'admin'] as const;
const READERS = ['owner', 'admin', 'viewer'] as const;

export const ACTIONS = {
  'organizations.read': { roles: READERS, reach: 'organization' },
  'organizations.create': { roles: WRITERS, reach: 'all' },
  'organizations.change': { roles: WRITERS, reach: 'organization' },
  /** It is unique among all: whether another one is taken would tell who the other customers are. */
  'organizations.set-external-id': { roles: WRITERS, reach: 'all' },
  /** It says which servers a key that is limited to the organization may send requests to. */
  'organizations.allow-upstreams': { roles: OWNERS, reach: 'all' },
  'organizations.delete': { roles: OWNERS, reach: 'all' },
  'directories.read': { roles: [...READERS, 'it_contact'], reach: 'organization' },
  'directories.change': { roles: WRITERS, reach: 'organization' },
  /** Whether a key is taken tells of other organizations' directories. */
  'directories.choose-endpoint-key': { roles: WRITERS, reach: 'all' },
  /** Anywhere; who is limited to one organization chooses from the origins that an owner allowed for it. */
  'directories.choose-upstream': { roles: WRITERS, reach: 'all' },
  'directories.set-up': { roles: [...WRITERS, 'it_contact'], reach: 'organization' },
  'credentials.read': { roles: READERS, reach: 'organization' },
  'credentials.change': { roles: [...WRITERS, 'it_contact'], reach: 'organization' },
  /** To say whether a credential is still needed. */
  'credentials.review': { roles: WRITERS, reach: 'organization' },
  /** All credentials in one list, and what an auditor asks for. */
  'reports.read': { roles: READERS, reach: 'organization' },
  /** Campaigns go across organizations. */
  'campaigns.read': { roles: READERS, reach: 'all' },
  'campaigns.run': { roles: WRITERS, reach: 'all' },
  /** A person who can try values learns which ones are in use, so IT contacts may not. */
  'credentials.import': { roles: WRITERS, reach: 'organization' },
  /** A value that could be guessed. */
  'credentials.import-weak': { roles: OWNERS, reach: 'organization' },
  'clients.read': { roles: READERS, reach: 'organization' },
  'clients.change': { roles: WRITERS, reach: 'organization' },
  /** Without a directory of its own it is shared by all organizations. */
  'clients.share': { roles: WRITERS, reach: 'all' },
  'findings.settle': { roles: [...WRITERS, 'it_contact'], reach: 'organization' },
  'tokens.check': { roles: [...READERS, 'it_contact'], reach: 'organization' },
  /** Whose they are is not known, so they are no organization's. */
  'unplaced.read': { roles: READERS, reach: 'all' },
  /** Whether a token may be used, asked by a SCIM server (RFC 7662). */
  'tokens.introspect': { roles: [...WRITERS, 'introspect'], reach: 'organization' },
  'outcomes.report': { roles: [...WRITERS, 'introspect'], reach: 'organization' },
  'portal-links.read': { roles: READERS, reach: 'organization' },
  'portal-links.change': { roles: WRITERS, reach: 'organization' },
  'webhooks.read': { roles: READERS, reach: 'organization' },
  'webhooks.change': { roles: WRITERS, reach: 'organization' },
  /** Who is told of problems, and what was told. */
  'contacts.read': { roles: [...READERS, 'it_contact'], reach: 'organization' },
  'contacts.change': { roles: [...WRITERS, 'it_contact'], reach: 'organization' },
  'events.read': { roles: READERS, reach: 'organization' },
  'api-keys.read': { roles: WRITERS, reach: 'organization' },
  'api-keys.change': { roles: OWNERS, reach: 'organization' },
  /** Operators see all organizations. */
  'operators.manage': { roles: OWNERS, reach: 'all' },
  'account.use': { roles: READERS, reach: 'all' },
  'settings.read': { roles: READERS, reach: 'all' },
  'signing-keys.rotate': { roles: OWNERS, reach: 'all' },
} as const satisfies Record<string, Rule>;

export type Action = keyof typeof ACTIONS;

export function rolesFor(action: Action): readonly AccessRole[] {
  return ACTIONS[action].roles;
}

/** Those of them that an API key can have. */
export function keyRolesFor(action: Action): readonly AccessRole[] {
  return rolesFor(action).filter((role) => role !== 'it_contact');
}

export function mayRole(role: AccessRole, action: Action): boolean {
  return rolesFor(action).includes(role);
}

/** Whether an action reaches no further than its caller: `organizationId` is the one that the caller is limited to. */
export function isWithinReach(organizationId: string | undefined, action: Action): boolean {
  return organizationId === undefined || ACTIONS[action].reach === 'organization';
}
