/** Moving in: clients, connections and static tokens of another system go on working with the values that identity providers hold. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { engines } from '../support/engines.ts';
import { ask, exchange, obtainCode, REDIRECT_URI, refresh, verified } from '../support/oauth-client.ts';

const sha256 = (value: string) => createHash('sha256').update(value).digest('hex');
const SECRET = 'kT9-old+secret/from%elsewhere=42';
const REFRESH_TOKEN = 'v1.MRqD0zT3-old-refresh-token-value';

for (const engine of engines) {
  describe(`moving in on ${engine.name}`, () => {
    const app = runApp({ engine });

    const importing = async (content: string, fields: Record<string, unknown> = {}) => {
      const { status, body } = await app.api.post('/imports', { format: 'jsonl', content, ...fields });
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    };
    const statusesOf = (body: Answer) => body.rows.map(({ status }: Answer) => status);
    const lines = (...rows: object[]) => rows.map((row) => JSON.stringify(row)).join('\n');

    it('takes a client with its ID and the digest of its secret: codes, refreshes and revocation go by that ID', async () => {
      const directory = await app.api.makeDirectory();
      for (const [clientId, secret] of [
        ['8f14e45f-ceea-467f-a0e6-2c1bd6ae4e8c', { clientSecretSha256: sha256(SECRET) }],
        ['scim.acme-prod', { clientSecret: SECRET }],
        ['client_01HZX3M6V9Q2T8R4W7Y5K1N0PB', { clientSecret: SECRET }],
      ] as const) {
        const fields = { clientId, ...secret, name: 'Okta OIN', provider: 'okta', redirectUris: [REDIRECT_URI] };
        const { status, body } = await app.api.post('/clients/import', fields);
        assert.equal(status, 201, JSON.stringify(body));
        assert.deepEqual([body.client.clientId, body.clientSecret], [clientId, undefined]);
        assert.match(body.client.id, /^client_[0-9A-Za-z]{20}$/);
        const client = { client: body.client, id: clientId, secret: SECRET, redirectUri: REDIRECT_URI };

        const { body: tokens } = await exchange(
          app,
          client,
          await obtainCode(app, client, directory),
          {},
          { style: 'post' },
        );
        assert.equal(await verified(app, directory.id, tokens.access_token), 200, clientId);
        const renewed = await refresh(app, client, tokens.refresh_token, { style: 'both' });
        assert.equal(renewed.status, 200, JSON.stringify(renewed.body));
        assert.equal((await refresh(app, { ...client, secret: 'x' }, tokens.refresh_token)).status, 401);
        const revoked = await ask(
          app,
          client,
          { token: tokens.refresh_token },
          { path: '/oauth/revoke', style: 'post' },
        );
        assert.equal(revoked.status, 200);
        assert.equal(await verified(app, directory.id, renewed.body.access_token), 401);
        assert.equal((await app.api.get(`/clients/${clientId}`)).body.id, body.client.id, 'found by either ID');
        const again = await app.api.post('/clients/import', fields);
        assert.deepEqual([again.status, again.body.code], [409, 'client_exists']);
      }
    });

    it('takes a connection with its refresh token or the digest of it, which goes on being refreshed', async () => {
      for (const token of [{ refreshToken: REFRESH_TOKEN }, { refreshTokenSha256: sha256(`${REFRESH_TOKEN}2`) }]) {
        const directory = await app.api.makeDirectory();
        const clientId = `legacy-${directory.id.slice(-8)}`;
        await app.api.post('/clients/import', {
          clientId,
          clientSecret: SECRET,
          name: 'Okta',
          provider: 'okta',
          directoryId: directory.id,
        });
        const path = `/directories/${directory.id}/connections/import`;
        const { status, body } = await app.api.post(path, { clientId, ...token });
        assert.equal(status, 201, JSON.stringify(body));
        const { items } = (await app.api.get(`/events?type=credential.imported&directoryId=${directory.id}`)).body;
        assert.deepEqual(
          items.map(({ credentialId, source, data }: Answer) => [credentialId, source, data.kind, data.form]),
          [[body.credentialId, 'api', 'oauth', Object.keys(token)[0]]],
        );
        const value = 'refreshToken' in token ? REFRESH_TOKEN : `${REFRESH_TOKEN}2`;
        const client = { client: {}, id: clientId, secret: SECRET, redirectUri: REDIRECT_URI };
        const answer = await refresh(app, client, value, { style: 'post' });
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        assert.equal(answer.body.refresh_token, value, 'nothing changes for the identity provider');
        assert.equal(await verified(app, directory.id, answer.body.access_token), 200);
        const again = await app.api.post(path, { clientId, ...token });
        assert.deepEqual([again.status, again.body.code], [409, 'credential_exists']);
        await app.api.post(`/credentials/${body.credentialId}/revoke`, { force: true });
        assert.equal((await refresh(app, client, value, { style: 'post' })).status, 400);
      }
    });

    it('reads many from JSON lines, tries them without a change, and takes the same file twice', async () => {
      const directory = await app.api.makeDirectory({ endpointKey: 'moving-in' });
      const file = lines(
        { type: 'client', clientId: 'bulk-1', clientSecret: SECRET, name: 'A', directory: 'moving-in' },
        {
          type: 'refresh_token',
          clientId: 'bulk-1',
          directory: 'moving-in',
          refreshTokenSha256: sha256('bulk refresh'),
        },
        { type: 'token', directory: directory.id, sha256: sha256('bulk-token'), label: 'old', hint: 'oken' },
      );
      const dry = await importing(file, { dryRun: true });
      assert.deepEqual(statusesOf(dry), ['would_import', 'would_import', 'would_import']);
      assert.equal((await app.api.get('/clients/bulk-1')).status, 404, 'nothing was written');
      assert.deepEqual((await app.api.get(`/directories/${directory.id}/credentials`)).body.items, []);

      const done = await importing(file);
      assert.deepEqual(statusesOf(done), ['imported', 'imported', 'imported']);
      assert.deepEqual(done.counts, { imported: 3, would_import: 0, exists: 0, refused: 0 });
      assert.equal(await verified(app, directory.id, 'bulk-token'), 200);
      const again = await importing(file);
      const idsOf = ({ rows }: Answer) => rows.map(({ id }: Answer) => id);
      assert.deepEqual(statusesOf(again), ['exists', 'exists', 'exists']);
      assert.deepEqual(idsOf(again), idsOf(done));
      const foreseen = await importing(file, { dryRun: true });
      assert.deepEqual(statusesOf(foreseen), ['exists', 'exists', 'exists']);
      assert.deepEqual(idsOf(foreseen), idsOf(done));
      const changed = await importing(
        lines({ type: 'client', clientId: 'bulk-1', clientSecret: `${SECRET}x`, name: 'A', directory: 'moving-in' }),
      );
      assert.match(changed.rows[0].problem, /another secret/);
    });

    it('says of a value that exists only what is so: it works here, it is elsewhere, or it has ended', async () => {
      const [here, there] = [await app.api.makeDirectory(), await app.api.makeDirectory()];
      const client = { type: 'client', clientSecret: SECRET, name: 'A' };
      await importing(lines({ ...client, clientId: 'exists-1' }, { ...client, clientId: 'exists-2' }));
      const token = (directory: Answer) => ({ type: 'token', directory: directory.id, sha256: sha256('exists-token') });
      const connection = (directory: Answer, clientId: string) => ({
        type: 'refresh_token',
        clientId,
        directory: directory.id,
        refreshTokenSha256: sha256('exists-refresh'),
      });
      const file = lines(token(here), connection(here, 'exists-1'));
      const first = await importing(file);
      assert.deepEqual(statusesOf(first), ['imported', 'imported']);
      for (const dryRun of [true, false]) {
        assert.deepEqual(statusesOf(await importing(file, { dryRun })), ['exists', 'exists']);
        const elsewhere = lines(token(there), connection(there, 'exists-1'), connection(here, 'exists-2'));
        const { rows } = await importing(elsewhere, { dryRun });
        assert.deepEqual(statusesOf({ rows }), ['refused', 'refused', 'refused'], JSON.stringify(rows));
        assert.ok(rows[0].problem.includes(here.id), rows[0].problem);
        assert.match(rows[1].problem, /another directory/);
        assert.match(rows[2].problem, /another client/);
      }
      for (const { id } of first.rows) await app.api.post(`/credentials/${id}/revoke`, { force: true });
      for (const dryRun of [true, false]) {
        const { rows } = await importing(file, { dryRun });
        assert.deepEqual(statusesOf({ rows }), ['refused', 'refused'], JSON.stringify(rows));
        assert.match(rows[0].problem, /has ended/);
      }
    });

    it('foresees in a dry run what rows of the same file take from each other', async () => {
      const [one, two] = [await app.api.makeDirectory(), await app.api.makeDirectory()];
      const token = (name: string, directory = one.id) => ({ type: 'token', directory, sha256: sha256(name) });
      const client = { type: 'client', clientId: 'foreseen', clientSecret: SECRET, name: 'A' };
      const connection = (name: string, directory = two.id) => ({
        type: 'refresh_token',
        clientId: 'foreseen',
        directory,
        refreshTokenSha256: sha256(name),
      });
      const file = lines(
        client,
        { ...client, clientSecret: undefined, clientSecretSha256: sha256(SECRET) },
        { ...client, clientSecret: `${SECRET}x` },
        token('foreseen-1'),
        token('foreseen-1'),
        token('foreseen-1', two.id),
        token('foreseen-2'),
        token('foreseen-3'),
        connection('foreseen-4'),
        connection('foreseen-4'),
        connection('foreseen-4', one.id),
        connection('foreseen-5', 'no-such-directory'),
        connection('foreseen-6'),
        connection('foreseen-7'),
      );
      const dry = await importing(file, { dryRun: true });
      const done = await importing(file);
      const plain = (body: Answer) =>
        statusesOf(body).map((status: string) => status.replace('would_import', 'imported'));
      assert.deepEqual(plain(dry), statusesOf(done), JSON.stringify(dry.rows));
      assert.ok(
        dry.rows.every(({ id }: Answer) => id === null),
        'nothing of the file is there yet',
      );
      assert.deepEqual(statusesOf(done), [
        ...['imported', 'exists', 'refused'],
        ...['imported', 'exists', 'refused', 'imported', 'refused'],
        ...['imported', 'exists', 'refused', 'refused', 'imported', 'refused'],
      ]);
    });

    it('reads CSV with quotes, lists and a byte order mark', async () => {
      const { id } = await app.api.makeDirectory();
      const csv = [
        '\uFEFFtype,clientId,clientSecretSha256,name,directory,grantTypes,redirectUris',
        `client,csv-1,${sha256(SECRET)},"Acme, Inc.",${id},authorization_code refresh_token,${REDIRECT_URI} https://b.example/cb`,
        '',
        `client,csv-2,${sha256(SECRET)},B,${id},client_credentials,`,
      ].join('\r\n');
      const { rows } = await importing(csv, { format: 'csv' });
      assert.deepEqual(
        rows.map(({ line, status }: Answer) => [line, status]),
        [
          [2, 'imported'],
          [4, 'imported'],
        ],
        JSON.stringify(rows),
      );
      const { body } = await app.api.get('/clients/csv-1');
      assert.deepEqual([body.name, body.redirectUris.length], ['Acme, Inc.', 2]);
    });

    it('reads CSV as spreadsheets of any country write it', async () => {
      let made = 0;
      const row = (id: string, separator: string) => ['token', id, sha256(`${id} ${made++}`), 'old'].join(separator);
      for (const csv of [
        (id: string) => `type;directory;sha256;label\r\n${row(id, ';')}\r\n;;;\r\n`,
        (id: string) => `type\tdirectory\tsha256\tlabel\n${row(id, '\t')}`,
        (id: string) => `\ufeffsep=;\r\ntype;directory;sha256;label\r\n${row(id, ';')}`,
        (id: string) => `Type,Directory,SHA256,Label\n${row(id, ',').replace('token', 'Token')}\n,,,\n`,
        (id: string) => `type,directory,sha-256,label,scopes\n${row(id, ',')},"scim, scim.read"\n`,
      ]) {
        const { id } = await app.api.makeDirectory();
        const { rows } = await importing(csv(id), { format: 'csv' });
        assert.deepEqual(
          rows.map(({ status, problem }: Answer) => [status, problem]),
          [['imported', null]],
          String(csv),
        );
      }
      const { id, endpointUrl } = await app.api.makeDirectory();
      const client = `type;client_id;client_secret_sha256;name;provider;directory;grant_types;redirect_uris\nclient;semi-1;${sha256(SECRET)};A;Okta;${endpointUrl};"authorization_code;refresh_token";"https://a.example/cb;https://b.example/cb"`;
      assert.deepEqual(statusesOf(await importing(client, { format: 'csv' })), ['imported']);
      const { body } = await app.api.get('/clients/semi-1');
      assert.deepEqual([body.directoryId, body.provider, body.redirectUris.length], [id, 'okta', 2]);
      for (const [content, says] of [
        [`token,${id},${sha256('x')}`, /must be a header/],
        [`type,directory,sha256,SHA256\ntoken,${id},${sha256('x')},${sha256('y')}`, /sha256 twice/],
        [lines({ type: 'token', directory: id }), /must be a header|cannot be read/],
      ] as const) {
        const refused = await app.api.post('/imports', { format: 'csv', content });
        assert.equal(refused.status, 400, JSON.stringify(refused.body));
        assert.match(refused.body.detail, says);
      }
    });

    it('reads JSON lines as programs write them: one list, a byte order mark, commas, separators, null', async () => {
      let made = 0;
      const token = (id: string) => ({ type: 'token', directory: id, sha256: sha256(`${id} lines ${made++}`) });
      for (const content of [
        (id: string) => `\ufeff${lines(token(id), token(id))}`,
        (id: string) => lines(token(id), token(id)).replaceAll('\n', '\r'),
        (id: string) => JSON.stringify([token(id), token(id)], null, 2),
        (id: string) => lines(token(id), token(id)).replaceAll('}', '},'),
        (id: string) => `\u001e${lines(token(id), token(id)).replace('\n', '\n\u001e')}`,
        (id: string) => lines({ ...token(id), label: null, expiresAt: null }, token(id)),
      ]) {
        const { id } = await app.api.makeDirectory();
        const body = await importing(content(id));
        assert.deepEqual(statusesOf(body), ['imported', 'imported'], `${content} ${JSON.stringify(body.rows)}`);
      }
      const { id } = await app.api.makeDirectory();
      const endless = { type: 'client', clientId: 'endless', clientSecret: SECRET, name: 'A', provider: 'okta' };
      const body = await importing(lines({ ...endless, directory: id, secretExpiresAt: null }));
      assert.deepEqual(statusesOf(body), ['imported'], JSON.stringify(body.rows));
      assert.equal((await app.api.get('/clients/endless')).body.secrets[0].expiresAt, null);
    });

    it('says of each row that is refused why, goes on with the others, and repeats no secret', async () => {
      const { id } = await app.api.makeDirectory();
      const secret = 'very-secret-value-k9Xq2Zm8Rw4Vb7TnJ5';
      const file = lines(
        { type: 'client', clientId: 'rows-1', clientSecret: 'short', name: 'A', directory: id },
        { type: 'client', clientId: secret.replaceAll('-', ' '), clientSecret: secret, name: 'A', directory: id },
        { type: 'client', clientId: 'rows-2', name: 'A', directory: id },
        { type: 'client', clientId: 'rows-3', clientSecret: secret, name: 'A', directory: 'nowhere' },
        { type: 'client', clientId: 'scimcs_secret', clientSecret: secret, name: 'A', directory: id },
        { type: 'refresh_token', clientId: 'nobody', directory: id, refreshToken: secret },
        { type: 'token', directory: id, token: 'x' },
        { type: 'something', clientSecret: secret },
        { type: 'client', clientId: 'rows-4', clientSecret: secret, name: 'A', directory: id, colour: 'red' },
        { type: 'client', clientId: 'rows-5', clientSecret: secret, name: 'A', directory: id },
      );
      const body = await importing(`${file}\nnot json`);
      assert.deepEqual(statusesOf(body), [...Array(9).fill('refused'), 'imported', 'refused']);
      for (const { problem, status } of body.rows) assert.equal(status === 'refused', problem !== null);
      assert.ok(!JSON.stringify(body).includes(secret));
      const broken = await app.api.post('/imports', { format: 'csv', content: `type,clientId\nclient,"${secret}` });
      assert.deepEqual([broken.status, broken.body.code], [400, 'invalid_request']);
      assert.ok(!JSON.stringify(broken.body).includes(secret), 'nor does a file that cannot be read');
      assert.ok(!app.log().includes(secret));
    });

    it('repeats of a row whose columns moved neither value nor name, whichever they are', async () => {
      const { id } = await app.api.makeDirectory();
      const secret = 'hunter-two-of-the-old-system';
      const token = { type: 'token', directory: id, token: 'of-moved-columns-k9Xq2Zm8Rw4Vb7TnJ5' };
      const file = lines(
        { ...token, type: secret },
        { ...token, [secret]: 'x' },
        { ...token, directory: secret },
        { type: 'refresh_token', clientId: secret, directory: id, refreshToken: 'of-moved-columns-k9Xq2Zm8Rw4Vb7TnJ5' },
        { type: 'client', clientId: 'moved-1', clientSecret: SECRET, name: 'A', directory: secret },
        { type: 'client', clientId: 'moved-2', clientSecret: SECRET, name: 'A', workloadIdentity: { [secret]: 'x' } },
        { type: 'client', clientId: 'moved-3', clientSecret: SECRET, name: 'A', provider: secret, directory: id },
      );
      for (const content of [file, file.replaceAll(secret, 'Q7-x9_Zp4')]) {
        const body = await importing(content);
        assert.deepEqual(statusesOf(body), Array(7).fill('refused'));
        for (const part of ['hunter', 'Q7-x']) assert.ok(!JSON.stringify(body).includes(part), JSON.stringify(body));
      }
      const { rows } = await importing(file);
      assert.equal(rows[0].type, `${secret.length} characters, ending stem`);
      assert.match(rows[1].problem, /28 characters, ending stem/);
    });

    it('tells a key of one organization of what others have only that it may not have it', async () => {
      const mine = await app.api.makeDirectory();
      const other = await app.api.makeDirectory();
      const limited = { name: 'limited', role: 'admin', organizationId: mine.organizationId };
      const { body } = await app.api.post('/api-keys', limited);
      const api = app.api.as(body.key);
      const client = { clientSecret: SECRET, name: 'A', provider: 'okta' };
      const clientOf = async (clientId: string, directoryId: string) =>
        assert.equal((await app.api.post('/clients/import', { ...client, clientId, directoryId })).status, 201);
      await clientOf('oracle-theirs', other.id);
      await clientOf('oracle-mine', mine.id);
      const rowsAt = (directory: string, clientId: string, name: string) =>
        lines(
          { type: 'token', directory, token: `${name}-token-k9Xq2Zm8Rw4Vb7TnJ5` },
          { type: 'refresh_token', clientId, directory, refreshToken: `${name}-refresh-k9Xq2Zm8Rw4Vb7TnJ5` },
        );
      assert.deepEqual(statusesOf(await importing(rowsAt(other.id, 'oracle-theirs', 'their'))), [
        'imported',
        'imported',
      ]);
      const theirs = rowsAt(mine.id, 'oracle-mine', 'their');
      for (const dryRun of [true, false]) {
        const answer = await api.post('/imports', { format: 'jsonl', content: theirs, dryRun });
        assert.deepEqual(statusesOf(answer.body), ['refused', 'refused'], JSON.stringify(answer.body));
        for (const { problem } of answer.body.rows) assert.match(problem, /^This value can't be imported/);
      }
      const path = `/directories/${mine.id}`;
      for (const [part, fields] of [
        ['credentials', { token: 'their-token-k9Xq2Zm8Rw4Vb7TnJ5' }],
        ['connections', { clientId: 'oracle-mine', refreshToken: 'their-refresh-k9Xq2Zm8Rw4Vb7TnJ5' }],
      ] as const) {
        const single = await api.post(`${path}/${part}/import`, fields);
        assert.deepEqual([single.status, single.body.code], [409, 'credential_exists']);
        for (const id of [other.id, other.organizationId]) assert.ok(!JSON.stringify(single.body).includes(id));
      }
      const own = { format: 'jsonl', content: rowsAt(mine.id, 'oracle-mine', 'own') };
      assert.deepEqual(statusesOf((await api.post('/imports', own)).body), ['imported', 'imported']);
      assert.deepEqual(statusesOf((await api.post('/imports', own)).body), ['exists', 'exists'], 'told of its own');
      const full = await api.post('/imports', { format: 'jsonl', content: theirs });
      const unknown = await api.post('/imports', { format: 'jsonl', content: theirs.replaceAll('their-', 'new-') });
      assert.deepEqual(full.body.rows, unknown.body.rows, 'with full slots, nothing at all');
      const seen = await importing(theirs);
      assert.deepEqual(statusesOf(seen), ['refused', 'refused']);
      assert.ok(seen.rows[0].problem.includes(other.id), 'who sees all is told where it is');
    });

    it('lets a key of one organization import into its own directories alone', async () => {
      const mine = await app.api.makeDirectory();
      const other = await app.api.makeDirectory();
      const { body } = await app.api.post('/api-keys', {
        name: 'limited',
        role: 'admin',
        organizationId: mine.organizationId,
      });
      const row = { type: 'client', clientSecret: SECRET, name: 'A' };
      const content = lines(
        { ...row, clientId: 'wall-1', directory: other.id },
        { ...row, clientId: 'wall-2' },
        { ...row, clientId: 'wall-3', directory: mine.id },
        { ...row, clientId: 'wall-0', directory: mine.id },
      );
      await importing(lines({ ...row, clientId: 'wall-0', directory: other.id }));
      const answer = await app.api.as(body.key).post('/imports', { format: 'jsonl', content });
      assert.deepEqual(statusesOf(answer.body), ['refused', 'refused', 'imported', 'refused']);
      const wall = { clientId: 'wall-4', ...row, directoryId: other.id };
      const { type: _type, ...fields } = wall;
      assert.equal((await app.api.as(body.key).post('/clients/import', fields)).status, 404);
    });
  });
}
