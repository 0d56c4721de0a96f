/** People are told by email: of findings and ends at once, of what can wait in at most one email an hour. */
import type { Audit, AuditEvent } from '../audit/index.ts';
import { type Clock, DAY_MS, HOUR_MS } from '../clock.ts';
import { CODES, type Code, type Finding, type FindingChange, plain, type Spoken, wordsOf } from '../diagnosis/index.ts';
import type { Directories, Directory, Organizations } from '../directories/index.ts';
import type { Log } from '../log.ts';
import { counted } from '../sentences.ts';
import { type Contacts, type Recipient, VENDOR_SCOPE } from './contacts.ts';
import type { Deliveries } from './deliveries.ts';
import type { Emails } from './emails.ts';
import { ENDING_WORDS } from './ending-words.ts';
import type { Ending } from './endings.ts';
import { headlineOf } from './event-types.ts';
import type { Mailer } from './mail.ts';
import { type MailBrand, renderMail, unlinked, utc } from './mail-page.tsx';
import { dashboardPageOf, type Message, messageOf, newMessage } from './message.ts';
import { type NewNotice, type Notice, type Notices, type NoticeText, noticeId } from './notices.ts';

export interface People {
  /** A change, for those who want to hear of changes. */
  hear(event: AuditEvent): Promise<void>;
  findingsChanged(change: FindingChange): Promise<void>;
  endingDue(ending: Ending, daysLeft: number, stageDays: number): Promise<void>;
  /** Asks all confirmed contacts of an organization, once for each subject and stage. */
  invite(invitation: Invitation): Promise<void>;
  /** The latest notices that reached a contact of an organization. */
  told(organizationId: string): Promise<ToldNotice[]>;
  /** Spreads what a crash left. */
  recover(): Promise<void>;
  /** The email that asks whether an address is right; throws where it could not be sent. */
  askToConfirm(contact: { id: string; name: string; email: string; scope: string }, secret: string): Promise<void>;
}

/** What contacts are asked to do, with a way into the portal. */
export interface Invitation {
  organizationId: string;
  subject: string;
  stage: string;
  words: NoticeText;
  data: Record<string, unknown>;
}

export interface ToldNotice extends Notice {
  /** Names of contacts, in the order in which they were told. */
  recipients: string[];
}

const TOLD_SHOWN = 10;
/** Notices looked at for those that reached somebody; deliveries are kept for 30 days. */
const TOLD_READ = 50;
/** Things that can wait are gathered for a minute before the first email. */
const GATHER_MS = 60_000;
/** What goes on and off is told where it lasts as long as this. */
const HELD_MS = HOUR_MS;
/** So many recoveries within a day show that it goes on and off. */
const ON_AND_OFF = 2;
const DIGEST_PARTS = 200;
const RECOVERED = 100;
const FAILURES_READ = 50;
const EVERYBODY_DAYS = 7;
const VENDOR_DAYS = 1;

export function createPeople(deps: {
  audit: Audit;
  clock: Clock;
  log: Log;
  organizations: Pick<Organizations, 'find'>;
  directories: Pick<Directories, 'find'>;
  contacts: Contacts;
  notices: Notices;
  deliveries: Deliveries;
  emails: Emails;
  mailer: Mailer | undefined;
  brand: MailBrand;
  publicUrl: string;
  spoken: (directory: Directory) => Spoken;
  /** Whether requests of the directory are accepted now, as far as we see. */
  isWorking: (directory: Directory) => Promise<boolean>;
  /** Tells webhooks as well. */
  spread: (message: Message, subject: { organizationId?: string; directoryId?: string }) => Promise<void>;
  nudge: () => void;
}): People {
  const {
    clock,
    log,
    organizations,
    directories,
    contacts,
    notices,
    deliveries,
    emails,
    mailer,
    brand,
    publicUrl,
    spread,
  } = deps;

  async function tell(given: NewNotice): Promise<void> {
    const notice = await notices.add(given);
    // Another instance has it, or it was told before.
    if (notice) await spreadNotice(notice);
  }

  /** May run again for the same notice: each delivery is made once. */
  async function spreadNotice(notice: Notice): Promise<void> {
    const { id, type, createdAt, organizationId, directoryId, data, kind } = notice;
    if (kind !== 'changes' && notice.audience.after === undefined) {
      const at = createdAt.getTime() * 1000;
      // Webhooks are the vendor's.
      const { title, text } = notice.vendorWords ?? notice.words;
      const subject = {
        ...(organizationId !== undefined && { organizationId }),
        ...(directoryId !== undefined && { directoryId }),
      };
      await spread(
        newMessage({
          id,
          type,
          at: createdAt,
          data: { ...data, title, text, url: dashboardPageOf(publicUrl, subject) },
          sequence: at,
          ...subject,
        }),
        subject,
      );
    }
    if (mailer) {
      const mail = {
        targetKind: 'mail' as const,
        eventId: id,
        type,
        organizationId,
        directoryId,
        message: emails.messageOf(notice),
        ...(kind === 'failing' && notice.isUrgent && { rank: 'first' as const }),
        ...(!notice.isUrgent && { dueAt: new Date(clock.now().getTime() + (notice.isHeld ? HELD_MS : GATHER_MS)) }),
      };
      const recipients = await recipientsOf(notice);
      await Promise.all(recipients.map(({ id: targetId }) => deliveries.add({ ...mail, targetId })));
    }
    await notices.noteSpread(id);
    // The others wait for the next round: there may be many of them, and nobody is cut off meanwhile.
    if (mailer && kind === 'failing') deps.nudge();
  }

  async function recipientsOf({ organizationId, kind, audience }: Notice): Promise<Recipient[]> {
    const { after, nobody = false, ...wanted } = audience;
    if (nobody) return [];
    if (after === undefined) return contacts.recipients({ organizationId, kind, ...wanted });
    const told = new Map<string, Recipient>();
    for (const eventId of after) {
      const { items } = await deliveries.page({ eventId, limit: DIGEST_PARTS });
      for (const { id, targetId, targetKind, state } of items) {
        if (targetKind !== 'mail') continue;
        const recipient = await contacts.findRecipient(targetId);
        // It ended before they heard of it, so they need not hear of either; unless that is on its way already.
        const isTold =
          state === 'delivered' ||
          (state === 'pending' && !(await deliveries.withdraw(id, 'it ended before it could be sent')));
        if (isTold && recipient) told.set(targetId, recipient);
      }
    }
    return [...told.values()];
  }

  async function placeOf(directory: Directory): Promise<[string, string][]> {
    const organization = await organizations.find(directory.organizationId);
    return [
      ['Directory', directory.name],
      ['Organization', organization?.name ?? directory.organizationId],
    ];
  }

  /** As subjects go: without a period, and after the place unless the sentence names it. */
  function titleOf(sentence: string, places: readonly [string, string][]): string {
    const title = sentence.replace(/\.$/, '');
    const where = places.map(([, name]) => name).filter((name) => !title.includes(name));
    return where.length === 0 ? title : `${[...new Set(where)].join(', ')}: ${title}`;
  }

  function audienceOf({ actor }: Finding) {
    return actor === 'vendor' ? { vendorOnly: true } : {};
  }

  /** What can be told of as one thing that is wrong. Ends ahead have stages of their own; the rest is on the pages. */
  const isWorth = ({ severity, code }: Finding) =>
    CODES[code].group !== 'coming' &&
    (severity === 'failing' || severity === 'degraded' || code === 'quiet_for_longer_than_ever');

  const openStage = ({ code, since }: Finding) => `${code} ${since} opened`;

  /**
   * How often it worked again within the last day, and whether it did within the hour. What breaks and heals within the hour is told in the
   * digest: at once would be a flood. A SCIM server that fails after the identity provider's mistakes were fixed is news all the same.
   */
  function recoveriesOf(told: readonly Notice[], code: unknown): { inDay: number; isRestless: boolean } {
    const alike = new Set(told.filter(({ data }) => isUpstream(data['code']) === isUpstream(code)).map(({ id }) => id));
    const ages = told
      .filter(({ audience: { after = [] } }) => after.some((id) => alike.has(id)))
      .map(({ createdAt }) => clock.now().getTime() - createdAt.getTime());
    return { inDay: ages.filter((age) => age < DAY_MS).length, isRestless: ages.some((age) => age < HOUR_MS) };
  }

  const latestFailures = async (directoryId: string) =>
    (await notices.page({ directoryId, kind: 'failing', limit: FAILURES_READ })).items;

  async function findingOpened(directory: Directory, finding: Finding): Promise<void> {
    const { id: directoryId, organizationId } = directory;
    const places = await placeOf(directory);
    const { inDay: earlier, isRestless } = recoveriesOf(await latestFailures(directoryId), finding.code);
    const isHeld = earlier >= ON_AND_OFF;
    const wordsFor = (audience: 'operator' | 'it_contact') => {
      const reader = { audience, vendor: brand.name, isAway: true } as const;
      const { lead, rest, steps, value } = wordsOf(finding, deps.spoken(directory), reader);
      const rows: [string, string][] = [
        ...places,
        ['Since', utc(new Date(finding.since))],
        ...(audience === 'operator' && finding.actor === 'it_contact' ? [THEIRS] : []),
        ...(earlier > 0 ? [['On and off', onAndOff(earlier)] as [string, string]] : []),
      ];
      return {
        title: titleOf(lead, places),
        lead,
        text: plain(rest),
        rows,
        ...(value && { value: [value.label, value.value] as [string, string] }),
        steps: steps.map(plain),
      };
    };
    await tell({
      kind: 'failing',
      isUrgent: !isHeld && !isRestless,
      ...(isHeld && { isHeld }),
      type: 'dsync.finding.opened',
      subject: directoryId,
      stage: openStage(finding),
      organizationId,
      directoryId,
      ...(finding.actor === 'vendor'
        ? { words: wordsFor('operator') }
        : { words: wordsFor('it_contact'), vendorWords: wordsFor('operator') }),
      data: dataOf(finding),
      audience: audienceOf(finding),
    });
  }

  /** For software: people hear when requests are accepted again. */
  async function findingClosed(directory: Directory, finding: Finding): Promise<void> {
    const { id: directoryId, organizationId } = directory;
    // What was never told has no end to tell.
    const opened = await notices.find(noticeId('dsync.finding.opened', directoryId, openStage(finding)));
    if (!opened) return;
    const now = clock.now();
    const reader = { audience: 'operator', vendor: brand.name, isAway: true } as const;
    const { lead = wordsOf(finding, deps.spoken(directory), reader).lead } = opened.vendorWords ?? opened.words;
    await tell({
      kind: 'failing',
      isUrgent: true,
      type: 'dsync.finding.closed',
      subject: directoryId,
      stage: `${finding.code} ${finding.since} closed`,
      organizationId,
      directoryId,
      words: {
        title: titleOf('A problem was resolved.', await placeOf(directory)),
        text: `It was: ${lead}`,
        rows: [],
        steps: [],
      },
      data: { ...dataOf(finding), closed_at: now.toISOString() },
      audience: { nobody: true },
    });
  }

  /** People who heard that it broke hear once that it works again. */
  async function recovered(directory: Directory): Promise<void> {
    const { id: directoryId, organizationId } = directory;
    const items = await latestFailures(directoryId);
    const latest = items.findIndex(({ audience }) => audience.after !== undefined);
    const opened = items
      .slice(0, latest === -1 ? items.length : latest)
      .filter(({ type }) => type === 'dsync.finding.opened');
    const [last] = opened;
    const first = opened.at(-1);
    if (!last || !first) return;
    const now = clock.now();
    const places = await placeOf(directory);
    await tell({
      kind: 'failing',
      isUrgent: !recoveriesOf(items, last.data['code']).isRestless,
      type: 'dsync.finding.closed',
      subject: directoryId,
      stage: `works again after ${last.id}`,
      organizationId,
      directoryId,
      words: {
        title: titleOf('Provisioning works again.', places),
        text: 'The problem that we emailed you about is resolved.',
        rows: [...places, ['From', utc(first.createdAt)], ['Until', utc(now)]],
        steps: [],
      },
      data: {},
      audience: { after: opened.map(({ id }) => id) },
    });
  }

  return {
    async hear(event) {
      const message = messageOf(event);
      if (!message || !mailer) return;
      const { organizationId, directoryId, actor } = event;
      const told = await contacts.recipients({ organizationId, kind: 'changes' });
      if (told.length === 0) return;
      const directory = directoryId === undefined ? undefined : await directories.find(directoryId);
      const organization = organizationId === undefined ? undefined : await organizations.find(organizationId);
      const where: [string, string][] = directory
        ? await placeOf(directory)
        : organization
          ? [['Organization', organization.name]]
          : [];
      await tell({
        kind: 'changes',
        // Somebody must look at once when nothing can be told any more.
        isUrgent: event.type === 'webhook.disabled',
        type: message.type,
        subject: event.id,
        stage: '',
        ...(organizationId !== undefined && { organizationId }),
        ...(directoryId !== undefined && { directoryId }),
        words: {
          title: titleOf(headlineOf(message.type), where),
          text: '',
          rows: [...where, ['By', actor.type === 'system' ? brand.name : actor.name], ['When', utc(event.at)]],
          steps: [],
        },
        data: message.data,
        audience: {},
      });
    },

    async findingsChanged({ directoryId, began, ended }) {
      const directory = await directories.find(directoryId);
      if (!directory) return;
      const goesOn = new Set(began.map(({ code }) => code));
      for (const finding of began) if (isWorth(finding)) await findingOpened(directory, finding);
      for (const finding of ended) if (!goesOn.has(finding.code)) await findingClosed(directory, finding);
      if (await deps.isWorking(directory)) await recovered(directory);
    },

    async endingDue(ending, daysLeft, stageDays) {
      const { id, kind, endsAt, name, organizationId, directoryId } = ending;
      const directory = directoryId === undefined ? undefined : await directories.find(directoryId);
      const what = ENDING_WORDS[kind];
      const left = daysLeft === 1 ? 'in 1 day' : `in ${daysLeft} days`;
      const places = directory ? await placeOf(directory) : [];
      const isVendors = organizationId === undefined || kind === 'api_key' || kind === 'portal_link';
      await tell({
        kind: 'ending',
        isUrgent: stageDays <= EVERYBODY_DAYS,
        type: 'credential.expiring',
        subject: id,
        stage: `${endsAt.toISOString()} ${stageDays}`,
        ...(organizationId !== undefined && { organizationId }),
        ...(directoryId !== undefined && { directoryId }),
        words: {
          title: titleOf(`${what.name} (${name}) expires ${left}`, places),
          text: what.after,
          rows: [...places, [what.name, name], ['Expires', utc(endsAt)]],
          steps: what.steps,
        },
        endsAt,
        data: { object: 'ending', id, ends: kind, name, ends_at: endsAt.toISOString(), days_left: daysLeft },
        audience: {
          ...(stageDays <= EVERYBODY_DAYS && { everybody: true }),
          ...(stageDays <= VENDOR_DAYS && { vendor: true }),
          ...(isVendors && { vendorOnly: true, vendor: true }),
        },
      });
    },

    invite: ({ organizationId, subject, stage, words, data }) =>
      tell({
        kind: 'ending',
        isUrgent: true,
        isInvitation: true,
        type: 'campaign.asked',
        subject,
        stage,
        organizationId,
        words,
        data,
        audience: { everybody: true },
      }),
    async told(organizationId) {
      const [{ items: recent }, { items: known }] = await Promise.all([
        notices.page({ organizationId, limit: TOLD_READ }),
        contacts.page({ scope: organizationId, limit: DIGEST_PARTS }),
      ]);
      const names = new Map(known.map(({ id, name }) => [id, name]));
      const found: ToldNotice[] = [];
      for (const notice of names.size === 0 ? [] : recent) {
        if (notice.audience.nobody) continue;
        const { items } = await deliveries.page({ eventId: notice.id, state: 'delivered', limit: DIGEST_PARTS });
        const recipients = items.flatMap(({ targetId }) => names.get(targetId) ?? []);
        if (recipients.length > 0) found.push({ ...notice, recipients });
        if (found.length === TOLD_SHOWN) break;
      }
      return found;
    },

    async recover() {
      for (const notice of await notices.unspread(RECOVERED)) await spreadNotice(notice);
    },

    async askToConfirm({ id, name, email, scope }, secret) {
      if (!mailer) return;
      const organization = scope === VENDOR_SCOPE ? undefined : await organizations.find(scope);
      const page = {
        title: 'Do you want to be notified about problems?',
        paragraphs: [
          organization
            ? `You were added as a contact for ${unlinked(organization.name)}. We will email you when its identity provider can't reach ${brand.name}, and before something expires.`
            : `You were added as a contact at ${brand.name}. We will email you when requests from a customer's identity provider are being refused, and before something expires.`,
        ],
        rows: [],
        steps: [],
        button: { name: 'Yes, notify me', url: `${publicUrl}/portal/contact/${secret}` },
        remark: "If you didn't expect this, ignore it. You won't get notices unless you confirm.",
      };
      const outcome = await mailer.send({
        to: { name, address: email },
        subject: `[${brand.name}] Confirm your email address`,
        ...renderMail(page, brand),
        messageId: `${id}_${clock.now().getTime()}`,
      });
      if (!outcome.isSent)
        log.warn({ contactId: id, reason: outcome.reason }, 'an email that asks for a confirmation could not be sent');
    },
  };
}

/** The steps are the customer's, so the vendor need not get up at night. */
const THEIRS: [string, string] = ['Who fixes it', "The customer's IT contact"];

function isUpstream(code: unknown): boolean {
  return typeof code === 'string' && Object.hasOwn(CODES, code) && CODES[code as Code].group === 'upstream';
}

function onAndOff(earlier: number): string {
  return `It also failed ${counted(earlier, 'time')} earlier in the last 24 hours. While it comes and goes, we email you only about failures that last an hour.`;
}

function dataOf({ code, severity, since, certainty, actor }: Finding): Record<string, unknown> {
  return { object: 'finding', id: null, code, severity, since, certainty, fixed_by: actor };
}
