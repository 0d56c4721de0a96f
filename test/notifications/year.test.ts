/** A year on one store with three instances, a day at a time: who was told what, in the order in which it reached them. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { createMovableClock, DAY, MINUTE } from '../support/clock.ts';
import { engines } from '../support/engines.ts';
import { startMailServer } from '../support/mail-server.ts';

const DAYS = 365;
const INSTANCES = 3;
/** What can change from one day to the next without anybody doing something, once the clocks are compared. */
const DAILY = ['instances', 'due credentials', 'recovery', 'notices', 'deliveries'];
const ALL = ['usage', 'denials', 'traffic', 'findings', ...DAILY];

/** What can wait is gathered for a minute, so a round of the next day sends it where nothing else happens. */
const TOLD = `
day   1  sam: Contoso, Northwind Traders: A token was created or imported
day  61  priya: Contoso, Northwind Traders: Access token (One) expires in 30 days
day  65  sam: 2 things happened
day 120  ops: Contoso, Northwind Traders: Requests from Okta are being refused
day 120  sam: Contoso, Northwind Traders: A token was disabled
day 121  ops: Contoso, Northwind Traders: Provisioning works again
day 121  sam: Contoso, Northwind Traders: A token was enabled again
day 170  dana: Fabrikam, Northwind Traders: Access token (Summer) expires in 30 days
day 187  dana: Fabrikam, Northwind Traders: Access token (Summer) expires in 14 days
day 193  dana: Fabrikam, Northwind Traders: Access token (Summer) expires in 7 days
day 199  ops: Fabrikam, Northwind Traders: Access token (Summer) expires in 1 day
day 200  ops: Fabrikam, Northwind Traders: Requests from Entra ID are being refused
day 204  ops: Fabrikam, Northwind Traders: Provisioning works again
day 234  priya: Contoso, Northwind Traders: Access token (Two) expires in 30 days
day 252  priya: Contoso, Northwind Traders: Access token (Two) expires in 13 days
day 258  priya: Contoso, Northwind Traders: Access token (Two) expires in 7 days
day 258  sam: Contoso, Northwind Traders: Access token (Two) expires in 7 days
day 264  ops: Contoso, Northwind Traders: Access token (Two) expires in 1 day
day 264  priya: Contoso, Northwind Traders: Access token (Two) expires in 1 day
day 264  sam: Contoso, Northwind Traders: Access token (Two) expires in 1 day
day 265  ops: Contoso, Northwind Traders: Requests from Okta are being refused
day 265  priya: Contoso, Northwind Traders: Requests from Okta are being refused
day 266  ops: Contoso, Northwind Traders: Provisioning works again
day 266  priya: Contoso, Northwind Traders: Provisioning works again
day 266  sam: 2 things happened
`;

it('a year of ends, failures, healings and clock steps tells each person exactly this', {
  timeout: 240_000,
}, async (t) => {
  const [engine] = engines;
  assert.ok(engine);
  const place = engine.place();
  const server = await startMailServer();
  const clock = createMovableClock();
  let stepMs = 0;
  const realClock = { ...clock, now: () => new Date(clock.now().getTime() + stepMs) };
  const env = { ...server.env, LATCHKEY_LEASE_MS: '0', LATCHKEY_LOG_LEVEL: 'error' };
  const apps = await Promise.all(
    Array.from({ length: INSTANCES }, () => startApp({ databaseUrl: place.url, clock, realClock, env })),
  );
  const [first] = apps;
  assert.ok(first);
  const { api } = first;
  t.after(async () => {
    for (const app of apps) await app.close();
    await server.close();
    await place.remove();
  });

  const addContact = async (organizationId: string | null, name: string, kinds: string[]) => {
    await api.post('/contacts', { organizationId, name, email: `${name}@x.example`, kinds });
    const link = /http\S+\/portal\/contact\/\S+/.exec(server.mails.at(-1)?.text ?? '')?.[0] ?? '';
    const browser = createBrowserSession(first.url);
    await browser.submit(await browser.open(link), {});
  };
  const run = async (names: readonly string[]) => {
    const inTurn = [];
    for (const name of names) {
      const running = apps.map(
        ({ app }) =>
          () =>
            app.rounds.find((round) => round.name === name)?.run(),
      );
      // All at once, except for what one email may gather: who comes first is chance.
      if (name !== 'deliveries') await Promise.all(running.map((start) => start()));
      else inTurn.push(...running);
    }
    for (const [index, start] of inTurn.entries()) {
      await start();
      await apps[index]?.app.settled();
    }
  };
  /** Whatever was changed has been told to those who put it into the queue, before the clock goes on. */
  const heard = () => Promise.all(apps.map(({ app }) => app.settled()));
  const inDays = (days: number) => new Date(clock.now().getTime() + days * DAY).toISOString();
  const issue = (directory: Answer, label: string, days: number) =>
    api.issue(directory.id, { label, expiresAt: inDays(days) });
  const revoke = (id: string) => api.post(`/credentials/${id}/revoke`, { force: true });

  await api.post('/operators', { name: 'Dana', email: 'dana@x.example', role: 'owner' });
  const contoso = await api.makeDirectory({ name: 'Contoso' });
  const fabrikam = await api.makeDirectory({ name: 'Fabrikam', provider: 'entra' });
  await addContact(contoso.organizationId, 'priya', ['failing', 'ending']);
  await addContact(contoso.organizationId, 'sam', ['changes']);
  await addContact(null, 'ops', ['failing']);
  server.mails.length = 0;

  /** What the identity provider of each directory holds. */
  const held = new Map<Answer, string>();
  const ask = async (day: number, times: number) => {
    for (const [directory, token] of held) {
      const app = apps[day % INSTANCES];
      for (let n = 0; n < times; n++)
        await fetch(`${app?.url}/auth/verify?directory=${directory.endpointKey}`, {
          headers: { authorization: `Bearer ${token}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
        });
    }
  };

  const one = await issue(contoso, 'One', 90);
  held.set(contoso, one.token);
  let two: Answer;
  const script: Record<number, () => Promise<unknown>> = {
    10: async () => held.set(fabrikam, (await issue(fabrikam, 'Summer', 190)).token),
    // Acted upon after it was told at 30 days: the rest stays untold.
    65: async () => {
      two = await issue(contoso, 'Two', 200);
      held.set(contoso, two.token);
      await revoke(one.credential.id);
    },
    // By the vendor's mistake, so the vendor hears of it; repaired the next day.
    120: () => api.post(`/credentials/${two.credential.id}/disable`),
    121: () => api.post(`/credentials/${two.credential.id}/enable`),
    // The clock says tomorrow for a day: what is told early is not told again.
    234: async () => {
      stepMs = DAY;
    },
    235: async () => {
      stepMs = 0;
    },
    // It says yesterday for a day: what is told late says how much is left.
    251: async () => {
      stepMs = -DAY;
    },
    252: async () => {
      stepMs = 0;
    },
    // It says the day before the one that told it.
    259: async () => {
      stepMs = -1.5 * DAY;
    },
    260: async () => {
      stepMs = 0;
    },
    // Nobody acted: it ends on day 200, and is replaced four days later.
    204: async () => held.set(fabrikam, (await issue(fabrikam, 'Autumn', 300)).token),
    266: async () => held.set(contoso, (await issue(contoso, 'Three', 400)).token),
  };

  await heard();
  const told: string[] = [];
  for (let day = 1; day <= DAYS; day++) {
    clock.advance(DAY - 2 * MINUTE);
    const happens = script[day];
    await happens?.();
    await heard();
    const isBusy = happens !== undefined || day % 5 === 0;
    if (isBusy) {
      await ask(day, 3);
      await run(ALL);
    }
    clock.advance(2 * MINUTE);
    await run(DAILY);
    const lines = server.mails.map(
      ({ to, subject }) => `${to.replace('@x.example', '')}: ${subject.replace('[Acme] ', '')}`,
    );
    told.push(...lines.sort().map((line) => `day ${String(day).padStart(3)}  ${line}`));
    server.mails.length = 0;
  }
  assert.equal(told.join('\n'), TOLD.trim());
});
