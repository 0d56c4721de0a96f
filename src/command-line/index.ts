/** What an operator runs on the server itself, where the store is: keys, links, backups. No server needs to run. */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { ROLES, type Role } from '../credentials/index.ts';
import { createMailer, renderMail } from '../notifications/index.ts';
import { OPERATOR_ROLES } from '../operators/index.ts';
import { backUp, restore } from './backup.ts';
import { COMMAND_LINE, type Edge } from './edge.ts';

export type { Edge } from './edge.ts';

const USAGE = `Usage: latchkey [command]

  serve                              start the server (the default)
  api-key create [--name NAME] [--role ${ROLES.join('|')}]
                                     make an API key, an owner's by default, and print it once
  sign-in-link [--email EMAIL] [--name NAME] [--role owner|admin|viewer]
                                     make a link that signs in to the dashboard once: the operator with that email
                                     address, or a new one; without options the first operator
  second-factor remove EMAIL         remove the second factor of an operator who lost it; ends their sessions
  keys rotate                        make new signing and cookie keys; the old ones stay for verification
  mail test ADDRESS                  send a test email by LATCHKEY_SMTP_URL, and say what became of it
  backup TO                          copy the embedded store, while it runs, into the new folder TO
  restore FROM [--revocations FILE]  put such a copy in place of a lost store, then revoke again what the audit
                                     export FILE (JSON lines) says was revoked since
  help                               print this

Settings are environment variables; docs/configuration.md lists them.`;

/** Runs one command. Gives the exit code; throws an Error whose message is for people. */
export async function runCommand(args: readonly string[], edge: Edge): Promise<number> {
  const [command = 'help', ...rest] = args;
  if (command === 'api-key' && rest[0] === 'create') await createKey(rest.slice(1), edge);
  else if (command === 'sign-in-link') await createSignInLink(rest, edge);
  else if (command === 'second-factor' && rest[0] === 'remove') await removeSecondFactor(rest.slice(1), edge);
  else if (command === 'keys' && rest[0] === 'rotate') await rotateKeys(edge);
  else if (command === 'mail' && rest[0] === 'test') return testMail(rest.slice(1), edge);
  else if (command === 'backup') await backUp(rest, edge);
  else if (command === 'restore') await restore(rest, edge);
  else if (['help', '--help', '-h'].includes(command)) edge.say(USAGE);
  else {
    edge.say(`latchkey: there is no command "${args.join(' ')}"\n\n${USAGE}`);
    return 2;
  }
  return 0;
}

async function testMail([address, ...more]: string[], { say, mail }: Edge): Promise<number> {
  if (address === undefined || more.length > 0 || !address.includes('@'))
    throw new TypeError(`latchkey mail test ADDRESS: given ${[address, ...more].join(' ')}; wanted one email address`);
  const settings = mail();
  if (!settings) throw new Error('email is off: LATCHKEY_SMTP_URL and LATCHKEY_MAIL_FROM turn it on');
  const mailer = createMailer(settings);
  const title = 'Email from Latchkey works.';
  const outcome = await mailer.send({
    to: { name: '', address },
    subject: title,
    ...renderMail(
      { title, paragraphs: ['Nothing has happened: this is a test.'], rows: [], steps: [] },
      { name: 'Latchkey' },
    ),
    messageId: `test_${randomUUID()}`,
  });
  mailer.close();
  say(outcome.isSent ? `The mail server took a test email for ${address}.` : `Not sent: ${outcome.reason}.`);
  return outcome.isSent ? 0 : 1;
}

async function createKey(args: string[], { say, withApp }: Edge): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { name: { type: 'string', default: 'command line' }, role: { type: 'string', default: 'owner' } },
  });
  const role = ROLES.find((known): known is Role => known === values.role);
  if (!role) throw new TypeError(`--role: given ${values.role}; wanted one of ${ROLES.join(', ')}`);
  await withApp(async (app, store) => {
    const { apiKey, key } = await app.apiKeys.create({ name: values.name, role }, COMMAND_LINE);
    say(`API key ${apiKey.id} (${role}) of the store ${store}, shown this once:`);
    say('');
    say(`  ${key}`);
  });
}

async function createSignInLink(args: string[], { say, withApp }: Edge): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { name: { type: 'string' }, email: { type: 'string' }, role: { type: 'string', default: 'owner' } },
  });
  const role = OPERATOR_ROLES.find((known) => known === values.role);
  if (!role) throw new TypeError(`--role: given ${values.role}; wanted one of ${OPERATOR_ROLES.join(', ')}`);
  await withApp(async ({ operators }, store, { publicUrl, isAssumed }) => {
    const { email, name } = values;
    const known = email === undefined ? undefined : await operators.findByEmail(email);
    const isNew = known === undefined && (email !== undefined || name !== undefined);
    const first = known ?? (await operators.page({ limit: 200 })).items.findLast((one) => one.initial !== undefined);
    const operator =
      isNew || first === undefined
        ? await operators.create({ name: name ?? email ?? 'Owner', email, role }, COMMAND_LINE)
        : first;
    if (operator.disabledAt) await operators.enable(operator.id, COMMAND_LINE);
    const { secret, expiresAt } = await operators.createLink(operator.id, COMMAND_LINE);
    say(`Signs in ${operator.name} (${operator.role}) at the store ${store}, once, until ${expiresAt.toISOString()}:`);
    say('');
    say(`  ${publicUrl}/dashboard/enter/${secret}`);
    if (isAssumed) {
      say('');
      say('If the server listens at another port or address, put that in its place, or set LATCHKEY_PUBLIC_URL.');
    }
  });
}

async function removeSecondFactor(args: string[], { say, withApp }: Edge): Promise<void> {
  const [email, ...more] = parseArgs({ args, allowPositionals: true }).positionals;
  if (email === undefined || more.length > 0)
    throw new TypeError(`latchkey second-factor remove EMAIL: given ${args.join(' ') || 'nothing'}; wanted one email`);
  await withApp(async ({ operators }, store) => {
    const operator = await operators.findByEmail(email);
    if (!operator) throw new Error(`no operator at the store ${store} has the email ${email}`);
    await operators.removeSecondFactor(operator.id, COMMAND_LINE);
    say(`Removed the second factor of ${operator.name} (${operator.role}). Their sessions have ended.`);
  });
}

async function rotateKeys({ say, withApp }: Edge): Promise<void> {
  await withApp(async (app) => {
    await app.keys.rotate(COMMAND_LINE);
    say(
      'Made new signing and cookie keys. Running instances take them up within half a minute; nothing that was issued ends.',
    );
  });
}
