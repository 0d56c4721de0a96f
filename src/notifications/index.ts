/**
 * TELLS. Whoever can do something about it hears of each change and each finding: software by webhooks, people by email and chat. The audit's
 * outbox is the source, so what was acknowledged is told; a queue in the store delivers it at least once, whatever is killed.
 */
import { type Attribution, type Audit, type AuditEvent, SYSTEM } from '../audit/index.ts';
import { type Clock, DAY_MS } from '../clock.ts';
import type { ApiKeys, Credentials } from '../credentials/index.ts';
import type { Diagnoses, FindingChange } from '../diagnosis/index.ts';
import type { Directories, Directory, Organizations, UpstreamPolicy } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import type { Transport } from '../gateway/index.ts';
import { newId, type Random, toBase62 } from '../identifiers.ts';
import type { Log } from '../log.ts';
import type { Clients } from '../oauth/index.ts';
import type { PortalLinks } from '../one-time-links/index.ts';
import type { Operators } from '../operators/index.ts';
import type { Storage } from '../storage/index.ts';
import { chatTextOf, slackBody, teamsBody } from './chat.ts';
import { createConfirmations } from './confirmations.ts';
import { type Contact, type Contacts, createContacts, type NoticeKind } from './contacts.ts';
import { curlOf } from './curl.ts';
import { createDeliveries, type Deliveries, type Delivery, type Settlement } from './deliveries.ts';
import { createEmails } from './emails.ts';
import { createEndingSeeds } from './ending-seeds.ts';
import { createEndings, type Ending, type Endings } from './endings.ts';
import { createEndpoints, type Endpoint, type Endpoints } from './endpoints.ts';
import { isTold } from './event-types.ts';
import { createLeftovers } from './leftovers.ts';
import { CONNECTIONS, createMailer, type Mailer } from './mail.ts';
import type { MailBrand } from './mail-page.tsx';
import { type Message, messageOf, newMessage, sequenceOf } from './message.ts';
import { createNotices, type Notices } from './notices.ts';
import { createPace } from './pace.ts';
import { createPeople, type People, type ToldNotice } from './people.ts';
import { createPost, type PostRequest } from './post.ts';
import { pauseAfter, retryAfterMs } from './schedule.ts';
import { createSettings, type Settings } from './settings.ts';
import { signedHeaders } from './signing.ts';
import { createWorker } from './worker.ts';

export { type Contact, type Contacts, NOTICE_KINDS, type NoticeKind, VENDOR_SCOPE } from './contacts.ts';
export type { Deliveries, Delivery, DeliveryAttempt, DeliveryState } from './deliveries.ts';
export type { Ending } from './endings.ts';
export { ENDPOINT_KINDS, type Endpoint, type EndpointKind, type Endpoints, TARGET_KINDS } from './endpoints.ts';
export { isEventFilter, WEBHOOK_EVENT_TYPES, WEBHOOK_EVENTS, type WebhookEventType } from './event-types.ts';
export { createMailer } from './mail.ts';
export { renderMail } from './mail-page.tsx';
export { MESSAGE_SCHEMA, MESSAGE_VERSION, type Message } from './message.ts';
export type { Notice } from './notices.ts';
export type { Invitation, ToldNotice } from './people.ts';
export { MOST_ATTEMPTS } from './schedule.ts';

export interface Notifications {
  endpoints: Endpoints;
  deliveries: Deliveries;
  contacts: Pick<Contacts, 'get' | 'page' | 'change' | 'remove' | 'look' | 'confirm'>;
  notices: Pick<Notices, 'page'>;
  settings: Settings;
  /** Whether email can be sent. */
  isMailOn: boolean;
  /** Asks the new contact to confirm. Throws invalid_request, contact_exists, contacts_full, confirmations_limited, mail_off. */
  addContact(
    input: { scope: string; name: string; email: string; kinds?: readonly NoticeKind[] | undefined },
    attribution: Attribution,
  ): Promise<Contact>;
  /** Asks again. Throws not_found, confirmations_limited, mail_off. */
  askAgain(contactId: string, attribution: Attribution): Promise<Contact>;
  hasOrganization(id: string): Promise<boolean>;
  /** What ends next in an organization, soonest first, as far ahead as its people are told. */
  endingSoon(organizationId: string, limit: number): Promise<{ endings: Ending[]; days: number }>;
  /** The latest notices that reached a contact of the organization, by the names of those whom they reached. */
  told(organizationId: string): Promise<ToldNotice[]>;
  findingsChanged(change: FindingChange): Promise<void>;
  invite: People['invite'];
  /** Whether an organization has a contact whom email reaches. */
  hasConfirmed(organizationId: string): Promise<boolean>;
  /** Tells of what ends soon, and finishes what a crash interrupted; called in rounds. */
  advance(): Promise<void>;
  prune(): Promise<void>;
  /** Sends a `webhook.test` to one endpoint. Throws not_found. */
  test(endpointId: string, attribution: Attribution): Promise<Delivery>;
  /** A delivery to a webhook as a command, signed anew; undefined for a channel, whose URL is a secret. */
  curlOf(endpoint: Endpoint, delivery: Delivery): string | undefined;
  /** Sends one again, under the same message ID. Throws not_found. */
  resend(deliveryId: string): Promise<Delivery>;
  /** Sends again what failed since then; how many there were. */
  resendFailed(endpointId: string, since: Date): Promise<number>;
  /** Tries what is waiting for a retry now. */
  retryNow(endpointId: string): Promise<number>;
  /** Deletes an endpoint and what was sent to it. Throws not_found. */
  removeEndpoint(endpointId: string, attribution: Attribution): Promise<void>;
  /** How many messages wait, and for how long the earliest one has been due, in seconds. */
  measure(): Promise<{ pending: number; oldestDueSeconds: number }>;
  /** Delivers what is due; called in rounds. */
  run(): Promise<void>;
  /** Waits until nothing is due and nothing is under way. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** An endpoint that has failed for so long is switched off. */
export const FAILING_MS = 5 * DAY_MS;
const RESEND_PAGE = 200;
const CONTACTS_READ = 100;
/** As long as audit events by default: what was told once must not be told again. */
const NOTICES_KEPT_MS = 400 * DAY_MS;

export function createNotifications(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  log: Log;
  organizations: Organizations;
  directories: Directories;
  credentials: Credentials;
  clients: Clients;
  apiKeys: ApiKeys;
  portalLinks: PortalLinks;
  operators: Operators;
  spoken: Diagnoses['spoken'];
  isWorking: (directory: Directory) => Promise<boolean>;
  brand: MailBrand;
  smtp: { url: string; from: string; replyTo?: string | undefined } | undefined;
  mailsPerMinute: number;
  transport: Transport;
  policy: UpstreamPolicy;
  /** To public addresses alone, whatever is allowed otherwise. */
  publicTransport: Transport;
  publicPolicy: UpstreamPolicy;
  secret: string;
  publicUrl: string;
  version: string;
  timeoutMs: number;
  leaseMs: number;
  waitOutLease: () => Promise<void>;
  onDelivered: (targetKind: string, outcome: 'delivered' | 'retried' | 'failed') => void;
}): Notifications {
  const { audit, clock, random, log, credentials, publicUrl, transport, publicTransport, onDelivered } = deps;
  const endpoints = createEndpoints(deps);
  const deliveries = createDeliveries({ ...deps, gather: audit.gather });
  const posting = { clock, timeoutMs: deps.timeoutMs, agent: `Latchkey/${deps.version} (+${publicUrl})` };
  const post = createPost({ ...posting, transport });
  const publicPost = createPost({ ...posting, transport: publicTransport });
  const contacts = createContacts({ ...deps, confirmations: createConfirmations(deps) });
  const notices = createNotices(deps);
  const settings = createSettings(deps);
  const mailer: Mailer | undefined = deps.smtp && createMailer(deps.smtp);
  const endings: Endings = createEndings({ ...deps, daysOf: settings.daysOf });
  const seedEndings = createEndingSeeds({ ...deps, note: endings.note });
  const telling = { ...deps, contacts, notices, deliveries, mailer };
  const emails = createEmails(telling);
  const people = createPeople({ ...telling, emails, spread, nudge: () => worker.nudge() });
  const worker = createWorker({
    deliveries,
    lanes: endpoints.activeIds,
    deliver: (claimed) => (claimed.targetKind === 'mail' ? emails.deliver(claimed) : deliverToEndpoint(claimed)),
    pace: createPace(clock, deps.mailsPerMinute),
    mostMails: CONNECTIONS,
    log,
    onSettled({ targetKind }, { state }) {
      onDelivered(targetKind, state === 'pending' ? 'retried' : state);
    },
  });

  audit.subscribe('webhooks', hear);
  audit.subscribe('endings', endings.hear);
  audit.subscribe('contacts', people.hear);

  /** Puts a message for each endpoint that wants it into the queue; it may run again for the same event. */
  async function hear(event: AuditEvent): Promise<void> {
    if (!isTold(event.type)) return;
    const { credentialId } = event;
    const credential = credentialId === undefined ? undefined : await credentials.find(credentialId);
    const message = messageOf(event, credential);
    if (message) await spread(message, event);
  }

  async function spread(
    message: Message,
    { organizationId, directoryId }: { organizationId?: string; directoryId?: string },
  ): Promise<void> {
    const wanting = await endpoints.wanting({ type: message.type, organizationId });
    if (wanting.length === 0) return;
    const text = JSON.stringify(message);
    await Promise.all(
      wanting.map(({ id: targetId, kind: targetKind }) =>
        worker.put({
          targetId,
          targetKind,
          eventId: message.id,
          type: message.type,
          organizationId,
          directoryId,
          message: text,
        }),
      ),
    );
  }

  async function deliverToEndpoint(claimed: Delivery): Promise<Settlement> {
    const endpoint = await endpoints.find(claimed.targetId);
    if (endpoint?.state !== 'active') {
      const reason = endpoint ? 'the webhook is off' : 'the webhook was deleted';
      return { state: 'failed', attempt: { at: clock.now(), ms: 0, reason } };
    }
    const send = (await endpoints.isPublicOnly(endpoint)) ? publicPost : post;
    const { attempt, retryAfter } = await send(requestOf(endpoint, claimed));
    const isDelivered = attempt.reason === undefined;
    const failingSince = await endpoints.noteOutcome(endpoint, isDelivered);
    if (isDelivered) return { state: 'delivered', attempt };
    if (attempt.status === 410) {
      await endpoints.disable(endpoint.id, 'gone');
      return { state: 'failed', attempt };
    }
    if (failingSince && clock.now().getTime() - failingSince.getTime() >= FAILING_MS)
      await endpoints.disable(endpoint.id, 'failing');
    const againMs = pauseAfter(claimed.attempt + 1, retryAfterMs(retryAfter, clock.now()), random);
    return againMs === undefined ? { state: 'failed', attempt } : { state: 'pending', attempt, againMs };
  }

  function requestOf(endpoint: Endpoint, { id, message }: Delivery): PostRequest {
    const url = endpoints.urlOf(endpoint);
    if (endpoint.kind === 'webhook') {
      const headers = signedHeaders(id, clock.now(), message, endpoints.secretsOf(endpoint));
      return { url, headers, body: message };
    }
    const text = chatTextOf(JSON.parse(message) as Message, publicUrl);
    return { url, headers: {}, body: endpoint.kind === 'slack' ? slackBody(text) : teamsBody(text) };
  }

  const background = new Set<Promise<void>>();
  function later(work: Promise<void>): void {
    const done = work
      .catch((error: unknown) =>
        log.warn({ err: error }, 'deliveries of a deleted webhook could not be removed; they expire'),
      )
      .finally(() => background.delete(done));
    background.add(done);
  }

  async function removeEndpoint(endpointId: string, attribution: Attribution): Promise<void> {
    await endpoints.remove(endpointId, attribution);
    // There may be many. Those that a crash leaves are not sent, and expire.
    later(deliveries.removeOf(endpointId));
  }
  const removeLeftovers = createLeftovers({
    ...deps,
    contacts,
    endpoints,
    removeEndpoint: (id) => removeEndpoint(id, SYSTEM),
  });

  async function settled(): Promise<void> {
    await Promise.all(background);
    await worker.settled();
  }

  function assertMail(): void {
    if (!mailer) throw new AppError('mail_off');
  }

  return {
    endpoints,
    deliveries,
    contacts,
    notices,
    settings,
    isMailOn: mailer !== undefined,

    async addContact(input, attribution) {
      assertMail();
      const { contact, secret } = await contacts.create(input, attribution);
      await people.askToConfirm(contact, secret);
      return contact;
    },

    async askAgain(contactId, attribution) {
      assertMail();
      const { contact, secret } = await contacts.renew(contactId, attribution);
      await people.askToConfirm(contact, secret);
      return contact;
    },

    hasOrganization: async (id) => (await deps.organizations.find(id)) !== undefined,
    async endingSoon(organizationId, limit) {
      const days = Math.max(...(await settings.daysOf(organizationId)));
      return { endings: await endings.soon({ organizationId, days, limit }), days };
    },
    told: people.told,
    findingsChanged: people.findingsChanged,
    invite: people.invite,
    async hasConfirmed(organizationId) {
      const { items } = await contacts.page({ scope: organizationId, limit: CONTACTS_READ });
      return items.some(({ confirmedAt, bouncedAt }) => confirmedAt !== undefined && bouncedAt === undefined);
    },

    async advance() {
      await seedEndings();
      await endings.advance(people.endingDue);
      await people.recover();
    },

    async prune() {
      await notices.prune(new Date(clock.now().getTime() - NOTICES_KEPT_MS));
      await removeLeftovers();
    },

    async test(endpointId, attribution) {
      const { id: targetId, kind: targetKind, organizationId } = await endpoints.get(endpointId);
      const at = clock.now();
      const id = `evt_${toBase62(at.getTime(), 8)}000${newId('hook', random).slice(-10)}`;
      const data = { object: 'webhook', id: targetId, text: 'This is a test. Nothing has happened.' };
      const message = newMessage({
        id,
        type: 'webhook.test',
        at,
        data,
        sequence: sequenceOf(id),
        actor: attribution.actor,
        organizationId,
      });
      const { type } = message;
      const text = JSON.stringify(message);
      await deliveries.add({ targetId, targetKind, eventId: id, type, organizationId, message: text });
      worker.nudge();
      return deliveries.get(`msg_${id}_${targetId}`);
    },

    curlOf(endpoint, delivery) {
      if (endpoint.kind !== 'webhook') return undefined;
      const { headers, body } = requestOf(endpoint, delivery);
      // A query may hold a secret, so the URL is the one that pages show.
      return curlOf(endpoint.shownUrl, { 'content-type': 'application/json', ...headers }, body);
    },

    async resend(deliveryId) {
      const delivery = await deliveries.resend(deliveryId);
      worker.nudge();
      return delivery;
    },

    async resendFailed(endpointId, since) {
      await endpoints.get(endpointId);
      let count = 0;
      let after: string | undefined;
      do {
        const page = await deliveries.page({
          targetId: endpointId,
          state: 'failed',
          from: since,
          after,
          limit: RESEND_PAGE,
        });
        // Together, so that their writes share transactions.
        await Promise.all(page.items.map(({ id }) => deliveries.resend(id)));
        count += page.items.length;
        after = page.nextCursor ?? undefined;
      } while (after !== undefined);
      worker.nudge();
      return count;
    },

    async retryNow(endpointId) {
      await endpoints.get(endpointId);
      const count = await deliveries.hurry(endpointId);
      worker.nudge();
      return count;
    },

    removeEndpoint,

    async measure() {
      const { pending, oldestDueAt } = await deliveries.depth();
      const ageMs = oldestDueAt ? clock.now().getTime() - oldestDueAt.getTime() : 0;
      return { pending, oldestDueSeconds: Math.max(0, ageMs) / 1000 };
    },

    run: worker.run,
    settled,
    close: async () => {
      await Promise.all([worker.stop(), ...background]);
      mailer?.close();
      await Promise.all([transport.close(), publicTransport.close()]);
    },
  };
}
