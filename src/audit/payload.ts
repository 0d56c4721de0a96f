/**
 * The one way for a value into an event. Each member of each payload is declared by what it holds (events.ts), and what it holds says how
 * it is kept: so a caller's text cannot reach the audit as it came.
 */
import { withoutUnfit } from '../http/plain-text.ts';
import { isOwnId, traceOf, withoutSecrets, withoutUnguessable } from '../secrets/redaction.ts';

/** Keeps a value of type V in the form that the audit may show. */
export type Kind<V> = (value: V) => unknown;

export type Payload = { readonly [member: string]: Kind<never> };
type ValueOf<K> = K extends Kind<infer V> ? V : never;
type Flat<T> = { [K in keyof T]: T[K] };
/** What is handed over for a declared payload; a member whose name ends in `?` may be absent. */
export type Given<P> = Flat<
  { [K in keyof P as K extends `${string}?` ? never : K]: ValueOf<P[K]> } & {
    [K in keyof P as K extends `${infer N}?` ? N : never]?: ValueOf<P[K]> | undefined;
  }
>;

export interface AttributeChange {
  attribute: string;
  /** null: it was not set. */
  from: ChangedValue;
  to: ChangedValue;
}
type ChangedValue = string | number | boolean | readonly string[] | null;

const LONGEST_TEXT = 400;
const LONGEST_AGENT = 200;
const LONGEST_LIST = 100;
/** How Entra names an application: an identifier, and none of its secrets. */
const APPLICATION = /^(?:api:\/\/)?[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}(?:\/\.default)?$/i;

/** An ID of ours, or the trace of what was sent instead of one. */
export const ownId: Kind<string> = (value) => (isOwnId(value) || value === '' ? value : traceOf(value));

/** A word of a closed set of ours. */
export function oneOf<const V extends string>(...words: readonly V[]): Kind<V> {
  return (value) => (words.includes(value) ? value : traceOf(value));
}

/** A name that the code gives: a reason, a grant type, an attribute. */
export const word: Kind<string> = (value) =>
  /^[a-z][\w.:-]{0,79}$/i.test(value) && withoutUnguessable(value) === value ? value : traceOf(value);

/** What operators and IT contacts call their things: as they typed it, without secrets. */
export const typed: Kind<string> = (value) => withoutUnfit(withoutSecrets(value)).slice(0, LONGEST_TEXT);

/** What a caller says of itself or of its request, and what people must be able to read: without anything that may be a secret. */
export const readable: Kind<string> = (value) =>
  withoutUnguessable(value.replace(/[^\x20-\x7e]/g, '?')).slice(0, LONGEST_AGENT);

/** Where a request went, segment by segment, so that one of them that may be a secret does not take the others along. */
export const pathAsked: Kind<string> = (value) =>
  withoutSecrets(value)
    .slice(0, LONGEST_AGENT)
    .split('/')
    .map((segment) => readable(segment))
    .join('/');

/** The audience of an assertion: an application of Entra as it came, anything else as `readable`. */
export const audience: Kind<string> = (value) => (APPLICATION.test(value) ? value : readable(value));

/** The last characters of a value of ours. */
export const hint: Kind<string> = (value) => value.slice(-4);

/** The first 4 bytes of a digest in hex: enough to tell two values apart, and too few to try values against. */
export const digestStart: Kind<string> = (value) => (/^[0-9a-f]{8}$/.test(value) ? value : traceOf(value));

/** The thumbprint of a public key of ours (RFC 7638). */
export const keyId: Kind<string> = (value) => (/^[\w-]{43}$/.test(value) ? value : traceOf(value));

export const number: Kind<number> = (value) => value;
export const flag: Kind<boolean> = (value) => value;
export const time: Kind<string | null> = (value) => (value === null || !Number.isNaN(Date.parse(value)) ? value : null);

export function listOf<V>(kind: Kind<V>): Kind<readonly V[]> {
  return (values) => values.slice(0, LONGEST_LIST).map(kind);
}

/** What changed, attribute by attribute; secrets are no attributes. */
export const changes: Kind<readonly AttributeChange[]> = (list) =>
  list.map(({ attribute, from, to }) => ({ attribute: word(attribute), from: shown(from), to: shown(to) }));

function shown(value: ChangedValue): ChangedValue {
  if (typeof value === 'string') return typed(value) as string;
  return Array.isArray(value) ? value.slice(0, LONGEST_LIST).map((item: string) => typed(item) as string) : value;
}

/** Lets a payload through: members that are not declared stay outside, and so does what is undefined. */
export function admitted(payload: Payload, given: object): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [declared, kind] of Object.entries(payload)) {
    const name = declared.replace('?', '');
    const value = (given as Record<string, unknown>)[name];
    if (value !== undefined) kept[name] = kind(value as never);
  }
  return kept;
}

/** What an earlier release kept, in the form of today; what is not declared any more passes as a text. */
export function cleaned(payload: Payload | undefined, kept: Record<string, unknown>): Record<string, unknown> {
  const declared = payload ? admitted(payload, kept) : {};
  const others = Object.entries(kept).filter(([name]) => !Object.hasOwn(declared, name));
  return {
    ...declared,
    ...Object.fromEntries(others.map(([name, value]) => [name, typeof value === 'string' ? readable(value) : value])),
  };
}

/** Actors are named by people. */
export function admittedActor<A extends { name: string }>(actor: A): A {
  const name = typed(actor.name) as string;
  return name === actor.name ? actor : { ...actor, name };
}

/** The attributes that differ between two states of a record, dates as ISO times; undefined and null are both "not set". */
export function changesBetween<R extends object>(
  before: R,
  after: R,
  attributes: readonly (keyof R & string)[],
): { changed: string[]; changes: AttributeChange[] } {
  const differing = attributes
    .map((attribute) => ({ attribute, from: plain(before[attribute]), to: plain(after[attribute]) }))
    .filter(({ from, to }) => JSON.stringify(from) !== JSON.stringify(to));
  return { changed: differing.map(({ attribute }) => attribute), changes: differing };
}

function plain(value: unknown): ChangedValue {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(String);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : JSON.stringify(value);
}
