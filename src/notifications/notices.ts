/**
 * What people are told. A notice has an identity (kind, subject, stage) and is made once, whatever the number of instances, restarts and steps
 * of the clock: its ID is derived from these three. Then it is spread to whoever is to hear of it, as one delivery each.
 */
import { hash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { BASE62 } from '../identifiers.ts';
import { isDuplicate, json, type Page, type Storage, type Stored, text } from '../storage/index.ts';
import type { NoticeKind } from './contacts.ts';
import type { WebhookEventType } from './event-types.ts';

/** What a mail, a chat message and the pages say: plain sentences, no secrets. */
export interface NoticeText {
  /** One sentence that leads. */
  title: string;
  /** That sentence of a finding, without its place: what ended is told as it was told first. */
  lead?: string;
  text: string;
  /** Facts: label and value. */
  rows: [label: string, value: string][];
  /** To copy, with its label. */
  value?: [label: string, value: string];
  steps: string[];
}

const shape = {
  kind: text<NoticeKind>(),
  /** Whether it goes out at once; what can wait is gathered into at most one email an hour. */
  isUrgent: 'boolean',
  /** It waits for an hour, and is never sent where it ends before that. */
  'isHeld?': 'boolean',
  type: text<WebhookEventType>(),
  /** What it is about, such as a credential or a finding of a directory. */
  subject: 'string',
  stage: 'string',
  'organizationId?': 'string',
  'directoryId?': 'string',
  words: json<NoticeText>(),
  /** What the vendor's own people read in place of `words`, where those speak to the customer. */
  'vendorWords?': json<NoticeText>(),
  /** With an ending: when it is. */
  'endsAt?': 'date',
  /** What webhooks are told beside that. */
  data: json<Record<string, unknown>>(),
  audience: json<Audience>(),
  /** Its email lets contacts into the portal: the link is made when the email goes out, and kept nowhere. */
  'isInvitation?': 'boolean',
  /** While it has to be spread. */
  'spreadAt?': 'date',
  createdAt: 'date',
} as const;

export interface Audience {
  /** Only software is told. */
  nobody?: boolean;
  everybody?: boolean;
  vendor?: boolean;
  vendorOnly?: boolean;
  /** Only those who were told of one of these notices. */
  after?: string[];
}

export type Notice = Stored<typeof shape>;
export type NewNotice = Omit<Notice, 'id' | 'createdAt' | 'spreadAt'>;

export interface Notices {
  /** Undefined where it was made before. */
  add(notice: NewNotice): Promise<Notice | undefined>;
  find(id: string): Promise<Notice | undefined>;
  /** Latest first. */
  page(query: {
    organizationId?: string | undefined;
    directoryId?: string | undefined;
    kind?: NoticeKind | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<Page<Notice>>;
  /** Those that a crash kept from being spread. */
  unspread(limit: number): Promise<Notice[]>;
  noteSpread(id: string): Promise<void>;
  prune(before: Date): Promise<number>;
}

const ID_LENGTH = 20;
/** How long its maker has to spread it before others do. */
const SPREAD_MS = 30_000;

export function noticeId(kind: string, subject: string, stage: string): string {
  const digest = hash('sha256', JSON.stringify([kind, subject, stage]), 'buffer');
  const id = Array.from(digest.subarray(0, ID_LENGTH), (byte) => BASE62[byte % BASE62.length]).join('');
  return `notice_${id}`;
}

export function createNotices({ storage, clock }: { storage: Storage; clock: Clock }): Notices {
  const notices = storage.collection({
    name: 'notices',
    shape,
    keys: { organizationId: 'index', directoryId: 'index', kind: 'index', subject: 'index', spreadAt: 'index' },
    order: 'createdAt',
  });
  return {
    async add(given) {
      const createdAt = clock.now();
      const id = noticeId(given.type, given.subject, given.stage);
      const notice = { ...given, id, createdAt, spreadAt: new Date(createdAt.getTime() + SPREAD_MS) };
      try {
        await notices.insert(notice);
        return notice;
      } catch (error) {
        if (!isDuplicate(error, 'id')) throw error;
        return undefined;
      }
    },
    find: (id) => notices.find(id),
    page: ({ organizationId, directoryId, kind, after, limit }) =>
      notices.page({ where: { organizationId, directoryId, kind }, after, limit, direction: 'descending' }),
    unspread: (limit) => notices.due('spreadAt', clock.now(), limit),
    async noteSpread(id) {
      await notices.update(id, ({ spreadAt, ...rest }) => (spreadAt === undefined ? undefined : rest));
    },
    prune: (before) => notices.prune(before),
  };
}
