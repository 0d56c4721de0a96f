/** What everybody asked and saw, and whether the invariants of the contract hold of it. Nothing but this history is looked at. */

export interface Act {
  kind:
    | 'verify'
    | 'issue'
    | 'revoke'
    | 'disable'
    | 'enable'
    | 'rotate'
    | 'refresh'
    | 'list'
    | 'read'
    /** A token by client credentials. */
    | 'token'
    /** An OAuth connection is made. */
    | 'connect';
  directoryId: string;
  credentialId?: string;
  mode?: string;
  /** The Idempotency-Key, the same for the same request. */
  key?: string;
  /** The refresh token, or the one of several access tokens. */
  presented?: string;
  /** The credential whose place a connection takes. */
  replaces?: string;
  /** The instance that was asked; `end` once everything is healed and quiet. */
  by: string;
}

export interface Entry extends Act {
  /** Positions in the history: what happened before what. */
  askedAt: number;
  answeredAt: number;
  answeredAtMs: number;
  /** 0: no answer came. */
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers come in many shapes; each rule reads what it needs
  body: any;
}

interface Token {
  directoryId: string;
  credentialId: string;
  token: string;
  knownAt: number;
  expiresAtMs?: number;
}

export interface History {
  entries: Entry[];
  tokens: Token[];
  connections: { directoryId: string; credentialId: string }[];
  knows(token: Omit<Token, 'knownAt'>): void;
  connects(connection: { directoryId: string; credentialId: string }): void;
  act<T extends { status: number; body: unknown }>(act: Act, work: () => Promise<T>): Promise<T>;
  /** From now on nothing is under way. */
  isQuiet(): void;
}

export function createHistory(nowMs: () => number): History {
  const entries: Entry[] = [];
  const tokens: Token[] = [];
  const connections: History['connections'] = [];
  let position = 0;
  return {
    entries,
    tokens,
    connections,
    knows: (token) => void tokens.push({ ...token, knownAt: ++position }),
    connects: ({ directoryId, credentialId }) => void connections.push({ directoryId, credentialId }),
    async act(act, work) {
      const entry: Entry = {
        ...act,
        askedAt: ++position,
        answeredAt: Number.POSITIVE_INFINITY,
        answeredAtMs: Number.POSITIVE_INFINITY,
        status: 0,
        body: {},
      };
      entries.push(entry);
      const answer = await work();
      Object.assign(entry, { answeredAt: ++position, answeredAtMs: nowMs(), status: answer.status, body: answer.body });
      return answer;
    },
    isQuiet: () => void position++,
  };
}

type Seen = Pick<History, 'entries' | 'tokens' | 'connections'>;

const TOLERATED_SKEW_MS = 5000;
const TOO_LATE = 'another credential took its place before its first use';

/** Every way in which a history breaks an invariant, in words. */
export function violationsOf({ entries, tokens, connections }: Seen): string[] {
  // What happens to one directory says nothing of another.
  const seen = new Map<string, Seen>();
  const of = (directoryId: string) => {
    const known = seen.get(directoryId) ?? { entries: [], tokens: [], connections: [] };
    seen.set(directoryId, known);
    return known;
  };
  for (const entry of entries) of(entry.directoryId).entries.push(entry);
  for (const token of tokens) of(token.directoryId).tokens.push(token);
  for (const connection of connections) of(connection.directoryId).connections.push(connection);
  return [...seen.values()].flatMap(violationsInDirectory);
}

/** What happened to one credential, without its tokens: they go by their order. */
export function storyOf({ entries, tokens }: Seen, credentialId: string): string[] {
  const own = tokens.filter((token) => token.credentialId === credentialId);
  const given = own.map(({ knownAt, expiresAtMs }, index) => ({
    at: knownAt,
    what: `token ${index + 1} given${expiresAtMs === undefined ? '' : `, good until ${Math.round(expiresAtMs)} ms`}`,
  }));
  const done = entries
    .filter((entry) => entry.credentialId === credentialId || entry.replaces === credentialId)
    .map(({ askedAt, answeredAt, answeredAtMs, kind, status, by, presented }) => {
      const index = own.findIndex(({ token }) => token === presented);
      const which = index === -1 ? '' : ` of token ${index + 1}`;
      return {
        at: askedAt,
        what: `${kind}${which} by ${by}: ${status} at ${answeredAt} (${Math.round(answeredAtMs)} ms)`,
      };
    });
  return [...given, ...done].sort((a, b) => a.at - b.at).map(({ at, what }) => `${at} ${what}`);
}

/** On which an identity provider gives up. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 429;
}

function violationsInDirectory({ entries, tokens, connections }: Seen): string[] {
  const found: string[] = [];
  const tell = (invariant: number, entry: Entry, why: string) =>
    found.push(
      `invariant ${invariant}: ${entry.kind} of ${entry.credentialId ?? entry.directoryId} by ${entry.by}: ${why}`,
    );
  const of = (kind: Act['kind']) => entries.filter((entry) => entry.kind === kind);

  const isConnection = (credentialId: string) => connections.some((one) => one.credentialId === credentialId);

  /** Requests that can end a credential, whatever their answer. */
  const ending = (credentialId: string, directoryId: string) =>
    entries.filter(
      (entry) =>
        ((entry.kind === 'revoke' || entry.kind === 'disable') && entry.credentialId === credentialId) ||
        entry.replaces === credentialId ||
        (entry.kind === 'rotate' &&
          entry.directoryId === directoryId &&
          entry.mode === 'immediate' &&
          !isConnection(credentialId)),
    );

  const accesses = entries.filter(({ kind }) => kind === 'verify' || kind === 'refresh' || kind === 'token');

  /** What was told of the ends of credentials when all was over. */
  const reasons = new Map<string, string>();
  for (const { by, credentialId, body } of of('verify'))
    if (by === 'end' && credentialId !== undefined && body.revokedReason) reasons.set(credentialId, body.revokedReason);
  const unasked = (credentialId = '') => `nobody had ended it (${reasons.get(credentialId) ?? 'no reason told'})`;

  // A connection that waited for a place can find it taken at its first use: that is told as an end, and never of one that was accepted.
  const isLate = (credentialId: string) => reasons.get(credentialId) === TOO_LATE;
  for (const entry of of('verify')) {
    if (isLate(entry.credentialId ?? '') && entry.status === 200)
      tell(4, entry, "accepted, and its place was another's");
  }

  const wasEnded = ({ credentialId = '', directoryId, answeredAt }: Entry) =>
    isLate(credentialId) || ending(credentialId, directoryId).some(({ askedAt }) => askedAt < answeredAt);

  // 1. Two slots: what is listed as active never exceeds them.
  for (const entry of of('list')) {
    if (entry.status === 200 && entry.body.items.length > 2) tell(1, entry, `${entry.body.items.length} are active`);
  }

  // 2. Revoked means refused: nothing that was asked after the acknowledgement is accepted.
  for (const end of [...of('revoke'), ...of('disable')].filter(({ status }) => status === 200)) {
    // A disabled connection gets tokens, which are refused until it is enabled.
    for (const entry of end.kind === 'revoke' ? accesses : of('verify')) {
      if (entry.credentialId !== end.credentialId || entry.askedAt <= end.answeredAt || entry.status !== 200) continue;
      // It may have been enabled again.
      const isEnabled = of('enable').some(
        (other) =>
          other.credentialId === end.credentialId && other.answeredAt > end.askedAt && other.askedAt < entry.answeredAt,
      );
      if (end.kind === 'revoke' || !isEnabled)
        tell(2, entry, `accepted after ${end.kind} was acknowledged by ${end.by}`);
    }
  }
  for (const end of of('rotate').filter(({ status, mode }) => status === 201 && mode === 'immediate')) {
    for (const { credentialId, knownAt, directoryId } of tokens) {
      if (directoryId !== end.directoryId || knownAt > end.askedAt || isConnection(credentialId)) continue;
      if (credentialId === end.body.credential.id) continue;
      for (const entry of of('verify')) {
        if (entry.credentialId === credentialId && entry.askedAt > end.answeredAt && entry.status === 200)
          tell(2, entry, `accepted after an immediate rotation was acknowledged by ${end.by}`);
      }
    }
  }

  // Whoever takes a place has it alone, once it was used; or it took a free one, and the end of the other is planned.
  const atTheEnd = of('verify').filter(({ by, status }) => by === 'end' && status === 200);
  for (const { credentialId, replaces } of of('connect')) {
    const used = (entry: Entry) => entry.by !== 'end' && entry.credentialId === credentialId && entry.status === 200;
    const isLeft = atTheEnd.some((entry) => entry.credentialId === credentialId);
    if (replaces === undefined || !isLeft || !of('verify').some(used)) continue;
    for (const entry of atTheEnd) {
      if (entry.credentialId === replaces && entry.body.successor === undefined)
        tell(2, entry, `still accepted, and ${credentialId} took its place`);
    }
  }

  // 3. Nothing acknowledged is lost, and each change has its event.
  for (const entry of of('read')) {
    if (entry.status !== 200) {
      tell(3, entry, `was given out and is not there (${entry.status})`);
      continue;
    }
    const { state, types } = entry.body as { state: string; types: string[] };
    if (!types.includes('credential.issued')) tell(3, entry, 'has no event of its issue');
    const revoked = of('revoke').some(
      ({ credentialId, status }) => credentialId === entry.credentialId && status === 200,
    );
    if (revoked && state !== 'revoked') tell(3, entry, `its revoke was acknowledged, and it is ${state}`);
    if (revoked && !types.includes('credential.revoked') && !types.includes('credential.retired'))
      tell(3, entry, 'has no event of its end');
  }

  // What is asked twice under one key is done once.
  const answers = new Map<string, number>();
  for (const { key, directoryId, status, body } of of('issue')) {
    if (key === undefined || status !== 201 || body.token === undefined) continue;
    answers.set(`${directoryId} ${key}`, (answers.get(`${directoryId} ${key}`) ?? 0) + 1);
  }
  for (const [request, count] of answers)
    if (count > 1) found.push(`invariant 3: ${count} tokens for one request (${request})`);

  // 4. Never 401 for our own fault: a credential that nobody ended is accepted, or the answer is 503.
  for (const entry of of('verify').filter(({ status }) => status === 401 || status === 403)) {
    const token = tokens.find(
      ({ credentialId, token }) =>
        credentialId === entry.credentialId && (entry.presented === undefined || token === entry.presented),
    );
    if (!token || token.knownAt > entry.askedAt) continue;
    if (token.expiresAtMs !== undefined && entry.answeredAtMs > token.expiresAtMs - TOLERATED_SKEW_MS) continue;
    if (!wasEnded(entry)) tell(4, entry, `answered ${entry.status}, and ${unasked(entry.credentialId)}`);
  }

  // A client that never had a connection can find both slots taken.
  const isConnected = ({ credentialId, askedAt }: Entry) =>
    tokens.some((token) => token.credentialId === credentialId && token.knownAt < askedAt);
  for (const entry of of('token').filter(({ status }) => isRefusal(status))) {
    if (isConnected(entry) && !wasEnded(entry))
      tell(4, entry, `answered ${entry.status}, and ${unasked(entry.credentialId)}`);
  }

  // 5. One refresh token never kills a connection.
  for (const entry of of('refresh').filter(({ status }) => isRefusal(status))) {
    // Once its successor has been used, a token is over; until then every repeat gets the same successor.
    const successors = of('refresh')
      .filter(({ presented, status }) => presented === entry.presented && status === 200)
      .map(({ body }) => body.refresh_token);
    const isOver = of('refresh').some(
      ({ presented, askedAt }) =>
        presented !== entry.presented && successors.includes(presented) && askedAt < entry.answeredAt,
    );
    if (!isOver && !wasEnded(entry)) tell(5, entry, `answered ${entry.status} ${JSON.stringify(entry.body)}`);
  }
  for (const { credentialId } of connections) {
    const last = of('refresh').find((entry) => entry.by === 'end' && entry.credentialId === credentialId);
    if (last && last.status !== 200) tell(5, last, `the connection is dead in the end (${last.status})`);
  }

  // An answer that was given up leaves no old token ended and no new one active that nobody was given.
  for (const entry of of('rotate')) {
    if (entry.body?.completedAfterwards)
      tell(3, entry, 'went on after its answer was given up, and its token reached no one');
  }
  return found;
}
