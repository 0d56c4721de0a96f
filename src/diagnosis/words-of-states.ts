/** The words of findings about what has not begun, what ends, silence, sources, and what is fine. */
import type { Code } from './codes.ts';
import { sendAgain, theyDo } from './impact.ts';
import { act, capital, counted, list, path, say, span, type Text, ui } from './say.ts';
import {
  connectAgain,
  date,
  field,
  formOf,
  open,
  pasteInto,
  pasteToken,
  press,
  type Speak,
  type Speech,
  token,
  tokenNotes,
  vendorDoes,
  type Words,
  whoDid,
} from './speech.ts';
import { newClient } from './words-of-oauth.ts';

function putIn(speech: Speech): Text[] {
  const { kind } = speech.finding.facts;
  if (kind === 'oauth') {
    const { buttons } = formOf(speech, 'oauth');
    return [
      say`In ${speech.name}, test the connection, or assign a user to the app.`,
      say`The button is ${path(buttons)}.`,
    ];
  }
  return [
    say`${open(speech, 'bearer')}, and check that ${ui(field(speech, 'token'))} contains ${token(speech)}.`,
    say`Check that ${ui(field(speech, 'endpoint'))} is set to the URL below.`,
    press(speech, 'bearer'),
  ];
}

/** The identity provider has what was imported: what can be missing is the way of its requests to us. */
function checkWay(speech: Speech): Text[] {
  const isOauth = speech.finding.facts.kind === 'oauth';
  const base = ui(field(speech, 'endpoint'));
  const leads = isOauth ? say`${base} and ${ui(field(speech, 'token-url'))} lead` : say`${base} leads`;
  return [
    say`${open(speech, isOauth ? 'oauth' : 'bearer')}, and check that ${leads} to this server. ${base} is the URL below, or an earlier one that was pointed here.${isOauth ? say` ${ui(field(speech, 'token-url'))} is ${{ value: speech.directory.tokenUrl }}, or an earlier one.` : ''}`,
    // Its button would connect anew.
    isOauth ? say`Then assign a user to the app: ${speech.name} sends a request for it.` : press(speech, 'bearer'),
  ];
}

/** Only a connection, and what was imported, needs nothing that could be lost. */
function notSaved({ finding }: Speech): Text[] {
  return finding.facts.kind === 'oauth' || finding.facts.isImported
    ? []
    : [say`The token was shown only once. If it wasn't saved: ${act('generate-token')}.`];
}

/** Nobody has to act: the identity provider goes on with what it has. */
function moving(speech: Speech): Words {
  return {
    lead: 'Waiting for the first request.',
    rest: say`${capital(token(speech))} was imported. ${speech.Name} already has it, and has not used it here yet.`,
    steps: [],
    notes:
      speech.finding.facts.kind === 'oauth'
        ? [
            say`It first asks the token URL for a new access token. That request arrives here if ${ui(field(speech, 'token-url'))} is ${{ value: speech.directory.tokenUrl }}, or an earlier URL that was pointed here.`,
            say`Its other requests arrive here if ${ui(field(speech, 'endpoint'))} is the URL below, or an earlier one that was pointed here.`,
          ]
        : [
            say`Its next request arrives here if the URL in ${speech.name} leads here: the one below, or an earlier one that was pointed here.`,
          ],
    ...endpoint(speech),
    unseen: NO_TRACE,
  };
}

const endpoint = (speech: Speech) => ({
  value: { label: field(speech, 'endpoint'), value: speech.directory.endpointUrl },
});

const NO_TRACE = 'requests that go to another address. They never reach us.';

const STEPS: Record<string, (at: Date | undefined) => Text> = {
  client_made: (at) => say`A client was created ${at}, but has not been used to connect yet.`,
  requested: (at) => say`The connection was requested ${at}, but has not been allowed yet.`,
  consented: (at) => say`The connection was allowed ${at}, but no token has been requested with it yet.`,
};

/** The client of a connection that nobody allows has that one only. */
function renew(speech: Speech): Text[] {
  return speech.finding.facts.isMachine ? newClient(speech) : connectAgain(speech);
}

function ending(speech: Speech, what: string, steps: Text[]) {
  const { expiresAt } = speech.finding.facts;
  return {
    lead: `${capital(what)} expires soon.`,
    rest: say`It expires ${date(expiresAt)}. After that, requests from ${speech.name} will be refused.`,
    steps,
  };
}

/** What the two buttons do, how each is undone, and who may press them. */
function silenceNotes({ audience, vendor }: Speech): Text[] {
  const who =
    audience === 'it_contact' ? `You and ${vendor}` : "Members with write access and the customer's IT contacts";
  return [
    say`“${act('expect-silence')}” takes this silence as normal: only a longer one is reported. “${act('mute-silence')}” reports none until then.`,
    say`Neither hides a refused request. ${who} can choose them, and undo them on this page.`,
  ];
}

/** What was said of silence before, and how it is taken back. */
function settledNotes({ finding: { facts } }: Speech): Text[] {
  const { mutedUntil, expectedMs } = facts;
  if (mutedUntil === undefined && expectedMs === undefined) return [];
  const what =
    mutedUntil === undefined
      ? say`Someone said that a silence of ${span(expectedMs ?? 0)} of working time is expected, so only a longer one is reported.`
      : say`No silence is reported until ${date(mutedUntil)}, because someone muted it.`;
  return [say`${what} To undo that, choose “${act('report-silence')}”.`];
}

function kindOf({ finding }: Speech): string {
  return finding.facts.kind === 'oauth' ? 'connection' : 'token';
}

/** Somebody else may have what the requests come with. */
function ifLeaked(speech: Speech): Text[] {
  if (speech.finding.facts.kind !== 'oauth')
    return [say`If not, the token may have leaked. ${act('generate-token')} on this page, and revoke this one.`];
  return [
    say`If not, its tokens may have leaked. ${act('choose-credential')} on this page: this connection. Then replace it.`,
    ...renew(speech),
  ];
}

function source({ finding }: Speech): string {
  const { network, userAgent } = finding.facts;
  return `${userAgent === undefined || userAgent === '' ? 'an unnamed program' : userAgent} from ${network ?? 'an unknown network'}`;
}

/** How the last request was accepted. */
function last(speech: Speech): Text {
  const { acceptedAt } = speech.finding.facts;
  return say`Last request ${date(acceptedAt)}, accepted with ${token(speech)}.`;
}

function unseenBehind({ finding, audience, vendor }: Speech): string | undefined {
  if (finding.facts.sees !== 'nothing') return undefined;
  const server = audience === 'operator' ? 'your SCIM server' : `${vendor}'s SCIM server`;
  return `what ${server} answered. We see that the token was accepted.`;
}

/** Reads alone failed. A read comes before many changes, so whether one was not sent after it can only be seen at the other end. */
function maybeMissed(speech: Speech, when: string): Pick<Words, 'detail' | 'steps'> {
  const { name, idp } = speech;
  const { byHand } = idp.recovery;
  const look = byHand
    ? say`open ${path(byHand.path)} in ${name}, and look for anything that failed ${when}`
    : say`find out whether someone changed a user or group in ${name} ${when}`;
  return {
    detail: say`A change is missing only if ${name} didn't send it after a failed read.`,
    steps: [
      say`${theyDo(speech, look)}.`,
      say`If there is nothing, nothing is missing: choose “${act('dismiss-recovery')}”.`,
      byHand
        ? say`If there is, ${path(byHand.buttons)} sends it again. Then choose “${act('settle-recovery')}”.`
        : say`If there is, it has to be changed again. Then choose “${act('settle-recovery')}”.`,
    ],
  };
}

export const STATE_WORDS = {
  not_connected: (speech) => ({
    lead: 'Not connected yet.',
    rest: say`Nothing is wrong: it has no token and no connection yet.`,
    steps:
      speech.audience === 'operator'
        ? [
            say`${act('send-portal-link')}, and send it to the customer's IT contact. It leads them through the setup of ${speech.name}, step by step.`,
            say`If you set it up together with them: ${act('set-up')}.`,
          ]
        : [say`${act('set-up')} of ${speech.name} on this page. It goes step by step.`],
  }),
  never_used: (speech) => ({
    lead: `${speech.Name} has never connected.`,
    rest: say`${capital(token(speech))} was ${speech.finding.facts.isImported ? 'imported' : 'created'} ${date(speech.finding.since)} and has never been used${speech.finding.facts.isImported ? ' here' : ''}.`,
    steps: speech.finding.facts.isImported ? checkWay(speech) : putIn(speech),
    notes: notSaved(speech),
    ...endpoint(speech),
    unseen: NO_TRACE,
  }),
  waiting_for_first_request: (speech) => {
    const { acceptedAt, isImported } = speech.finding.facts;
    if (isImported && acceptedAt === undefined) return moving(speech);
    return {
      lead: `Waiting for the first request${acceptedAt === undefined ? '' : ` with the new ${speech.finding.facts.kind === 'oauth' ? 'connection' : 'token'}`}.`,
      rest:
        acceptedAt === undefined
          ? say`${speech.Name} has not used ${token(speech)} yet. That is normal until someone tests the connection there.`
          : say`The last request was accepted ${date(acceptedAt)}, with a token or connection that no longer works.`,
      steps: putIn(speech),
      notes: notSaved(speech),
      ...endpoint(speech),
      unseen: NO_TRACE,
    };
  },
  setup_unfinished: (speech) => ({
    lead: 'The setup is not finished.',
    rest: say`${STEPS[speech.finding.facts.step ?? '']?.(date(speech.finding.since))}`,
    steps: [say`${act('set-up')} on this page. It continues where it stopped.`, ...connectAgain(speech)],
  }),

  credential_ends_soon: (speech) => ({
    ...ending(speech, token(speech), speech.finding.facts.kind === 'oauth' ? renew(speech) : pasteToken(speech)),
    notes: tokenNotes(speech),
  }),
  refresh_policy_ends_soon: (speech) => ending(speech, token(speech), renew(speech)),
  client_secret_ends_soon: (speech) =>
    ending(
      speech,
      `the client secret${speech.finding.facts.hint === undefined ? '' : ` that ends in …${speech.finding.facts.hint}`}`,
      [
        say`${act('add-client-secret')} on this page. Both work until the old one expires.`,
        ...pasteInto(speech, 'client-secret', 'the new one'),
      ],
    ),
  rotation_overdue: (speech) => ({
    lead: 'The new token is not in use yet.',
    rest: say`${speech.Name} is still using ${token(speech)}, which was replaced ${date(speech.finding.since)}.`,
    steps: pasteToken(speech),
    notes: tokenNotes(speech),
  }),
  old_one_still_used: (speech) => ({
    lead: 'Both tokens are in use.',
    rest: say`${capital(token(speech))} was replaced ${date(speech.finding.since)}, and something is still sending it.`,
    steps: [
      say`Find out what is still using it, such as another app in ${speech.name} or a script. The token's card shows the address.`,
      ...pasteToken(speech),
    ],
    unseen: 'whether both are used by the same system.',
  }),
  access_token_last: (speech) => ({
    lead: 'This connection will stop working.',
    rest: say`Its client was deleted. Requests are accepted until the access token expires ${date(speech.finding.facts.expiresAt)}.`,
    steps: vendorDoes(
      speech,
      [
        say`${act('create-client')} on this page, and connect ${speech.name} again before then.`,
        say`Or: ${act('generate-token')} on this page.`,
      ],
      'has to create a new client for you',
    ),
  }),

  quiet_for_longer_than_ever: (speech) => {
    const { lastAt, longestMs = 0, detail } = speech.finding.facts;
    const { rhythm, running } = speech.idp;
    return {
      lead: 'Unusually quiet.',
      rest: say`There have been no requests since ${date(lastAt)}. Nothing was refused.`,
      detail:
        detail === 'own' ? say`Until then, it was never quiet for more than ${span(longestMs)}.` : say`${rhythm.says}`,
      steps: [
        say`${theyDo(speech, say`open ${path(running.path)} in ${speech.name}`)}. ${running.shows}`,
        say`If it has stopped, start it with ${path(running.buttons)}. If it shows an error, fix that first.`,
        say`To test it, change a user of the app there. The request appears on this page.`,
        say`If it is running and had nothing to send, choose “${act('expect-silence')}”, or “${act('mute-silence')}”.`,
      ],
      notes: silenceNotes(speech),
      unseen: `whether ${speech.name} had anything to send.`,
    };
  },
  fleet_quiet: (speech) => ({
    lead: `Many directories that use ${speech.name} are quiet.`,
    rest: say`There have been no requests since ${date(speech.finding.facts.lastAt)}. Other directories that use ${speech.name} went quiet at about the same time.`,
    steps: vendorDoes(
      speech,
      [say`Check that this server can be reached from the internet, and look at ${speech.name}'s status page.`],
      'has been notified',
    ),
    unseen: `where the requests stop. They don't reach us.`,
  }),
  idp_backoff: (speech) => {
    const { lastAt, at, expiresAt, times = 1 } = speech.finding.facts;
    const { says } = speech.idp.recovery;
    const again = sendAgain(speech);
    const gives = date(expiresAt);
    return {
      lead: `${speech.Name} has probably paused.`,
      rest:
        times > 1
          ? say`It has paused ${times} times since ${date(speech.finding.since)}, and tried in between. Its last request was refused ${date(lastAt)}. ${says}`
          : say`Its last request was refused ${date(lastAt)}, and it has sent nothing since. ${says}`,
      detail: say`${at === undefined ? '' : say`It will try again ${date(at)} or earlier. `}${gives === undefined ? '' : say`It will stop trying ${gives}.`}`,
      steps: again
        ? [
            say`${theyDo(speech, again, speech.finding.severity === 'notice' ? 'Once requests are no longer refused,' : 'To start it now,')}.`,
          ]
        : [],
      unseen: `its own schedule.`,
    };
  },

  new_source: (speech) => ({
    lead: 'Requests are coming from a new place.',
    rest: say`Since ${date(speech.finding.since)}, requests with the ${kindOf(speech)} have come from ${source(speech)}.`,
    steps: [say`If you moved or added an app, you don't have to do anything.`, ...ifLeaked(speech)],
    unseen: 'who is running the program.',
  }),
  two_sources_one_token: (speech) => ({
    lead: `Two programs are using the same ${kindOf(speech)}.`,
    rest: say`Since ${date(speech.finding.since)}, requests have also come from ${source(speech)}.`,
    steps: [say`If both are yours, give each its own ${kindOf(speech)}.`, ...ifLeaked(speech)],
    unseen: 'who is running the program.',
  }),
  rate_limited: () => ({
    lead: 'Refused requests are limited.',
    rest: say`There were so many that we answered some with a 429. Accepted requests are never limited.`,
    steps: [say`Fix the errors above. The limit is then lifted within a minute.`],
  }),
  healed_but_missed: (speech) => {
    const { firstAt, lastAt, detail = '', reads = 0, creates = 0, updates = 0, deletions = 0 } = speech.finding.facts;
    const isBehind = detail.startsWith('upstream_');
    // Times are shown to the minute.
    const isShort = firstAt?.slice(0, 16) === lastAt?.slice(0, 16);
    const { recovery } = speech.idp;
    const parts = [
      reads > 0 ? counted(reads, 'read') : '',
      creates > 0 ? counted(creates, 'creation') : '',
      updates > 0 ? counted(updates, 'update') : '',
      deletions > 0 ? counted(deletions, 'deletion') : '',
    ].filter((part) => part !== '');
    const total = reads + creates + updates + deletions;
    const when = isShort ? 'at that time' : 'between those times';
    const failed = isBehind
      ? `${counted(total, 'request')} failed at the SCIM server`
      : `we refused ${counted(total, 'request')}`;
    const lead = 'Provisioning works again.';
    const rest = say`${isShort ? say`Around ${date(firstAt)}` : say`Between ${date(firstAt)} and ${date(lastAt)}`}, ${failed}: ${list(parts)}.`;
    if (total === reads) return { lead, rest: say`${rest} No change was among them.`, ...maybeMissed(speech, when) };
    const { byHand } = recovery;
    return {
      lead,
      rest: say`${rest} ${recovery.says}`,
      detail: say`A change may also be missing because the identity provider never sent it after a failed read.`,
      steps: byHand
        ? [
            say`${theyDo(speech, say`open ${path(byHand.path)} in ${speech.name}`)}.`,
            say`${speech.audience === 'operator' ? 'They select' : 'Select'} every entry that failed ${when}, then ${path(byHand.buttons)}.`,
            say`Come back to this page: each retried change appears as an accepted request. Then choose “${act('settle-recovery')}”.`,
          ]
        : [
            say`${theyDo(speech, say`start a full synchronization in ${speech.name}, or change the affected users again`)}.`,
            say`Then choose “${act('settle-recovery')}” on this page.`,
          ],
      notes: [say`If none of them matters anymore, choose “${act('dismiss-recovery')}”.`],
    };
  },
  weak_or_imported: (speech) => ({
    lead: 'The token in use was imported.',
    rest: say`${capital(token(speech))} was imported, and another system may still have it.`,
    steps: [say`${act('rotate-token')} when you can. The old token keeps working until the new one is used.`],
  }),
  no_owner: (speech) => ({
    lead: "We don't have a contact at the organization.",
    rest: say`No one there has ever opened a portal link or confirmed an email address, so we can't notify anyone there when something breaks.`,
    steps: vendorDoes(
      speech,
      [say`${act('send-portal-link')}, and send it to their administrator.`],
      'can send you a portal link',
    ),
  }),

  working: (speech) => {
    const unseen = unseenBehind(speech);
    return {
      lead: speech.finding.facts.sees === 'nothing' ? 'Requests are accepted.' : 'Provisioning works.',
      rest: last(speech),
      steps: [],
      notes: settledNotes(speech),
      ...(unseen !== undefined && { unseen }),
    };
  },
  working_quiet: (speech) => {
    const { longestMs, limitMs } = speech.finding.facts;
    return {
      lead: 'Provisioning works. There has been no recent activity.',
      rest: say`${last(speech)} ${speech.idp.rhythm.says}`,
      ...(longestMs !== undefined &&
        limitMs !== undefined && {
          detail: say`We will report it if it is quiet for more than ${span(limitMs)}. The longest quiet period so far was ${span(longestMs)}.`,
        }),
      steps: [],
      notes: settledNotes(speech),
      unseen: `whether ${speech.name} had anything to send.`,
    };
  },
  ended_on_purpose: (speech) => {
    const { at, acceptedAt } = speech.finding.facts;
    return {
      lead: 'No longer connected.',
      rest: say`${capital(whoDid(speech))} revoked the last token or connection ${date(at)}. Nothing has been refused since then.`,
      ...(acceptedAt !== undefined && { detail: say`The last request was accepted ${date(acceptedAt)}.` }),
      steps: [say`To connect again: ${act('set-up')} of ${speech.name} on this page.`],
    };
  },
} satisfies Partial<Record<Code, Speak>>;
