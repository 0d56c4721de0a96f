/** Moving in: many clients, connections and static tokens of another system by one file, tried first without a change. */
import { z } from 'zod';
import type { Attribution } from '../audit/index.ts';
import { type Credentials, digestOf } from '../credentials/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { AppError, asAppError, isAppError } from '../errors.ts';
import type { Client, Clients, Oauth } from '../oauth/index.ts';
import { isOwnId, traceOf, withoutUnguessable } from '../secrets/redaction.ts';
import { clientFields, importedSecret } from './client-schemas.ts';
import { allowWeak, scopes } from './credential-schemas.ts';
import { credentialImportFields, hidingElsewhere, isKeptElsewhere } from './credentials.ts';
import { createForeseen, type Foreseen } from './foreseen.ts';
import { IMPORT_FORMATS, type ImportRow, readImportFile } from './import-file.ts';
import { assertMayImport, assertVisible, type Caller, isVisible, type Operation, operation } from './operation.ts';

const tag = 'Moving in';
const LONGEST_CONTENT = 250_000;

const clientId = z.string().max(100);
const connectionImportFields = {
  clientId: clientId.describe('The client_id of the client that has the connection.'),
  refreshToken: z.string().max(2000).optional().describe('The refresh token in clear text. Only a digest is stored.'),
  refreshTokenSha256: z.string().max(200).optional().describe('SHA-256 of the refresh token, in hexadecimal.'),
  scopes: scopes.optional(),
  allowWeak: allowWeak,
};
const directory = z.string().max(300).describe('An ID, an endpointKey or an endpoint URL.');

const rowSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('client'),
    clientId,
    ...importedSecret,
    ...clientFields,
    directory: directory.optional(),
  }),
  z.strictObject({ type: z.literal('refresh_token'), directory, ...connectionImportFields }),
  z.strictObject({ type: z.literal('token'), directory, ...credentialImportFields }),
]);
type Row = z.infer<typeof rowSchema>;
type ClientRow = Extract<Row, { type: 'client' }>;

const TYPES: readonly string[] = rowSchema.options.map(({ shape }) => shape.type.value);
const FIELDS = [...new Set(rowSchema.options.flatMap(({ shape }) => Object.keys(shape)))];
const STATUSES = ['imported', 'would_import', 'exists', 'refused'] as const;

const outcomeView = z.object({
  line: z.int(),
  type: z.string().nullable().describe('For an unknown type: its length and last four characters.'),
  status: z
    .enum(STATUSES)
    .describe('`exists`: already imported, so nothing changes. `would_import`: result of a dry run.'),
  id: z.string().nullable().describe('ID of the client or credential that was created, or that exists.'),
  problem: z.string().nullable().describe('Why the row was refused. It never contains a secret.'),
});
type Outcome = z.infer<typeof outcomeView>;

interface Call {
  caller: Caller;
  attribution: Attribution;
  /** In a dry run. */
  foreseen: Foreseen | undefined;
}

/** Columns that moved put a secret anywhere: what a row has is repeated where it is a word of ours alone. */
function typeOrTrace(type: string): string {
  return TYPES.includes(type) ? type : traceOf(type);
}

function idOrTrace(id: string, what = 'ID'): string {
  return isOwnId(id) ? id : `with this ${what} (${traceOf(id)})`;
}

function problemOf(issue: z.core.$ZodIssue | undefined): string {
  const place = issue?.path.join('.') ?? '';
  if (issue?.code === 'unrecognized_keys') {
    const names = issue.keys.map((name) => `(${traceOf(name)})`).join(', ');
    return `${place || 'The row'}: fields that are not allowed: ${names}`;
  }
  return withoutUnguessable(`${place || 'type'}: ${issue?.message ?? 'not valid'}`);
}

function secretIn({ clientSecret, clientSecretSha256 }: ClientRow): string {
  return clientSecret === undefined ? `sha256:${clientSecretSha256?.toLowerCase()}` : digestOf(clientSecret);
}

/** Why a value that is kept already does not work where it was to go; undefined where it does. `facts`: of the error that says so. */
function problemOfKept({ directoryId, credentialId, state }: Record<string, unknown>, wantedId: string) {
  if (directoryId !== wantedId)
    return `This value is already in ${directoryId === undefined ? 'another directory' : `directory ${directoryId}`}, and can be in one only.`;
  if (credentialId === undefined) return 'This value already belongs to a connection of another client.';
  if (state === 'revoked' || state === 'expired')
    return `This value was imported before, as ${credentialId}, and has ended. Issue a new one instead.`;
  return undefined;
}

export function importOperations(deps: {
  clients: Clients;
  directories: Directories;
  credentials: Credentials;
  importConnection: Oauth['importConnection'];
}): Operation[] {
  const { clients, directories, credentials, importConnection } = deps;

  async function directoryOf(reference: string, caller: Caller): Promise<Directory> {
    // The endpoint URL names it as well.
    const found = await directories.findByReference(reference.replace(/^https?:\/\/.*\/scim\/v2\/([^/?#]+)\/?$/, '$1'));
    if (!found || !isVisible(caller, found.organizationId))
      throw new AppError('not_found', {
        detail: `There is no directory ${idOrTrace(reference, 'ID or endpoint key')}.`,
      });
    return found;
  }

  async function clientOf(id: string, { id: directoryId }: Directory): Promise<Client> {
    const client = await clients.get(id).catch((error: unknown) => {
      if (!isAppError(error, 'not_found')) throw error;
    });
    // Another directory's client is to this one as if it were not there.
    if (!client || (client.directoryId !== undefined && client.directoryId !== directoryId))
      throw new AppError('not_found', { detail: `There is no client ${idOrTrace(id)}.` });
    return client;
  }

  async function take(row: Row, { caller, attribution, foreseen }: Call): Promise<string | undefined> {
    const isDry = foreseen !== undefined;
    assertMayImport(caller, row);
    if (row.type === 'client') {
      const { type: _type, directory: reference, ...input } = row;
      const named = reference ?? input.directoryId;
      const owner = named === undefined ? undefined : await directoryOf(named, caller);
      if (!owner) assertVisible(caller, '', "directory (a limited key can't import shared clients)");
      const bearsSecret = input.clientSecret !== undefined || input.clientSecretSha256 !== undefined;
      const provesItself = input.jwks ?? input.jwksUri ?? input.workloadIdentity;
      if (!bearsSecret && provesItself === undefined && input.tokenEndpointAuthMethod !== 'none') {
        const detail = "The row needs clientSecret or clientSecretSha256, because a new secret can't be shown here.";
        throw new AppError('invalid_request', { detail });
      }
      const { client } = await clients.create({ ...input, directoryId: owner?.id }, attribution, isDry);
      foreseen?.addClient(row.clientId, secretIn(row));
      return isDry ? undefined : client.id;
    }
    const owner = await directoryOf(row.directory, caller);
    const { type: _type, directory: _directory, ...input } = row;
    if (row.type === 'refresh_token') {
      const { clientId: named } = row;
      const connect = async () =>
        importConnection({ ...row, client: await clientOf(named, owner), directory: owner }, attribution, isDry);
      // In a dry run the client of an earlier row is not there yet.
      const { credentialId } = foreseen?.hasClient(named)
        ? {}
        : await hidingElsewhere(credentials, owner.id, caller, connect);
      if (!foreseen) return credentialId;
      const digest = row.refreshTokenSha256?.toLowerCase() ?? digestOf(row.refreshToken ?? '').replace('sha256:', '');
      const needsSlot = credentialId === undefined;
      await foreseen.addValue({ digest: `refresh ${digest}`, directory: owner, clientId: named, needsSlot });
      return undefined;
    }
    const credential = await hidingElsewhere(credentials, owner.id, caller, () =>
      credentials.import(owner.id, input, attribution, isDry),
    );
    await foreseen?.addValue({ digest: credential.digest ?? '', directory: owner, needsSlot: true });
    return isDry ? undefined : credential.id;
  }

  async function outcomeOf({ line, fields }: ImportRow, call: Call): Promise<Outcome> {
    const { caller, foreseen } = call;
    const type = typeof fields['type' as keyof typeof fields] === 'string' ? String(fields['type' as never]) : null;
    const told = { line, type: type === null ? null : typeOrTrace(type), id: null, problem: null };
    if ('problem' in fields && type === null) return { ...told, status: 'refused', problem: String(fields.problem) };
    const { success, data, error } = rowSchema.safeParse(fields);
    if (!success) {
      const [issue] = error.issues;
      return { ...told, status: 'refused', problem: problemOf(issue) };
    }
    try {
      const id = await take(data, call);
      return { ...told, status: foreseen ? 'would_import' : 'imported', id: id ?? null };
    } catch (thrown) {
      const { code, status, message } = asAppError(thrown);
      if (status >= 500) throw thrown;
      // Who may not see where a value is kept is not told that it is kept, nor that it was imported before.
      if (isKeptElsewhere(thrown, caller))
        return { ...told, status: 'refused', problem: "This value can't be imported. Issue a new one instead." };
      if (code === 'credential_exists' && data.type !== 'client') {
        const { id } = await directoryOf(data.directory, caller);
        const { facts } = asAppError(thrown);
        const problem = problemOfKept(facts, id);
        if (problem !== undefined) return { ...told, status: 'refused', problem };
        const { credentialId } = facts;
        return { ...told, status: 'exists', id: typeof credentialId === 'string' ? credentialId : null };
      }
      if (code === 'client_exists' && data.type === 'client') return existing(data, told, call);
      return { ...told, status: 'refused', problem: withoutUnguessable(message) };
    }
  }

  /** The same client with the same secret was imported before; another secret would be lost without a word. */
  async function existing(row: ClientRow, told: Omit<Outcome, 'status'>, { caller, foreseen }: Call): Promise<Outcome> {
    const isComing = foreseen?.hasClient(row.clientId);
    if (foreseen?.hasClient(row.clientId, secretIn(row))) return { ...told, status: 'exists' };
    const known = isComing ? undefined : await clients.get(row.clientId);
    // Nobody learns whether a secret fits a client that is none of theirs.
    const isTheirs = known !== undefined && isVisible(caller, known.organizationId ?? '');
    const isSame = isTheirs && (await clients.hasImportedSecret(known.id, row));
    if (isSame) return { ...told, status: 'exists', id: known.id };
    const problem =
      'A client with this ID already exists with another secret. Add the secret to that client, or delete it first.';
    return { ...told, status: 'refused', problem };
  }

  return [
    operation({
      method: 'post',
      path: '/imports',
      tag,
      summary: 'Import clients, refresh tokens and static tokens from a file',
      description:
        'Rows are `client`, `refresh_token` or `token`, as CSV with a header or as JSON lines, at most 200 at a time. Each row has the same fields as a single import, and `directory`, an ID or endpointKey. A dry run checks each row, including against the rows before it, and writes nothing. Rows that are already imported get `exists` and the ID, so you can send a file again.',
      action: 'credentials.import',
      body: z.strictObject({
        format: z.enum(IMPORT_FORMATS),
        content: z.string().min(1).max(LONGEST_CONTENT).describe('The file as text.'),
        dryRun: z.boolean().default(false),
      }),
      example: {
        format: 'jsonl',
        content:
          '{"type":"refresh_token","directory":"northwind-okta","clientId":"acme","refreshToken":"a refresh token"}',
        dryRun: true,
      },
      status: 200,
      answer: z.object({
        dryRun: z.boolean(),
        counts: z.object({
          imported: z.int(),
          would_import: z.int(),
          exists: z.int(),
          refused: z.int(),
        }),
        rows: z.array(outcomeView),
      }),
      errors: ['invalid_request'],
      async handle({ body, caller, attribution }) {
        const { format, content, dryRun } = body;
        const rows: Outcome[] = [];
        const foreseen = dryRun ? createForeseen(credentials) : undefined;
        for (const row of readImportFile(format, content, FIELDS))
          rows.push(await outcomeOf(row, { caller, attribution, foreseen }));
        const counts = Object.fromEntries(
          STATUSES.map((status) => [status, rows.filter((row) => row.status === status).length]),
        );
        return { body: { dryRun, counts, rows } };
      },
    }),
    operation({
      method: 'post',
      path: '/directories/:id/connections/import',
      tag,
      summary: 'Import a connection from another system',
      description:
        'Send its refresh token in clear text or as SHA-256. The identity provider keeps using it. The connection takes a slot.',
      action: 'credentials.import',
      body: z.strictObject(connectionImportFields),
      example: { clientId: 'client_4kZ0mXw1Qy7Rb2Tn5VcA', refreshToken: 'the refresh token from the other system' },
      status: 201,
      answer: z.object({ credentialId: z.string() }),
      errors: ['not_found', 'slots_full', 'credential_exists', 'weak_value', 'invalid_request'],
      async handle({ id, body, caller, attribution }) {
        const owner = await directories.get(id);
        assertVisible(caller, owner.organizationId, `directory ${id}`);
        assertMayImport(caller, body);
        const client = await clientOf(body.clientId, owner);
        const { credentialId = '' } = await hidingElsewhere(credentials, owner.id, caller, () =>
          importConnection({ ...body, client, directory: owner }, attribution),
        );
        return { body: { credentialId } };
      },
    }),
  ];
}
