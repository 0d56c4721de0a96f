/** Every field that a caller can fill: of the operations of the API by their schemas, and of the pages by their forms. */
import type { Answer } from './api.ts';

export interface ApiRequest {
  method: string;
  path: string;
  body?: unknown;
}

type Schema = Answer;

const METHODS = ['get', 'post', 'patch', 'put', 'delete'];

/** What one field is filled with: each time the next of the secrets alone, and all of them at once. */
export function createFillings(secrets: readonly string[]): () => string[] {
  let next = 0;
  return () => [secrets[next++ % secrets.length] ?? '', secrets.join('~')];
}

/**
 * Requests with secrets in one field each: in each part of the path, as value and as name in the query, as value and as name of each member
 * of the body. `idAt` gives an ID that exists for a path.
 */
export function requestsWith(
  secrets: readonly string[],
  document: Answer,
  idAt: (path: string) => string,
): ApiRequest[] {
  const found: ApiRequest[] = [];
  const fillings = createFillings(secrets);
  for (const [path, methods] of Object.entries<Answer>(document.paths)) {
    for (const method of METHODS.filter((name) => methods[name])) {
      const operation = methods[method];
      const schema = resolved(operation.requestBody?.content?.['application/json']?.schema, document);
      const send = (targetOf: (secret: string) => string, bodyOf?: (secret: string) => unknown) => {
        for (const secret of fillings())
          found.push({
            method: method.toUpperCase(),
            path: targetOf(secret),
            ...(schema && bodyOf && { body: bodyOf(secret) }),
          });
      };
      const sample = schema && sampleOf(schema, document);
      const real = path.replace(/\{\w+\}/g, () => idAt(path));
      if (real !== path)
        send(
          (secret) => path.replace(/\{\w+\}/g, secret),
          () => sample,
        );
      // What exists stays: later requests need it.
      if (method === 'delete') continue;
      for (const { name, in: place } of operation.parameters ?? [])
        if (place === 'query') send((secret) => `${real}?${name}=${secret}`);
      send((secret) => `${real}?${secret}=1`);
      if (!schema) continue;
      const withBody = (bodyOf: (secret: string) => unknown) => send(() => real, bodyOf);
      for (const name of Object.keys(schema.properties ?? {})) {
        withBody((secret) => ({ ...sample, [name]: secret }));
        const inner = schema.properties[name];
        for (let index = 0; index < nestedWith('', inner, document).length; index++)
          withBody((secret) => ({ ...sample, [name]: nestedWith(secret, inner, document)[index] }));
      }
      withBody((secret) => ({ ...sample, [secret]: 1 }));
      withBody((secret) => ({ ...sample, deep: { [secret]: secret } }));
      withBody((secret) => secret);
    }
  }
  return found;
}

/** A value of the schema's kind with the secret one level down. */
function nestedWith(secret: string, schema: Schema, document: Answer): unknown[] {
  const plain = alternativeOf(schema, document);
  if (plain?.type === 'array') return [[secret]];
  if (plain?.type !== 'object') return [];
  const sample = sampleOf(plain, document) as object;
  return [...Object.keys(plain.properties ?? {}).map((name) => ({ ...sample, [name]: secret })), { [secret]: secret }];
}

function resolved(schema: Schema, document: Answer): Schema {
  const [, name] = /^#\/components\/schemas\/(.+)$/.exec(schema?.$ref ?? '') ?? [];
  return name === undefined ? schema : document.components.schemas[name];
}

function alternativeOf(schema: Schema, document: Answer): Schema {
  const plain = resolved(schema, document);
  const alternatives = plain?.anyOf ?? plain?.oneOf;
  return alternatives ? alternativeOf(alternatives[0], document) : plain;
}

/** The least that fits a schema, as far as its types tell. */
function sampleOf(schema: Schema, document: Answer): Answer {
  const plain = alternativeOf(schema, document);
  if (plain?.const !== undefined) return plain.const;
  if (plain?.enum) return plain.enum[0];
  if (plain?.type === 'object')
    return Object.fromEntries(
      (plain.required ?? []).map((name: string) => [name, sampleOf(plain.properties[name], document)]),
    );
  if (plain?.type === 'array') return plain.minItems ? [sampleOf(plain.items, document)] : [];
  if (plain?.type === 'boolean') return false;
  if (plain?.type === 'number' || plain?.type === 'integer') return Math.max(1, plain.minimum ?? 1);
  return 'sample-of-a-text';
}

export interface Form {
  action: string;
  fields: Record<string, string>;
}

/** The forms of a page that change something, with what they hold when it is opened. */
export function formsOf(html: string): Form[] {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)].flatMap(([, head = '', content = '']) => {
    const { method, action = '' } = attributesOf(head);
    if (method?.toLowerCase() !== 'post') return [];
    const fields: Record<string, string> = {};
    for (const [, tag, attributes = ''] of content.matchAll(/<(input|textarea|select|button)\b([^>]*)>/g)) {
      const { name, value = '', type } = attributesOf(attributes);
      if (name === undefined) continue;
      const isChosen = tag !== 'button' && (type !== 'radio' || !(name in fields));
      if (isChosen) fields[name] = tag === 'select' ? (firstOption(content, name) ?? '') : value;
      else fields[name] ??= value;
    }
    return [{ action, fields }];
  });
}

function firstOption(content: string, name: string): string | undefined {
  const [, options = ''] = new RegExp(`<select\\b[^>]*name="${name}"[^>]*>([\\s\\S]*?)</select>`).exec(content) ?? [];
  return /<option\b[^>]*value="([^"]*)"/.exec(options)?.[1];
}

function attributesOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/([\w-]+)(?:="([^"]*)")?/g)].map(([, name = '', value = '']) => [name, unescaped(value)]),
  );
}

/** Links of a page within a place. */
export function linksOf(html: string, place: string): string[] {
  return [...html.matchAll(/<a\b[^>]*href="([^"]*)"/g)]
    .map(([, href = '']) => unescaped(href))
    .filter((href) => href === place || href.startsWith(`${place}/`) || href.startsWith(`${place}?`));
}

function unescaped(text: string): string {
  return text
    .replace(/&quot;/g, '"')
    .replace(/&#0?39;/g, "'")
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&');
}

/** The kind of page that an address is: IDs and the query aside. */
export function kindOf(address: string): string {
  return address
    .replace(/[?#].*/, '')
    .replace(/\b(?:org|dir|cred|client|evt|key|op|link|session|hook|contact)_[0-9A-Za-z]{10,}/g, ':id')
    .replace(/\b[0-9a-f]{32,}\b/g, ':id');
}
