import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createApi } from '../support/api.ts';
import { engines } from '../support/engines.ts';
import { ask, exchange, makeClient, makeConnection, refresh, verified } from '../support/oauth-client.ts';
import { PROCESS_OWNER_KEY, startLatchkey } from '../support/process.ts';

it('prints no warning of oidc-provider, whatever is asked of it', async () => {
  const place = engines[0]?.place() ?? assert.fail();
  const latchkey = await startLatchkey({ databaseUrl: place.url });
  try {
    const target = { url: latchkey.url, api: createApi(latchkey.url, PROCESS_OWNER_KEY) };
    for (const rotateRefreshTokens of [false, true]) {
      const { client, directory, refreshToken } = await makeConnection(target, { rotateRefreshTokens });
      const { status, body } = await refresh(target, client, refreshToken);
      assert.equal(status, 200);
      assert.equal(await verified(target, directory.id, body.access_token), 200);
      assert.equal((await refresh(target, client, 'unknown')).status, 400);
      assert.equal((await exchange(target, client, 'unknown')).status, 400);
      assert.equal((await ask(target, client, { grant_type: 'password' })).status, 400);
      await ask(target, client, { token: body.access_token }, { path: '/oauth/revoke' });
      await ask(target, client, { token: refreshToken }, { path: '/oauth/revoke' });
    }
    const { id } = await target.api.makeDirectory();
    const machine = await makeClient(target, { directoryId: id, grantTypes: ['client_credentials'] });
    assert.equal((await ask(target, machine, { grant_type: 'client_credentials' })).status, 200);
    for (const path of [
      '/.well-known/oauth-authorization-server',
      '/oauth/jwks',
      '/oauth/authorize',
      '/oauth/authorize?client_id=unknown&response_type=code',
      `/oauth/authorize?client_id=${machine.id}&response_type=code&prompt=none`,
    ]) {
      await (await fetch(target.url + path, { redirect: 'manual' })).arrayBuffer();
    }
  } finally {
    await latchkey.end();
    await place.remove();
  }
  const lines = latchkey.output().split('\n');
  assert.deepEqual(
    lines.filter((line) => /oidc-provider|warning|deprecat/i.test(line)),
    [],
  );
});
