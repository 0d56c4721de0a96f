/** What is known of one identity provider: the shape that each file of this folder fills. */
import type { OauthPreset } from './oauth-preset.ts';

/**
 * How we know a fact: from the vendor's documentation, from its published source code, from traffic that others recorded, or by inference from
 * those. `unknown` means that nothing public says it, and that nothing may be concluded from it.
 */
export type Basis = 'documented' | 'source' | 'observed' | 'inferred' | 'unknown';

export interface IdentityProvider {
  /** As people call it, in the middle of a sentence. */
  name: string;
  /** In a list to choose from, where that differs. */
  choice?: string;
  agents: readonly Agent[];
  /** Where the vendor publishes the networks that its requests come from. They change, so no copy is kept here. */
  networks?: { publishedAt: string; says: string };
  /** Absent: it presents static tokens only. */
  oauth?: OauthPreset;
  console: Console;
  reactions: Record<Refusal, Reaction>;
  recovery: Recovery;
  rhythm: Rhythm;
  running: Running;
  /** What people get wrong in its console. */
  mistakes: readonly Mistake[];
  /** Where its SCIM differs from what a SCIM server expects: for the people who build that server. */
  quirks: readonly Quirk[];
  /** Its documentation, the most useful page first. */
  links: readonly { title: string; url: string }[];
}

/** How its requests name themselves. */
export interface Agent {
  /** What the `User-Agent` starts with, in lower case. */
  prefix: string;
  /** False for the name of an HTTP library that many others use too: it fits this identity provider, and proves nothing. */
  isDistinctive: boolean;
  basis: Basis;
}

/** The answers that a connection can get instead of a result: 401, 429 and 503. */
export type Refusal = 'unauthorized' | 'rateLimited' | 'unavailable';

export interface Reaction {
  /**
   * `retries`: sends the same request again. `drops`: gives up this one change and goes on. `pauses`: stops all provisioning, and tries again
   * later. `stops`: stops all provisioning until someone acts.
   */
  does: 'retries' | 'drops' | 'pauses' | 'stops' | 'unknown';
  /** A sentence for people, which begins with the name. */
  says: string;
  basis: Basis;
}

/** What happens to the changes that were refused, once the connection works again. */
export interface Recovery {
  /** Whether it sends them again without anybody's help; `partly` when some changes can be lost. */
  isAutomatic: 'yes' | 'partly' | 'no' | 'unknown';
  /** Hours between attempts while it is refused; the last one repeats. Absent: not published. */
  retryHours?: readonly number[];
  /** Days of refusals after which it stops trying. */
  givesUpAfterDays?: number;
  /** A sentence for people: what it sends automatically, and what it does not. */
  says: string;
  /** How a person has it send everything again: the way through the menus, then what to press. */
  byHand?: { path: readonly string[]; buttons: readonly string[] };
  basis: Basis;
}

/** Where its administrators see whether provisioning runs, and start it again. */
export interface Running {
  path: readonly string[];
  /** A sentence for people: what stands there when it has stopped. */
  shows: string;
  /** What starts it, in order. */
  buttons: readonly string[];
  basis: Basis;
}

/** When silence means something. */
export interface Rhythm {
  /** `events`: sends when something changed, so that silence is normal. `polls`: comes on a schedule, whatever changed. */
  kind: 'events' | 'polls';
  /** Minutes between two visits of one that polls; or, of one that sends events, between the cycles in which it looks for changes. */
  everyMinutes?: number;
  /** Days without a request that are worth a notice, while a directory has too little history of its own. */
  quietDays: number;
  says: string;
  basis: Basis;
}

/** What goes into a field: one of our values, an option to pick, boxes to check, a text to type, or a value of their own, described. */
export type Filling =
  | 'endpoint'
  | 'token'
  | 'token-url'
  | 'authorization-url'
  | 'client-id'
  | 'client-secret'
  | { select: string }
  | { check: readonly string[] }
  | { type: string }
  | { own: string };

export interface ConsoleField {
  /** Exactly as it stands there. */
  label: string;
  filling: Filling;
}

/** A form in its console. */
export interface ConsoleForm {
  /** The way through the menus. */
  path: readonly string[];
  fields: readonly ConsoleField[];
  /** What to press at the end, in order. */
  buttons: readonly string[];
  /** Where it is opened again later, and what is pressed then, if that differs from the first time. */
  again?: { path: readonly string[]; buttons: readonly string[] };
  /** Where the labels were read, and when (YYYY-MM-DD). `basis` is `unknown` for a form that differs from one product to the next. */
  checked: { basis: Basis; at: string; source?: string };
}

export interface Console {
  /** With a static token. */
  bearer: ConsoleForm;
  oauth?: OauthConsole;
}

export interface OauthConsole extends ConsoleForm {
  /**
   * What a client of one directory needs so that an IT contact can make it: nothing, or the name of the app in Okta, which its redirect URIs
   * contain. Absent: only the vendor can make it.
   */
  ownClient?: 'nothing' | 'app-name';
  /** Which of the two ways we recommend, and why. */
  recommended: { way: 'bearer' | 'oauth'; why: string };
}

/** Named like the finding that it leads to. */
export type MistakeCode =
  | 'token_missing'
  | 'token_in_other_place'
  | 'token_unknown'
  | 'token_with_blanks'
  | 'scheme_twice'
  | 'scheme_basic'
  | 'scheme_unknown'
  | 'idp_own_token'
  | 'wrong_path'
  | 'doubled_slash'
  | 'redirect_uri_unknown'
  | 'client_secret_wrong'
  | 'assertion_wrong'
  | 'scope_unknown';

export interface Mistake {
  code: MistakeCode;
  /** Sentences for people: what went wrong there, and what to do in its console. */
  says: string;
  fix: string;
  basis: Basis;
}

export interface Quirk {
  /** The kind of request in which it shows. */
  in: 'look-up' | 'create' | 'update' | 'delete' | 'group' | 'discovery' | 'test';
  says: string;
  basis: Basis;
}
