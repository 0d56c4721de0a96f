import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApp } from '../support/app.ts';
import { engines } from '../support/engines.ts';

for (const engine of engines) {
  test(`an import that is repeated says that the value is there, also when both slots are taken, on ${engine.name}`, async (t) => {
    const place = engine.place();
    const app = await startApp({ databaseUrl: place.url });
    t.after(async () => {
      await app.close();
      await place.remove();
    });
    const { api } = app;
    const directory = await api.makeDirectory();
    const bring = (token: string) => api.post(`/directories/${directory.id}/credentials/import`, { token });
    assert.equal((await bring('k9Xq2Zm8Rw4Vb7TnJ5-1')).status, 201);
    assert.equal((await bring('k9Xq2Zm8Rw4Vb7TnJ5-2')).status, 201);

    assert.equal((await bring('k9Xq2Zm8Rw4Vb7TnJ5-1')).body.code, 'credential_exists');
    assert.equal((await bring('k9Xq2Zm8Rw4Vb7TnJ5-2')).body.code, 'credential_exists');
    assert.equal((await bring('k9Xq2Zm8Rw4Vb7TnJ5-3')).body.code, 'slots_full');
  });
}
