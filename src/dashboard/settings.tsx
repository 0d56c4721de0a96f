/** Settings: the places of an owner, the keys that rotate, and what was read at the start. */
import { SETTINGS, type SettingKey } from '../config/index.ts';
import { Act, List, Row } from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

export function settingsRoutes({ config, sources, keys, publicUrl }: DashboardDependencies): Route[] {
  async function settings({ may }: Visit) {
    return {
      title: 'Settings',
      trail: [],
      children: (
        <>
          <List
            of={BELOW.filter(({ action }) => may(action))}
            row={({ path, name, text }) => <Row href={`${HOME}/${path}`} name={<b>{name}</b>} text={text} />}
          />
          {may('signing-keys.rotate') && (
            <section class="panel">
              <h2>Signing and cookie keys</h2>
              <p class="soft">
                Latchkey rotates them automatically every {config.LATCHKEY_OAUTH_KEY_DAYS} days. The old ones still
                verify, so issued tokens keep working.
              </p>
              <Act action={`${HOME}/settings/keys/rotate`} name="Rotate keys" />
            </section>
          )}
          <List
            title="Configuration"
            aside={<small>Read at startup. To change a setting, set its new value and restart.</small>}
            of={Object.keys(SETTINGS) as SettingKey[]}
            row={(key) => (
              <Row name={<span class="mono">{key}</span>} text={SETTINGS[key].meaning}>
                <span class="what end">
                  <span class="mono">{shownValue(key)}</span>
                  <small>{SOURCES[sources[key]]}</small>
                </span>
              </Row>
            )}
          />
        </>
      ),
    };
  }

  function shownValue(key: SettingKey): string {
    const value = config[key];
    if (key === 'LATCHKEY_PUBLIC_URL') return publicUrl;
    if (key === 'LATCHKEY_DATABASE_URL') return storeOf(config.LATCHKEY_DATABASE_URL);
    if (key === 'LATCHKEY_SECRET' && value === undefined)
      return 'created in the data folder the first time Latchkey started';
    if (value === undefined || value === '') return 'not set';
    if ('secret' in SETTINGS[key]) return 'set (not shown)';
    return Array.isArray(value) ? value.join(', ') || 'none' : String(value);
  }

  return [
    { path: '/settings', action: 'settings.read', get: settings },
    {
      path: '/settings/keys/rotate',
      action: 'signing-keys.rotate',
      async post({ attribution }) {
        await keys.rotate(attribution);
        return `${HOME}/audit?type=signing_key.rotated`;
      },
    },
  ];
}

const SOURCES = { default: 'by default', environment: 'from the environment', file: 'from a file' } as const;

const BELOW = [
  { path: 'account', action: 'account.use', name: 'Your account', text: 'Password, second factor and sessions.' },
  {
    path: 'operators',
    action: 'operators.manage',
    name: 'Members',
    text: 'The people who can sign in here, and their roles.',
  },
  {
    path: 'api-keys',
    action: 'api-keys.read',
    name: 'API keys',
    text: 'Access to the admin API and introspection for your software.',
  },
] as const;

/** A database URL without who signs in to it, and without its options. */
function storeOf(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//').replace(/\?.*$/, '');
}
