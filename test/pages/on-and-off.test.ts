/** A finding that comes and goes is one row on a directory's page, and a few emails. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runApp } from '../support/app.ts';
import { HOUR } from '../support/clock.ts';
import { flush, makeWorld } from '../support/diagnosed.ts';
import { signInOperator } from '../support/operator-browser.ts';

describe('what comes and goes', () => {
  const app = runApp();

  it('is one row with a since and how often it came; what came once keeps its beginning and its end', async () => {
    const { directory, send, token } = await makeWorld(app, { provider: 'entra' });
    await send(`Bearer ${token}`);
    await flush(app);
    for (let times = 0; times < 4; times++) {
      app.clock.advance(HOUR);
      await send(`Bearer ${token.slice(0, 20)}`);
      await flush(app);
      app.clock.advance(HOUR);
      await send(`Bearer ${token}`);
      await flush(app);
    }
    app.clock.advance(HOUR);
    await send('Basic eDp5');
    await flush(app);
    app.clock.advance(HOUR);
    await send(`Bearer ${token}`);
    await flush(app);
    const { html } = await (await signInOperator(app)).open(`/directories/${directory.id}`);
    const text = html
      .replace(/<details>.*?<\/details>/g, ' ')
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ');
    const [, happened = ''] = /What happened(.*?)Timeline/.exec(text) ?? [];
    assert.match(happened, /Resolved: requests arrived with an incomplete or mistyped token on and off, 4 times since/);
    assert.equal(happened.match(/(?:Detected|Resolved): requests arrived with an incomplete/g)?.length, 1);
    assert.equal(happened.match(/(?:Detected|Resolved): requests arrived with a user name/g)?.length, 2);
  });
});
