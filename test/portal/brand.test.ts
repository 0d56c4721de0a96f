import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { contrast, readBrand } from '../../src/pages/index.ts';
import { startApp } from '../support/app.ts';
import { makeLink } from '../support/it-contact.ts';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-brand-'));
const logo = join(folder, 'acme.svg');
writeFileSync(
  logo,
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 22 22"><script>alert(1)</script><circle cx="11" cy="11" r="10"/></svg>',
);

describe('the brand of the portal', () => {
  it('is the name, the logo and the way to help of the vendor, on each page of the portal and none of the dashboard', async () => {
    const app = await startApp({
      env: {
        LATCHKEY_BRAND_NAME: 'Acme <HR>',
        LATCHKEY_BRAND_COLOR: '#3b5bdb',
        LATCHKEY_BRAND_LOGO: logo,
        LATCHKEY_SUPPORT: 'help@acme.example',
      },
    });
    try {
      const directory = await app.api.makeDirectory();
      for (const url of [
        (await makeLink(app.api, directory.organizationId)).url,
        `${app.url}/portal`,
        `${app.url}/oauth/authorize`,
      ]) {
        const html = await (await fetch(url)).text();
        for (const word of ['Acme &lt;HR>', '/assets/brand.css', '/assets/logo.svg', 'mailto:help@acme.example'])
          assert.ok(html.includes(word), `${url}: ${word}`);
      }
      const served = await fetch(`${app.url}/assets/logo.svg`);
      assert.equal(served.headers.get('content-type'), 'image/svg+xml');
      assert.match(served.headers.get('content-security-policy') ?? '', /default-src 'none'.*sandbox/);
      assert.ok(!(await (await fetch(`${app.url}/dashboard/sign-in`)).text()).includes('Acme'));
    } finally {
      await app.close();
    }
  });

  it('keeps what is written readable, whatever the colour', () => {
    for (const color of ['#ffff00', '#ffffff', '#000000', '#ff0000', '#3b5bdb', '#00ff00', '#0a0a0a', '#c0ffee']) {
      const { assets } = readBrand({ name: 'x', color, logo: undefined, support: undefined });
      const css = assets['brand.css']?.body.toString() ?? '';
      const [, light = '', dark = ''] = /--accent:light-dark\((#\w{6}),(#\w{6})\)/.exec(css) ?? [];
      const value = (text: string) => Number.parseInt(text.slice(1), 16);
      assert.ok(contrast(value(light), 0xffffff) >= 4.5, `${color}: ${light}`);
      assert.ok(contrast(value(dark), 0x1a1d20) >= 4.5, `${color}: ${dark}`);
      assert.ok(contrast(value(dark), 0x0b0f14) >= 4.5, `${color}: ink on ${dark}`);
    }
  });

  it('says what is wrong with a logo that cannot be used', () => {
    const withLogo = (path: string) => () => readBrand({ name: 'x', color: undefined, logo: path, support: undefined });
    assert.throws(withLogo(join(folder, 'none.svg')), /none\.svg/);
    assert.throws(
      withLogo(join(folder, 'logo.gif')),
      /LATCHKEY_BRAND_LOGO: expected an \.svg or \.png file, got .*logo\.gif/,
    );
  });
});
