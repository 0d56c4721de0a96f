/**
 * `npm run demo`: the life of SCIM credentials in half a minute, with real processes on a temporary store: Latchkey, and behind it a SCIM
 * server that we did not write. No whole secret is shown, only the last four characters, as Latchkey itself shows them.
 */
import { type Api, createApi } from '../support/api.ts';
import { PROCESS_OWNER_KEY } from '../support/process.ts';
import { expected } from './admin.ts';
import { byHand } from './by-hand.ts';
import { oauthAct, QUIET_SECONDS } from './oauth-act.ts';
import { createProcesses } from './processes.ts';
import { heading, note, plain, step, title } from './screen.ts';
import { staticAct } from './static-act.ts';

const startedAt = performance.now();
const processes = createProcesses();
let cleaning: Promise<void> | undefined;
const cleanUp = () => {
  cleaning ??= processes.cleanUp();
  return cleaning;
};
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => void cleanUp().then(() => process.exit(code)));
}

try {
  await demo();
  await cleanUp();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  plain('');
  note(`Done in ${seconds} s. The processes have ended and the temporary store is removed.`);
  plain('');
} catch (error) {
  // What is under way fails when the processes are ended by a signal; that is no failure to report.
  if (!cleaning) {
    plain('', ...(error instanceof Error ? error.message : String(error)).split('\n'));
    process.exitCode = 1;
  }
} finally {
  await cleanUp();
}

async function demo(): Promise<void> {
  title(
    'Latchkey demo',
    'An identity provider pushes users through Latchkey into a SCIM server, while its token is rotated,',
    'a token from another system is imported, and one is revoked. Another directory then moves to OAuth.',
  );
  const { url, api, scim } = await start();
  const { organization, ids } = await staticAct(api, scim);
  await oauthAct({ url, api, scim, organization, ids });
  heading('By hand');
  plain(...byHand());
}

async function start(): Promise<{ url: string; api: Api; scim: string }> {
  heading('Start');
  let [scim, url, key] = ['', '', ''];
  await step('starting a SCIM server', async () => {
    scim = await processes.startScimServer();
    return `SCIM server (scimmy) at ${scim}`;
  });
  await step('starting Latchkey', async () => {
    url = await processes.startLatchkey({ LATCHKEY_RETIRE_QUIET_SECONDS: String(QUIET_SECONDS) });
    return `Latchkey on an empty store at ${url}`;
  });
  const owner = createApi(url, PROCESS_OWNER_KEY);
  await step('creating an API key', async () => {
    key = expected(201, await owner.post('/api-keys', { name: 'onboarding script', role: 'admin' })).key;
    return 'API key with the role admin, for the next steps';
  });
  return { url, api: owner.as(key), scim };
}
