/** From the first page of the portal to what helps, by its buttons alone, wide and narrow. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { runApp } from '../support/app.ts';
import { type RealBrowser, startBrowser } from '../support/browser.ts';
import { DAY } from '../support/clock.ts';
import { flush, makeWorld } from '../support/diagnosed.ts';
import { makeLink } from '../support/it-contact.ts';

const browser = await startBrowser();

describe('what to do, in a browser', { skip: browser === undefined }, () => {
  const real = browser as RealBrowser;
  const app = runApp();
  after(async () => {
    await real.close();
  });

  for (const size of ['wide', 'narrow'] as const) {
    it(`leads from a token that was cut off to another one that works: ${size}`, async () => {
      const { directory, send, token } = await makeWorld(app);
      await send(`Bearer ${token}`);
      const cut = (await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap' })).body.token;
      await send(`Bearer ${cut.slice(0, -9)}`);
      await flush(app);
      const context = await real.visitor({ size });
      const page = await context.newPage();
      await page.goto((await makeLink(app.api, directory.organizationId)).url);
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('heading', { level: 1, name: 'Requests from Okta are being refused' }).waitFor();
      assert.equal(await page.locator('main .btn.primary, main button.primary').count(), 1);
      const home = page.url();
      await page.locator('main .btn.primary').click();
      const generate = page.url();
      await page.getByRole('button', { name: 'Generate a new token' }).click();
      const value = (await page.locator('.reveal .field .mono').textContent()) ?? '';
      assert.equal(await send(`Bearer ${value}`), 200);
      await send(`Bearer ${cut.slice(0, -9)}`);
      await flush(app);
      const address = `${app.url}/portal/directories/${directory.id}`;
      await context.grantPermissions(['clipboard-read', 'clipboard-write']);
      await page.goto(address);
      await page.getByRole('link', { name: 'Copy for a ticket' }).click();
      await page.getByRole('link', { name: 'Copied' }).waitFor();
      assert.match(
        await page.evaluate<string>('navigator.clipboard.readText()'),
        /^Okta production: .*What to do:\n1\. /s,
      );
      assert.equal(page.url(), address);
      await real.inspect(context, [
        [`remedy-home-${size}`, home],
        [`remedy-generate-${size}`, generate],
        [`remedy-directory-${size}`, address],
      ]);
      await context.close();
    });
  }

  it('leads to where provisioning is started, and lets no alarm be turned off by the button that stands out', async () => {
    const { directory, send, token } = await makeWorld(app, { provider: 'entra' });
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(22 * DAY);
    await flush(app);
    const context = await real.visitor({ size: 'narrow' });
    const page = await context.newPage();
    await page.goto((await makeLink(app.api, directory.organizationId)).url);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('Start provisioning').waitFor();
    assert.equal(await page.locator('main button.primary').count(), 0);
    const home = page.url();
    await real.inspect(context, [['remedy-quiet', home]]);
    await page.getByRole('button', { name: 'Mute for 30 days' }).click();
    await page.getByRole('button', { name: 'Report silence again' }).click();
    await page.getByText('Unusually quiet').first().waitFor();
    await context.close();
  });
});
