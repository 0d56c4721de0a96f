/** Declared shapes of records: one source for the TypeScript type, the mongoose schema and the SQLite decoding. */

declare const valueType: unique symbol;
type Typed<K extends string, V> = K & { readonly [valueType]?: V };

type Kind = 'string' | 'number' | 'boolean' | 'date' | 'strings' | 'json';

/** A nested object is a shape itself; `[shape]` is a list of such objects. */
export interface Shape {
  readonly [attribute: string]: Kind | Shape | readonly [Shape];
}

/** A string of a closed set: `state: text<'active' | 'revoked'>()`. */
export function text<V extends string>(): Typed<'string', V> {
  return 'string' as Typed<'string', V>;
}

/** Any JSON value of type V; kept native, so it must not hold dates. */
export function json<V>(): Typed<'json', V> {
  return 'json' as Typed<'json', V>;
}

interface Values {
  string: string;
  number: number;
  boolean: boolean;
  date: Date;
  strings: string[];
  json: unknown;
}

type Value<F> = F extends { readonly [valueType]?: infer V }
  ? unknown extends V
    ? Plain<F>
    : Exclude<V, undefined>
  : Plain<F>;
type Plain<F> = F extends keyof Values
  ? Values[F]
  : F extends readonly [infer S]
    ? RecordOf<S>[]
    : F extends object
      ? RecordOf<F>
      : never;

type Required<S> = { [K in keyof S as K extends `${string}?` ? never : K]: Value<S[K]> };
type Optional<S> = { [K in keyof S as K extends `${infer N}?` ? N : never]?: Value<S[K]> };

/** The type of the objects of a shape. */
export type RecordOf<S> = Flat<Required<S> & Optional<S>>;
/** What a collection of that shape keeps: every record has an id, which no shape lists. */
export type Stored<S> = { id: string } & RecordOf<S>;
type Flat<T> = { [K in keyof T]: T[K] };

export interface Attribute {
  name: string;
  optional: boolean;
  field: Kind | Shape | readonly [Shape];
}

/** Every read and write asks for them, and a shape never changes. */
const attributes = new WeakMap<Shape, readonly Attribute[]>();

export function attributesOf(shape: Shape): readonly Attribute[] {
  const known = attributes.get(shape);
  if (known) return known;
  const made = Object.entries(shape).map(([key, field]) => {
    const optional = key.endsWith('?');
    return { name: optional ? key.slice(0, -1) : key, optional, field };
  });
  attributes.set(shape, made);
  return made;
}

/**
 * Throws a TypeError that names the first attribute which does not fit; both engines call it before they write. What `before` already holds
 * without being declared was written by a later release, which may run next to this one during a roll-out: it may stay.
 */
export function checkRecord(name: string, shape: Shape, record: { id: string }, before?: object): void {
  const { id, ...rest } = record;
  if (typeof id !== 'string' || id === '') throw new TypeError(`${name}.id is not a string`);
  checkShape(shape, rest, name, before === undefined ? [] : [before]);
}

/** Names that an engine has for itself: an attribute of that name would work on one engine and not on the other. */
const RESERVED = new Set(['id', '_id', 'revision', '_nonce', 'record']);

/** Throws a TypeError for an attribute whose name is taken. */
export function assertFree(name: string, shape: Shape): void {
  const taken = attributesOf(shape).find((attribute) => RESERVED.has(attribute.name));
  if (taken) throw new TypeError(`${name} may not have an attribute ${taken.name}`);
}

/** What a record holds that its shape does not declare. */
export function undeclared(shape: Shape, record: object): object {
  const declared = new Set(['id', ...attributesOf(shape).map(({ name }) => name)]);
  return Object.fromEntries(Object.entries(record).filter(([attribute]) => !declared.has(attribute)));
}

/** `known`: objects of this shape that are stored already. */
function checkShape(shape: Shape, record: object, path: string, known: readonly object[]): void {
  const left = new Map(Object.entries(record).filter(([, value]) => value !== undefined));
  for (const { name, optional, field } of attributesOf(shape)) {
    const value = left.get(name);
    left.delete(name);
    if (value === undefined) {
      if (!optional) throw new TypeError(`${path}.${name} is missing`);
    } else if (!fits(field, value, `${path}.${name}`, () => valuesOf(known, name))) {
      throw new TypeError(`${path}.${name} is not ${typeof field === 'string' ? `of kind ${field}` : 'an object'}`);
    }
  }
  for (const name of left.keys()) {
    if (!known.some((one) => Object.hasOwn(one, name))) throw new TypeError(`${path}.${name} is not declared`);
  }
}

function valuesOf(known: readonly object[], name: string): object[] {
  return known
    .flatMap((one) => (one as Record<string, unknown>)[name])
    .filter((value): value is object => typeof value === 'object' && value !== null);
}

function fits(field: Attribute['field'], value: unknown, path: string, known: () => readonly object[]): boolean {
  if (Array.isArray(field)) {
    if (!Array.isArray(value)) return false;
    value.forEach((item, index) => {
      checkShape(field[0], item, `${path}[${index}]`, known());
    });
    return true;
  }
  if (typeof field === 'object') {
    if (typeof value !== 'object' || value === null) return false;
    checkShape(field as Shape, value, path, known());
    return true;
  }
  if (field === 'json') return true;
  if (field === 'date') return value instanceof Date && !Number.isNaN(value.getTime());
  if (field === 'strings') return Array.isArray(value) && value.every((item) => typeof item === 'string');
  return typeof value === field;
}

/** Turns the ISO strings of a parsed JSON document back into dates where the shape declares dates; in place. */
export function reviveDates(shape: Shape, document: Record<string, unknown>): void {
  for (const { name, field } of attributesOf(shape)) {
    const value = document[name];
    if (value === undefined) continue;
    if (field === 'date') document[name] = new Date(value as string);
    else if (Array.isArray(field)) {
      for (const item of value as Record<string, unknown>[]) reviveDates(field[0], item);
    } else if (typeof field === 'object') reviveDates(field as Shape, value as Record<string, unknown>);
  }
}
