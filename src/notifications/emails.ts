/** How notices go out by email: alone, or several of one kind in one. */
import { SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Random } from '../identifiers.ts';
import type { PortalLinks } from '../one-time-links/index.ts';
import { type Contact, type Contacts, type Recipient, VENDOR_SCOPE } from './contacts.ts';
import type { Deliveries, Delivery, Settlement } from './deliveries.ts';
import type { Mail, Mailer } from './mail.ts';
import { calendarOf, type MailBrand, pageOf, renderMail } from './mail-page.tsx';
import { dashboardPageOf } from './message.ts';
import type { Notice, Notices } from './notices.ts';
import { pauseAfter } from './schedule.ts';
import type { Postponed } from './worker.ts';

export interface Emails {
  /** What is put into the queue for each recipient of a notice. */
  messageOf(notice: Notice): string;
  deliver(claimed: Delivery): Promise<Settlement | Postponed>;
}

interface Addressee {
  recipient: Recipient;
  contact: Contact | undefined;
}

/** Notices in one email. */
const MOST_GATHERED = 200;
/** How long one that goes out with another waits before it asks again. */
const FOLLOWED_MS = 600_000;
/** Another instance delivers it: what is said of a lost claim changes nothing. */
const LOST: Postponed = { postponeUntil: new Date(0) };

export function createEmails(deps: {
  clock: Clock;
  random: Random;
  portalLinks: Pick<PortalLinks, 'create' | 'revoke'>;
  contacts: Contacts;
  notices: Notices;
  deliveries: Deliveries;
  mailer: Mailer | undefined;
  brand: MailBrand;
  publicUrl: string;
}): Emails {
  const { clock, random, contacts, notices, deliveries, mailer, brand, publicUrl } = deps;

  /** To what all of them are about. */
  function linkOf(told: readonly Notice[], recipient: Recipient, scope: string) {
    const [kind, organizationId, directoryId] = (['kind', 'organizationId', 'directoryId'] as const).map((member) =>
      told.every((notice) => notice[member] === told[0]?.[member]) ? told[0]?.[member] : undefined,
    );
    if (recipient.isFallback || scope === VENDOR_SCOPE)
      return { name: 'Open in Latchkey', url: dashboardPageOf(publicUrl, { organizationId, directoryId }) };
    const name = kind === 'changes' ? 'See what changed' : 'See what to do';
    return { name, url: `${publicUrl}/portal${directoryId === undefined ? '' : `/directories/${directoryId}`}` };
  }

  /** A portal link for one contact; it ends where the email was not taken. */
  async function openWay({ scope, name }: Contact, { organizationId }: Notice) {
    if (organizationId === undefined || scope !== organizationId) return undefined;
    const { portalLink, secret } = await deps.portalLinks.create({ organizationId, contact: name }, SYSTEM);
    return {
      link: { name: 'Open the portal', url: `${publicUrl}/portal/enter/${secret}` },
      close: () => deps.portalLinks.revoke(portalLink.id, SYSTEM),
    };
  }

  async function send(
    { recipient, contact }: Addressee,
    told: readonly Notice[],
    { id: messageId, attempt: attempts }: Delivery,
  ): Promise<Settlement> {
    const at = clock.now();
    const startedAt = performance.now();
    const [first] = told;
    const attempt = (more: object = {}) => ({ at, ms: Math.round(performance.now() - startedAt), ...more });
    if (!mailer || !first)
      return { state: 'failed', attempt: attempt({ reason: mailer ? 'the notice has been deleted' : 'email is off' }) };
    const scope = contact?.scope ?? VENDOR_SCOPE;
    const remark = recipient.isFallback
      ? "You're getting this because you're an owner, and no contact has confirmed an email address."
      : `You're getting this because you're a contact. To change which notices you get, ${settingsOf(scope)}.`;
    const way = contact && first.isInvitation ? await openWay(contact, first) : undefined;
    const link = way?.link ?? linkOf(told, recipient, scope);
    const page = pageOf(scope === VENDOR_SCOPE ? told.map(asVendorReads) : told, link, remark);
    const { endsAt } = first;
    const mail: Mail = {
      to: { name: recipient.name, address: recipient.email },
      subject: `[${brand.name}] ${page.title}`,
      ...renderMail(page, brand),
      messageId,
      calendar: told.length === 1 && endsAt ? calendarOf(first, endsAt, at) : undefined,
      isBulk: !first.isUrgent,
    };
    const outcome = await mailer.send(mail);
    if (outcome.isSent) return { state: 'delivered', attempt: attempt({ status: 250 }) };
    await way?.close();
    const { status, reason, isFinal } = outcome;
    const facts = attempt({ ...(status !== undefined && { status }), reason });
    if (isFinal) {
      if (!recipient.isFallback) await contacts.noteBounce(recipient.id, reason);
      return { state: 'failed', attempt: facts };
    }
    const againMs = pauseAfter(attempts + 1, undefined, random);
    return againMs === undefined ? { state: 'failed', attempt: facts } : { state: 'pending', attempt: facts, againMs };
  }

  /**
   * What else waits for this contact and is of the same company goes into the same email. Each is claimed for it, so that it goes nowhere else.
   * Undefined where another instance delivers the leader by now.
   */
  async function gatherMates(leader: Delivery): Promise<string[] | undefined> {
    const company = companyIn(leader);
    const now = clock.now();
    const waiting = await deliveries.pendingOf(leader.targetId, MOST_GATHERED);
    const fit = waiting.filter(
      (other) =>
        other.id !== leader.id &&
        companyIn(other) === company &&
        // One that leads has an email of its own, which may have gone out before a crash; what follows it is told there.
        other.mates === undefined &&
        (other.leaderId === undefined || other.leaderId === leader.id) &&
        // What is tried again keeps its own time.
        (company === 'digest' || other.leaderId === leader.id || (other.dueAt !== undefined && other.dueAt <= now)),
    );
    const gathered = await Promise.all(
      fit.map(async (other) => {
        const mine = await deliveries.claim(other);
        return mine && (await deliveries.follow(mine, leader.id)) ? [other.id] : [];
      }),
    );
    const mates = gathered.flat();
    return (await deliveries.lead(leader, mates)) ? mates : undefined;
  }

  /**
   * Whether it goes out with the email that it follows. Only what that email lists is in it: its sender may have died, or lost it to another
   * email, before the list was written.
   */
  async function followLeader(claimed: Delivery, leaderId: string): Promise<Settlement | Postponed | undefined> {
    const leader = await deliveries.find(leaderId);
    const mayGather = leader?.state === 'pending' && leader.mates === undefined && leader.leaderId === undefined;
    const isIn = leader?.mates?.includes(claimed.id) ?? false;
    if (mayGather || (isIn && leader?.state === 'pending'))
      return { postponeUntil: new Date(clock.now().getTime() + FOLLOWED_MS) };
    const last = isIn ? leader?.attempts.at(-1) : undefined;
    return leader && last && { state: leader.state, attempt: last };
  }

  return {
    messageOf: (notice) =>
      JSON.stringify({ noticeId: notice.id, isUrgent: notice.isUrgent, company: companyOf(notice) }),

    async deliver(claimed) {
      const recipient = await contacts.findRecipient(claimed.targetId);
      if (!recipient) return unwanted();
      const contact = recipient.isFallback ? undefined : await contacts.find(recipient.id);
      if (claimed.leaderId !== undefined) {
        const outcome = await followLeader(claimed, claimed.leaderId);
        if (outcome) return outcome;
        if (!(await deliveries.follow(claimed, undefined))) return LOST;
      }
      if (!claimed.mates?.length && !(await look(claimed, contact)).isWanted) return unwanted();
      const company = companyIn(claimed);
      const isAlone = company === 'none' || (company === 'digest' && recipient.isFallback);
      if (company === 'digest' && !isAlone && !claimed.mates) {
        const taken = await contacts.takeDigest(recipient.id);
        if (!taken.isTaken) return { postponeUntil: taken.until };
      }
      const mates = isAlone ? [] : (claimed.mates ?? (await gatherMates(claimed)));
      if (!mates) return LOST;
      const kept = (await Promise.all(mates.map((id) => deliveries.find(id)))).filter((mate) => mate !== undefined);
      const group = await Promise.all([claimed, ...kept].map((delivery) => look(delivery, contact)));
      const told = group.filter(({ isWanted }) => isWanted).flatMap(({ notice }) => notice ?? []);
      const settlement = await send({ recipient, contact }, told, claimed);
      await Promise.all(
        group.slice(1).map(({ id, isWanted }) => deliveries.settleMate(id, isWanted ? settlement : unwanted())),
      );
      return settlement;
    },
  };

  /** They may have chosen other kinds since it was put into the queue. */
  async function look({ id, eventId }: Delivery, contact: Contact | undefined) {
    const notice = await notices.find(eventId);
    return { id, notice, isWanted: notice === undefined || contact === undefined || isToldTo(contact, notice) };
  }

  function unwanted(): Settlement {
    return {
      state: 'failed',
      attempt: { at: clock.now(), ms: 0, reason: 'the contact no longer gets these notices' },
    };
  }
}

function asVendorReads(notice: Notice): Notice {
  return notice.vendorWords ? { ...notice, words: notice.vendorWords } : notice;
}

function settingsOf(scope: string): string {
  return scope === VENDOR_SCOPE ? 'open Notifications in the dashboard' : 'ask for a portal link';
}

function isToldTo({ scope, kinds }: Contact, { kind, audience }: Notice): boolean {
  const isUrged = scope === VENDOR_SCOPE ? audience.vendor : audience.everybody;
  return isUrged === true || kinds.includes(kind);
}

/** What it may share an email with: nothing, other ends that are due, or whatever can wait for the hour. */
type Company = 'none' | 'endings' | 'digest';

function companyOf({ isUrgent, kind, isInvitation = false }: Notice): Company {
  if (!isUrgent) return 'digest';
  return kind === 'ending' && !isInvitation ? 'endings' : 'none';
}

function companyIn({ message }: Delivery): Company {
  const { company, isUrgent } = JSON.parse(message) as { company?: Company; isUrgent: boolean };
  // An earlier release wrote whether it was urgent, and no more.
  return company ?? (isUrgent ? 'none' : 'digest');
}
