/** People who are told: of one organization, or of the vendor. Until they confirm their address, they get nothing but the email that asks them to. */
import { type Attribution, type Audit, actorShape, outboxShape, SYSTEM } from '../audit/index.ts';
import { type Clock, DAY_MS, HOUR_MS } from '../clock.ts';
import { digestOf } from '../credentials/index.ts';
import { AppError } from '../errors.ts';
import { newId, type Random, randomText } from '../identifiers.ts';
import type { Operators } from '../operators/index.ts';
import { isDuplicate, type Page, type Storage, type Stored } from '../storage/index.ts';
import type { Confirmations } from './confirmations.ts';

export const NOTICE_KINDS = ['failing', 'ending', 'changes'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** The scope of the vendor's own contacts: they hear of all organizations. */
export const VENDOR_SCOPE = 'vendor';

const shape = {
  /** An organization's ID, or `vendor`. */
  scope: 'string',
  /** Scope and address, so that nobody is listed twice. */
  address: 'string',
  name: 'string',
  email: 'string',
  kinds: 'strings',
  /** Of the link in the email that asks for the confirmation. */
  'confirmDigest?': 'string',
  'confirmUntil?': 'date',
  'confirmedAt?': 'date',
  /** When the mail server refused the address for good. */
  'bouncedAt?': 'date',
  'bounceReason?': 'string',
  /** When it was last sent an email of things that can wait. */
  'digestAt?': 'date',
  createdAt: 'date',
  createdBy: actorShape,
  ...outboxShape,
} as const;

export type Contact = Stored<typeof shape>;

/** Somebody who can be sent an email. */
export interface Recipient {
  id: string;
  name: string;
  email: string;
  /** An owner of the vendor, told because nobody else is there to be told. */
  isFallback?: true;
}

export interface Contacts {
  /** `secret`: for the link that confirms. Throws invalid_request, contact_exists, contacts_full, confirmations_limited. */
  create(
    input: { scope: string; name: string; email: string; kinds?: readonly NoticeKind[] | undefined },
    attribution: Attribution,
  ): Promise<{ contact: Contact; secret: string }>;
  find(id: string): Promise<Contact | undefined>;
  /** Throws not_found. */
  get(id: string): Promise<Contact>;
  page(query: { scope?: string | undefined; after?: string | undefined; limit: number }): Promise<Page<Contact>>;
  /** Throws not_found. */
  change(
    id: string,
    changes: { name?: string | undefined; kinds?: readonly NoticeKind[] | undefined },
    attribution: Attribution,
  ): Promise<Contact>;
  /** A new link; the one before it ends. Throws not_found, confirmations_limited. */
  renew(id: string, attribution: Attribution): Promise<{ contact: Contact; secret: string }>;
  /** Who a link is for; undefined when it is unknown or has ended. */
  look(secret: string): Promise<Contact | undefined>;
  confirm(secret: string, origin: { address: string; requestId: string }): Promise<Contact | undefined>;
  remove(id: string, attribution: Attribution): Promise<void>;
  noteBounce(id: string, reason: string): Promise<void>;
  /** Takes the hour for one digest; undefined where it is taken, with the time from which there is another. */
  takeDigest(id: string): Promise<{ isTaken: true } | { isTaken: false; until: Date }>;
  /** `everybody`: whatever kinds they chose. `vendor`: the vendor's as well. */
  recipients(query: {
    organizationId: string | undefined;
    kind: NoticeKind;
    everybody?: boolean;
    vendor?: boolean;
    /** Only the vendor's. */
    vendorOnly?: boolean;
  }): Promise<Recipient[]>;
  findRecipient(id: string): Promise<Recipient | undefined>;
}

const MOST_CONTACTS = 50;
/** An hour, of one organization. The vendor, who sets up all at once, may ask as many as there can be. */
const MOST_CONFIRMATIONS = 10;
/** Of those that are added at the same moment, each may find the last place free; no more than are asked to confirm in an hour. */
const MOST_READ = MOST_CONTACTS + Math.max(MOST_CONTACTS, MOST_CONFIRMATIONS);
const CONFIRM_MS = 7 * DAY_MS;
const SECRET_LENGTH = 43;
const DIGEST_MS = HOUR_MS;
const OWNERS_READ = 200;

export function createContacts(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  operators: Pick<Operators, 'page' | 'find'>;
  confirmations: Confirmations;
}): Contacts {
  const { storage, audit, clock, random, operators, confirmations } = deps;
  const contacts = audit.track(
    'contacts',
    storage.collection({
      name: 'contacts',
      shape,
      keys: { scope: 'index', address: 'unique', confirmDigest: 'unique', outboxAt: 'index' },
      order: 'createdAt',
    }),
  );

  async function get(id: string): Promise<Contact> {
    const contact = await contacts.find(id);
    if (!contact) throw absent(id);
    return contact;
  }

  const subjectOf = ({ scope }: Contact) => ({ organizationId: scope === VENDOR_SCOPE ? undefined : scope });
  const event = (
    type: 'contact.created' | 'contact.updated' | 'contact.confirmed' | 'contact.bounced' | 'contact.deleted',
    contact: Contact,
    attribution: Attribution,
  ) =>
    audit.event(type, attribution, subjectOf(contact), {
      contactId: contact.id,
      name: contact.name,
      email: contact.email,
    });

  const takeConfirmation = (scope: string, email: string, { actor }: Attribution) =>
    confirmations.take({
      scope,
      email,
      most: scope === VENDOR_SCOPE ? MOST_CONTACTS : MOST_CONFIRMATIONS,
      isFromPortal: actor.type === 'it_contact',
    });

  function newLink() {
    const secret = `lkc_${randomText(SECRET_LENGTH, random)}`;
    return {
      secret,
      kept: { confirmDigest: digestOf(secret), confirmUntil: new Date(clock.now().getTime() + CONFIRM_MS) },
    };
  }

  async function look(secret: string): Promise<Contact | undefined> {
    const found = await contacts.findBy('confirmDigest', digestOf(secret));
    return found?.confirmUntil !== undefined && found.confirmUntil > clock.now() ? found : undefined;
  }

  async function of(scope: string): Promise<Contact[]> {
    const { items } = await contacts.page({ where: { scope }, limit: MOST_READ });
    return items.filter(({ confirmedAt, bouncedAt }) => confirmedAt !== undefined && bouncedAt === undefined);
  }

  async function owners(): Promise<Recipient[]> {
    const { items } = await operators.page({ limit: OWNERS_READ });
    return items
      .filter(({ role, disabledAt }) => role === 'owner' && disabledAt === undefined)
      .flatMap(({ id, name, email }) => (email === undefined ? [] : [{ id, name, email, isFallback: true as const }]));
  }

  return {
    async create({ scope, name, email: given, kinds = NOTICE_KINDS }, attribution) {
      const email = emailOf(given);
      if ((await contacts.count({ scope })) >= MOST_CONTACTS)
        throw new AppError('contacts_full', { most: MOST_CONTACTS });
      const address = `${scope} ${email}`;
      if (await contacts.findBy('address', address)) throw new AppError('contact_exists', { email });
      await takeConfirmation(scope, email, attribution);
      const { secret, kept } = newLink();
      const contact: Contact = {
        id: newId('contact', random),
        scope,
        address,
        name,
        email,
        kinds: [...kinds],
        ...kept,
        createdAt: clock.now(),
        createdBy: attribution.actor,
      };
      try {
        await contacts.insert(contact, [event('contact.created', contact, attribution)]);
      } catch (error) {
        if (isDuplicate(error, 'address')) throw new AppError('contact_exists', { email }, { cause: error });
        throw error;
      }
      return { contact, secret };
    },

    find: (id) => contacts.find(id),
    get,
    page: ({ scope, after, limit }) => contacts.page({ where: { scope }, after, limit }),

    async change(id, { name, kinds }, attribution) {
      const result = await contacts.update(id, (record) => {
        const next = { ...record, name: name ?? record.name, kinds: [...(kinds ?? record.kinds)] };
        if (next.name === record.name && next.kinds.join() === record.kinds.join()) return undefined;
        return { record: next, events: [event('contact.updated', next, attribution)] };
      });
      if (!result) throw absent(id);
      return result.after;
    },

    async renew(id, attribution) {
      const { scope, email } = await get(id);
      await takeConfirmation(scope, email, attribution);
      const { secret, kept } = newLink();
      const result = await contacts.update(id, ({ bouncedAt: _at, bounceReason: _reason, ...record }) => ({
        record: { ...record, ...kept },
        events: [],
      }));
      if (!result) throw absent(id);
      return { contact: result.after, secret };
    },

    look,
    async confirm(secret, { address, requestId }) {
      const found = await look(secret);
      if (!found) return undefined;
      const result = await contacts.update(found.id, (record) => {
        if (record.confirmedAt) return undefined;
        const actor = { type: 'it_contact' as const, id: record.id, name: record.name };
        const confirmed = { ...record, confirmedAt: clock.now() };
        return {
          record: confirmed,
          events: [event('contact.confirmed', confirmed, { actor, source: 'portal', address, requestId })],
        };
      });
      return result?.after;
    },

    async remove(id, attribution) {
      const contact = await get(id);
      await contacts.remove(id, event('contact.deleted', contact, attribution));
    },

    async noteBounce(id, reason) {
      await contacts.update(id, (record) => {
        if (record.bouncedAt) return undefined;
        const bounced = { ...record, bouncedAt: clock.now(), bounceReason: reason };
        return { record: bounced, events: [event('contact.bounced', bounced, SYSTEM)] };
      });
    },

    async takeDigest(id) {
      const now = clock.now();
      const isFree = ({ digestAt }: Contact) =>
        // A time ahead of us was written by a clock that was wrong.
        digestAt === undefined || Math.abs(now.getTime() - digestAt.getTime()) >= DIGEST_MS;
      const result = await contacts.update(id, (record) =>
        isFree(record) ? { record: { ...record, digestAt: now }, events: [] } : undefined,
      );
      if (!result || result.after !== result.before) return { isTaken: true };
      return { isTaken: false, until: new Date((result.before.digestAt ?? now).getTime() + DIGEST_MS) };
    },

    async recipients({ organizationId, kind, everybody = false, vendor = false, vendorOnly = false }) {
      const own = organizationId === undefined || vendorOnly ? [] : await of(organizationId);
      const theirs = await of(VENDOR_SCOPE);
      const wants = ({ kinds }: Contact) => everybody || kinds.includes(kind);
      const told = [...own.filter(wants), ...theirs.filter(({ kinds }) => vendor || kinds.includes(kind))];
      // Somebody may be a contact of the customer and of the vendor, and hears of it once.
      const people = new Map(told.toReversed().map((contact) => [contact.email, asRecipient(contact)]));
      if (people.size > 0 || kind === 'changes') return [...people.values()].toReversed();
      return owners();
    },

    async findRecipient(id) {
      if (!id.startsWith('op_')) {
        const contact = await contacts.find(id);
        return contact?.confirmedAt && !contact.bouncedAt ? asRecipient(contact) : undefined;
      }
      const operator = await operators.find(id);
      if (operator?.email === undefined || operator.disabledAt) return undefined;
      return { id, name: operator.name, email: operator.email, isFallback: true };
    },
  };
}

function asRecipient({ id, name, email }: Contact): Recipient {
  return { id, name, email };
}

/** As it is kept and compared. Throws invalid_request. */
function emailOf(given: string): string {
  const email = given.trim().toLowerCase();
  if (/^[^\s@<>",;:\\()[\]]{1,64}@[a-z0-9.-]{1,190}$/.test(email)) return email;
  throw new AppError('invalid_request', {
    detail: 'The email address is not valid.',
    errors: [{ path: 'email', given: email.slice(0, 100), wanted: 'an address such as it-desk@example.com' }],
  });
}

function absent(id: string): AppError {
  return new AppError('not_found', { detail: `There is no contact ${id}.` });
}
