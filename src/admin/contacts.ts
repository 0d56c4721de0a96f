import { z } from 'zod';
import { AppError } from '../errors.ts';
import { type Contact, NOTICE_KINDS, type Notice, type Notifications, VENDOR_SCOPE } from '../notifications/index.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Contacts';
const kinds = z
  .array(z.enum(NOTICE_KINDS))
  .max(NOTICE_KINDS.length)
  .describe('`failing`: something is wrong. `ending`: something expires soon. `changes`: at most one email an hour.');
const email = schemas.line.max(254);
const organizationFilter = z.string().max(100).optional();

const contactView = z
  .object({
    id: z.string(),
    organizationId: z.string().nullable().describe('null: a contact at the vendor, for all organizations.'),
    name: z.string(),
    email: z.string(),
    kinds: z.array(z.enum(NOTICE_KINDS)),
    state: z.enum(['unconfirmed', 'confirmed', 'bounced']),
    confirmedAt: schemas.shownTime.nullable(),
    bouncedAt: schemas.shownTime.nullable(),
    createdAt: schemas.shownTime,
    createdBy: schemas.actorView,
  })
  .meta({ id: 'Contact' });

function viewContact({ id, scope, name, email: address, kinds: wanted, createdAt, createdBy, ...contact }: Contact) {
  const { confirmedAt, bouncedAt } = contact;
  return {
    id,
    organizationId: scope === VENDOR_SCOPE ? null : scope,
    name,
    email: address,
    kinds: wanted,
    state: bouncedAt ? 'bounced' : confirmedAt ? 'confirmed' : 'unconfirmed',
    confirmedAt: confirmedAt ?? null,
    bouncedAt: bouncedAt ?? null,
    createdAt,
    createdBy: schemas.viewActor(createdBy),
  };
}

const noticeView = z
  .object({
    id: z.string(),
    kind: z.enum(NOTICE_KINDS),
    type: z.string(),
    organizationId: z.string().nullable(),
    directoryId: z.string().nullable(),
    title: z.string(),
    text: z.string(),
    data: z.record(z.string(), z.unknown()),
    createdAt: schemas.shownTime,
  })
  .meta({ id: 'Notice' });

function viewNotice({ id, kind, type, organizationId, directoryId, words, data, createdAt }: Notice) {
  const { title, text } = words;
  return {
    id,
    kind,
    type,
    organizationId: organizationId ?? null,
    directoryId: directoryId ?? null,
    title,
    text,
    data,
    createdAt,
  };
}

export function contactOperations({ notifications }: { notifications: Notifications }): Operation[] {
  const { contacts, notices } = notifications;
  /** The vendor's own contacts are nobody else's to see. */
  async function visible(caller: Caller, id: string): Promise<Contact> {
    const contact = await contacts.get(id);
    assertVisible(caller, contact.scope, `contact ${id}`);
    return contact;
  }
  return [
    operation({
      method: 'post',
      path: '/contacts',
      tag,
      summary: 'Add a contact, and ask them by email to confirm',
      action: 'contacts.change',
      body: z.strictObject({
        organizationId: z.string().max(100).nullable().optional().describe('null or absent: a contact at the vendor.'),
        name: schemas.name,
        email,
        kinds: kinds.optional().describe('Default: all.'),
      }),
      status: 201,
      answer: contactView,
      errors: ['not_found', 'contact_exists', 'contacts_full', 'confirmations_limited', 'mail_off'],
      async handle({ body: { organizationId: given, ...body }, caller, attribution }) {
        const organizationId = given ?? caller.organizationId;
        if (organizationId !== undefined) assertVisible(caller, organizationId, `organization ${organizationId}`);
        const contact = await notifications.addContact({ ...body, scope: organizationId ?? VENDOR_SCOPE }, attribution);
        return { body: viewContact(contact) };
      },
    }),
    operation({
      method: 'get',
      path: '/contacts',
      tag,
      summary: 'List contacts',
      action: 'contacts.read',
      query: z.strictObject({
        ...schemas.paging,
        organizationId: organizationFilter.describe('`vendor`: contacts at the vendor.'),
      }),
      status: 200,
      answer: schemas.listOf(contactView),
      errors: ['invalid_cursor'],
      async handle({ query: { organizationId, ...query }, caller }) {
        const scope = organizationId ?? caller.organizationId;
        if (scope !== undefined) assertVisible(caller, scope, `organization ${scope}`);
        const { items, nextCursor } = await contacts.page({ ...query, scope });
        return { body: { items: items.map(viewContact), nextCursor } };
      },
    }),
    operation({
      method: 'patch',
      path: '/contacts/:id',
      tag,
      summary: "Change a contact's name, or which notices they get",
      action: 'contacts.change',
      body: z.strictObject({ name: schemas.name.optional(), kinds: kinds.optional() }),
      status: 200,
      answer: contactView,
      errors: ['not_found'],
      async handle({ id, body, caller, attribution }) {
        await visible(caller, id);
        return { body: viewContact(await contacts.change(id, body, attribution)) };
      },
    }),
    operation({
      method: 'post',
      path: '/contacts/:id/ask-again',
      tag,
      summary: 'Send the confirmation email again',
      action: 'contacts.change',
      status: 200,
      answer: contactView,
      errors: ['not_found', 'confirmations_limited', 'mail_off'],
      async handle({ id, caller, attribution }) {
        await visible(caller, id);
        return { body: viewContact(await notifications.askAgain(id, attribution)) };
      },
    }),
    operation({
      method: 'delete',
      path: '/contacts/:id',
      tag,
      summary: 'Remove a contact',
      action: 'contacts.change',
      status: 204,
      errors: ['not_found'],
      async handle({ id, caller, attribution }) {
        await visible(caller, id);
        await contacts.remove(id, attribution);
        return {};
      },
    }),
    operation({
      method: 'get',
      path: '/notices',
      tag,
      summary: 'List sent notices, latest first',
      action: 'contacts.read',
      query: z.strictObject({
        ...schemas.paging,
        organizationId: organizationFilter,
        directoryId: organizationFilter,
        kind: z.enum(NOTICE_KINDS).optional(),
      }),
      status: 200,
      answer: schemas.listOf(noticeView),
      errors: ['invalid_cursor'],
      async handle({ query, caller }) {
        const organizationId = query.organizationId ?? caller.organizationId;
        if (organizationId !== undefined) assertVisible(caller, organizationId, `organization ${organizationId}`);
        const { items, nextCursor } = await notices.page({ ...query, organizationId });
        return { body: { items: items.map(viewNotice), nextCursor } };
      },
    }),
    operation({
      method: 'patch',
      path: '/organizations/:id/notification-settings',
      tag,
      summary: 'Set how many days before an expiration the contacts are notified',
      action: 'contacts.change',
      body: z.strictObject({
        endingDays: z.array(z.number().int().min(1).max(365)).min(1).max(10).describe('Default: 30, 14, 7 and 1.'),
      }),
      status: 200,
      answer: z.object({ endingDays: z.array(z.number()) }),
      errors: ['not_found'],
      async handle({ id, body, caller }) {
        assertVisible(caller, id, `organization ${id}`);
        if (!(await notifications.hasOrganization(id)))
          throw new AppError('not_found', { detail: `There is no organization ${id}.` });
        await notifications.settings.setDays(id, body.endingDays);
        return { body: { endingDays: [...(await notifications.settings.daysOf(id))] } };
      },
    }),
  ];
}
