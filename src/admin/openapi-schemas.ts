/** The schemas that check requests, as OpenAPI writes them; those with a name are gathered under components. */
import { z } from 'zod';
import { bodyExampleOf, exampleOf } from './examples.ts';

type Json = Record<string, unknown>;

export function createSchemas() {
  const schemas: Json = {};

  /** `owner`: the named schema that it is like, for its example. */
  function describeBody(body: z.ZodType, owner: string, example: unknown): Json {
    const schema = convert(body, 'input') as Json;
    return {
      // An operation whose members are all optional may be called without a body.
      required: !body.safeParse({}).success,
      content: {
        'application/json': { schema, example: example ?? bodyExampleOf(schema, schemas, owner) },
      },
    };
  }

  function describeAnswer(answer: z.ZodType): Json {
    const schema = convert(answer, 'output') as Json;
    return { schema, example: exampleOf(schema, schemas) };
  }

  function convert(schema: z.ZodType, io: 'input' | 'output'): unknown {
    const {
      $schema: _schema,
      $defs,
      ...json
    } = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: portable }) as Json;
    for (const [id, definition] of Object.entries(($defs ?? {}) as Json)) schemas[id] = relocated(definition);
    return relocated(json);
  }

  function parameters(query: z.ZodType): Json[] {
    const { properties = {}, required = [] } = convert(query, 'input') as {
      properties?: Record<string, Json>;
      required?: string[];
    };
    return Object.entries(properties).map(([name, { description, ...schema }]) => ({
      name,
      in: 'query',
      required: required.includes(name),
      ...(description !== undefined && { description }),
      schema,
      ...(required.includes(name) && { example: exampleOf(schema, schemas, name) }),
    }));
  }

  return { schemas, describeBody, describeAnswer, parameters };
}

/**
 * What tools of other languages read: no ID of zod's beside the name, no pattern beside a format that says the same, no bounds that mean no
 * more than that JavaScript counts exactly, and an `enum` of one value instead of `const`, which OpenAPI 3.0 doesn't know.
 */
function portable({ jsonSchema }: { jsonSchema: Json }): void {
  delete jsonSchema['id'];
  if (jsonSchema['format'] !== undefined) delete jsonSchema['pattern'];
  if (jsonSchema['const'] !== undefined) {
    jsonSchema['enum'] = [jsonSchema['const']];
    delete jsonSchema['const'];
  }
  if (jsonSchema['minimum'] === Number.MIN_SAFE_INTEGER) delete jsonSchema['minimum'];
  if (jsonSchema['maximum'] === Number.MAX_SAFE_INTEGER) delete jsonSchema['maximum'];
}

/** Definitions live under components/schemas in OpenAPI. */
function relocated(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json).replaceAll('#/$defs/', '#/components/schemas/'));
}
