/** Examples for the OpenAPI document, made of its schemas: what a value looks like follows from its name and from what it belongs to. */

type Json = Record<string, unknown>;

const TIME = '2027-01-31T12:00:00.000Z';
const TAIL = '4kZ0mXw1Qy7Rb2Tn5VcA';
/** Passes the checksum and is nobody's. */
const NO_TOKEN = 'scim_000000000000000000000000000000002wjyrI';
const DIGEST = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

/** Of named schemas: the prefix of their IDs, and a name. */
const OWN: Record<string, { prefix: string; name?: string }> = {
  Organization: { prefix: 'org', name: 'Northwind Traders' },
  Directory: { prefix: 'dir', name: 'Okta production' },
  Credential: { prefix: 'cred' },
  OAuthClient: { prefix: 'client', name: 'SailPoint' },
  Event: { prefix: 'evt' },
  ApiKey: { prefix: 'key', name: 'Provisioning job' },
  Operator: { prefix: 'op', name: 'Ada Lovelace' },
  PortalLink: { prefix: 'link' },
  Campaign: { prefix: 'camp', name: 'Static tokens of Entra' },
  Webhook: { prefix: 'hook' },
  Delivery: { prefix: 'msg' },
};

const BY_NAME: Record<string, unknown> = {
  organizationId: `org_${TAIL}`,
  directoryId: `dir_${TAIL}`,
  credentialId: `cred_${TAIL}`,
  successorId: `cred_${TAIL}`,
  clientId: `client_${TAIL}`,
  actorId: `key_${TAIL}`,
  eventId: `evt_${TAIL}`,
  webhookId: `hook_${TAIL}`,
  secretId: `secret_${TAIL}`,
  requestId: '019b3c8e-7a10-7cc4-9d52-0d3c5b8f1e21',
  externalId: 'customer-4711',
  name: 'Northwind Traders',
  label: 'Rotated in January',
  hint: 'LDy1',
  endpointKey: 'northwind-okta',
  endpointUrl: 'https://scim.example.com/scim/v2/northwind-okta',
  upstreamUrl: 'https://app.example.com/scim/v2',
  upstreamOrigins: ['https://app.example.com'],
  audience: 'https://app.example.com/scim/v2',
  documentation: 'https://scim.example.com/docs/findings',
  jwksUri: 'https://login.example.com/keys',
  url: 'https://hooks.example.com/latchkey',
  email: 'ada@vendor.example',
  address: '192.0.2.10',
  userAgent: 'Okta SCIM Client 1.0.0',
  token: NO_TOKEN,
  value: NO_TOKEN,
  key: `lk_${NO_TOKEN.slice(5)}`,
  clientSecret: `scimcs_${'0'.repeat(43)}`,
  refreshToken: `scimrt_${'0'.repeat(43)}`,
  secret: `whsec_${'0'.repeat(32)}`,
  sha256: DIGEST,
  clientSecretSha256: DIGEST,
  refreshTokenSha256: DIGEST,
  redirectUris: ['https://system-admin.okta.com/admin/app/cpc/acme_scim/oauth/callback'],
  appName: 'acme_scim_1',
  reason: 'Replaced after the audit',
  description: 'Provisioning events',
  contact: 'it@northwind.example',
  nextCursor: null,
  limit: 50,
  after: 'eyJpZCI6ImRpcl80a1oifQ',
  type: 'credential.revoked',
};

/** An example of a schema. `field`: the name under which it stands; `owner`: the named schema that it belongs to. */
export function exampleOf(schema: Json, schemas: Json, field = '', owner = ''): unknown {
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    const name = reference.split('/').at(-1) ?? '';
    return exampleOf((schemas[name] ?? {}) as Json, schemas, field, name);
  }
  if (schema['const'] !== undefined) return schema['const'];
  if (schema['default'] !== undefined) return schema['default'];
  if (Array.isArray(schema['enum'])) return schema['enum'][0];
  const known = field === '' ? undefined : knownOf(field, owner);
  if (known !== undefined && allows(schema, known)) return known;
  const options = (schema['anyOf'] ?? schema['oneOf']) as Json[] | undefined;
  // What can be null is shown as null, unless it has a well-known look.
  if (options)
    return options.some(({ type }) => type === 'null') ? null : exampleOf(options[0] ?? {}, schemas, field, owner);
  switch (schema['type']) {
    case 'object':
      return objectOf(schema, schemas, owner);
    case 'array':
      return [exampleOf((schema['items'] ?? {}) as Json, schemas, '', owner)];
    case 'integer':
    case 'number':
      return schema['minimum'] ?? 1;
    case 'boolean':
      return true;
    case 'string':
      return schema['format'] === 'date-time' ? TIME : 'text';
    default:
      return {};
  }
}

/** A body: what is required, or else the first of what may be given. */
export function bodyExampleOf(schema: Json, schemas: Json, owner: string): unknown {
  if (schema['type'] !== 'object') return exampleOf(schema, schemas, '', owner);
  const { properties = {}, required = [] } = schema as { properties?: Record<string, Json>; required?: string[] };
  const names = required.length > 0 ? required : Object.keys(properties).slice(0, 1);
  return Object.fromEntries(names.map((name) => [name, exampleOf(properties[name] ?? {}, schemas, name, owner)]));
}

function objectOf(schema: Json, schemas: Json, owner: string): Json {
  const { properties = {}, required = [] } = schema as { properties?: Record<string, Json>; required?: string[] };
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => required.includes(name) || Object.hasOwn(BY_NAME, name))
      .map(([name, inner]) => [name, exampleOf(inner, schemas, name, owner)]),
  );
}

function knownOf(field: string, owner: string): unknown {
  const own = OWN[owner];
  if (field === 'id') return own && `${own.prefix}_${TAIL}`;
  if (field === 'name' && own?.name !== undefined) return own.name;
  return BY_NAME[field];
}

function allows(schema: Json, value: unknown): boolean {
  const options = (schema['anyOf'] ?? schema['oneOf']) as Json[] | undefined;
  if (options) return options.some((option) => allows(option, value));
  const { type, pattern } = schema as { type?: string | string[]; pattern?: string };
  const actual = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  if (type !== undefined && ![type].flat().includes(actual) && !(type === 'integer' && actual === 'number'))
    return false;
  return pattern === undefined || typeof value !== 'string' || new RegExp(pattern, 'u').test(value);
}
