/** The commands: what each is given, does and says. */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { ROLES, type Role } from '../credentials/index.ts';
import { createMailer, renderMail } from '../notifications/index.ts';
import { OPERATOR_ROLES } from '../operators/index.ts';
import { backUp, restore } from './backup.ts';
import { COMMAND_LINE, type Edge } from './edge.ts';

const USAGE = `Usage: latchkey [command]

  serve                              start the server (the default)
  api-key create [--name NAME] [--role ${ROLES.join('|')}]
                                     create an API key (an owner key by default), and print it once
  sign-in-link [--email EMAIL] [--name NAME] [--role owner|admin|viewer]
                                     create a link to sign in to the dashboard once, for the member with that email or a new one; without options, for the first member
  second-factor remove EMAIL         remove the second factor of a member who lost it, and end their sessions
  keys rotate                        create new signing and cookie keys; the old ones still verify
  mail test ADDRESS                  send a test email through LATCHKEY_SMTP_URL, and show the result
  backup TO                          back up the embedded store, while it runs, to the new folder TO
  restore FROM [--revocations FILE]  restore a lost store from a backup, then reapply the revocations in the audit export FILE (JSON lines)
  restore --revocations FILE         only reapply them, to a store that you restored with MongoDB's own tools
  help                               show this help

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
  else if (command === 'restore') return restore(rest, edge);
  else if (['help', '--help', '-h'].includes(command)) edge.say(USAGE);
  else {
    edge.say(`latchkey: unknown command "${args.join(' ')}"\n\n${USAGE}`);
    return 2;
  }
  return 0;
}

async function testMail([address, ...more]: string[], { say, mail }: Edge): Promise<number> {
  if (address === undefined || more.length > 0 || !address.includes('@'))
    throw new TypeError(
      `latchkey mail test ADDRESS: expected one email address, got ${[address, ...more].join(' ') || 'nothing'}`,
    );
  const settings = mail();
  if (!settings) throw new Error('email is off. To turn it on, set LATCHKEY_SMTP_URL and LATCHKEY_MAIL_FROM');
  const mailer = createMailer(settings);
  const title = 'Email from Latchkey works.';
  const outcome = await mailer.send({
    to: { name: '', address },
    subject: title,
    ...renderMail(
      { title, paragraphs: ['This is a test. Nothing has happened.'], rows: [], steps: [] },
      { name: 'Latchkey' },
    ),
    messageId: `test_${randomUUID()}`,
  });
  mailer.close();
  say(outcome.isSent ? `The mail server accepted a test email for ${address}.` : `Not sent: ${outcome.reason}.`);
  return outcome.isSent ? 0 : 1;
}

async function createKey(args: string[], { say, withApp }: Edge): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { name: { type: 'string', default: 'command line' }, role: { type: 'string', default: 'owner' } },
  });
  const role = ROLES.find((known): known is Role => known === values.role);
  if (!role) throw new TypeError(`--role: expected one of ${ROLES.join(', ')}, got ${values.role}`);
  await withApp(async (app, store) => {
    const { apiKey, key } = await app.apiKeys.create({ name: values.name, role }, COMMAND_LINE);
    say(`API key ${apiKey.id} (${role}) for the store ${store}, shown only once:`);
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
  if (!role) throw new TypeError(`--role: expected one of ${OPERATOR_ROLES.join(', ')}, got ${values.role}`);
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
    say(
      `Sign-in link for ${operator.name} (${operator.role}) in the store ${store}. It works once, until ${expiresAt.toISOString()}:`,
    );
    say('');
    say(`  ${publicUrl}/dashboard/enter/${secret}`);
    if (isAssumed) {
      say('');
      say('If the server has another address or port, change it in the link, or set LATCHKEY_PUBLIC_URL.');
    }
  });
}

async function removeSecondFactor(args: string[], { say, withApp }: Edge): Promise<void> {
  const [email, ...more] = parseArgs({ args, allowPositionals: true }).positionals;
  if (email === undefined || more.length > 0)
    throw new TypeError(`latchkey second-factor remove EMAIL: expected one email, got ${args.join(' ') || 'nothing'}`);
  await withApp(async ({ operators }, store) => {
    const operator = await operators.findByEmail(email);
    if (!operator) throw new Error(`no member in the store ${store} has the email ${email}`);
    await operators.removeSecondFactor(operator.id, COMMAND_LINE);
    say(`Removed the second factor of ${operator.name} (${operator.role}). Their sessions have ended.`);
  });
}

async function rotateKeys({ say, withApp }: Edge): Promise<void> {
  await withApp(async (app) => {
    await app.keys.rotate(COMMAND_LINE);
    say(
      'Created new signing and cookie keys. Running instances publish them within 30 seconds, and sign with them a minute later. Issued tokens keep working.',
    );
  });
}
