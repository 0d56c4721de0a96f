/** What the words of all findings share: the identity provider's own names for its fields and menus, and sentences about requests and tokens. */
import { UNKNOWN_HINT } from '../credentials/index.ts';
import {
  type ConsoleForm,
  type Filling,
  IDENTITY_PROVIDERS,
  type IdentityProvider,
  type IdentityProviderId,
} from '../identity-providers/index.ts';
import { ENDS_ACCESS } from './causes.ts';
import { CODES, type Code } from './codes.ts';
import type { Finding, Origin } from './finding.ts';
import { act, actsIn, capital, counted, list, path, say, type Text, ui } from './say.ts';

/** Who reads, about which directory. */
export interface Reader {
  audience: 'operator' | 'it_contact';
  /** As the audit names this person. What they did themselves is told as theirs. */
  person?: string;
  /** The vendor's name, for an IT contact. */
  vendor: string;
  /** Reads an email, a ticket or an API answer, where "this page" means nothing. */
  isAway?: boolean;
}

/** A directory as far as words name it. */
export interface Spoken {
  name: string;
  provider: IdentityProviderId;
  endpointUrl: string;
  tokenUrl: string;
  authorizationUrl: string;
  upstreamUrl?: string;
}

export interface Words {
  /** The sentence that leads, and what follows it in the same breath. */
  lead: string;
  rest: Text;
  /** How much, since when. */
  detail?: Text;
  /** What to do, in order. Empty where nothing has to be done. */
  steps: Text[];
  /** What somebody should know who does it, without a number. */
  notes?: Text[];
  /** What to copy for it. */
  value?: { label: string; value: string };
  /** What we cannot see. */
  unseen?: string;
}

export interface Speech extends Reader {
  finding: Finding;
  directory: Spoken;
  idp: IdentityProvider;
  /** Within a sentence, and at its beginning. */
  name: string;
  Name: string;
}

export type Speak = (speech: Speech) => Words;

export function speechOf(finding: Finding, directory: Spoken, reader: Reader): Speech {
  const idp = IDENTITY_PROVIDERS[directory.provider];
  return { ...reader, finding, directory, idp, name: idp.name, Name: capital(idp.name) };
}

export function date(time: string | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}

/** "Requests from Okta are being refused.", as sure and as bad as it is. */
export function refused({ finding, name }: Speech): string {
  if (finding.severity === 'degraded') return `Some requests from ${name} are being refused.`;
  return `Requests from ${name} are ${finding.certainty === 'likely' ? 'probably ' : ''}being refused.`;
}

/** "41 refused requests from 192.0.2.7 since Tuesday at 09:12. Nothing has been accepted since then." */
export function tally({ finding }: Speech): Text {
  const { count = 0, isCut, firstAt, address, userAgent } = finding.facts;
  const since = date(firstAt);
  const other = spare(finding);
  if (count === 0 || since === undefined) return other;
  const from = address === undefined ? '' : ` from ${address}${userAgent === undefined ? '' : ` (${userAgent})`}`;
  const which = other.length === 0 ? '' : say` ${other}`;
  const what = CODES[finding.code].group === 'upstream' ? 'failed request' : 'refused request';
  return say`${isCut ? 'More than ' : ''}${counted(count, what)}${from} since ${since}. ${othersOf(finding)}${which}`;
}

/** What became of the other requests. A token is accepted before the SCIM server fails, so that tells nothing of the server. */
function othersOf({ code, severity, facts }: Finding): string {
  const { acceptedAt, firstAt = '', cause, hasGoneBack } = facts;
  if (facts.isDirectoryDisabled) return 'Nothing is accepted while the directory is disabled.';
  if (CODES[code].group === 'upstream' || cause === 'doubled_path') {
    if (severity === 'degraded') return 'Other requests are getting through.';
    return facts.isAlone ? 'There were no other requests.' : 'No other requests have worked.';
  }
  // "Nothing" would contradict the sentence that it can read.
  if (code === 'insufficient_scope' && !(acceptedAt !== undefined && acceptedAt > firstAt))
    return `Reads are allowed, but we haven't accepted one ${acceptedAt === undefined ? 'yet' : 'since then'}.`;
  if (acceptedAt === undefined) return 'Nothing has ever been accepted.';
  if (code === 'refresh_token_superseded' && severity === 'degraded' && !hasGoneBack)
    return 'The other installation keeps working.';
  if (CODES[code].group === 'token_endpoint' && severity === 'degraded' && !ENDS_ACCESS.has(code))
    return 'Other requests will stop when the current access token expires.';
  if (CODES[code].group === 'token_endpoint' && acceptedAt > firstAt)
    return 'Other requests were accepted until the access token expired.';
  return acceptedAt > firstAt ? 'Other requests are being accepted.' : 'Nothing has been accepted since then.';
}

/**
 * The other token or connection, unless a SCIM server that is down makes it fail as well. One that fails with its connection switches to no
 * token that lies there besides.
 */
function spare({ code, facts: { usable, kind: failing, isDirectoryDisabled } }: Finding): Text {
  if (
    !usable ||
    isDirectoryDisabled ||
    CODES[code].group === 'token_endpoint' ||
    CODES[code].group === 'upstream' ||
    (failing === 'oauth' && usable.kind === 'bearer')
  )
    return [];
  const { kind, hint, usedAt } = usable;
  const named = hint === UNKNOWN_HINT ? 'The imported token' : `The token that ends in …${hint}`;
  const what = kind === 'oauth' ? 'The connection' : named;
  return usedAt === undefined
    ? say`${what} is valid, but has never been used.`
    : say`${what} is valid, and was last used ${date(usedAt)}.`;
}

/** A token within a sentence: `the token that ends in …LDy1`. */
export function token({ finding }: Speech): string {
  const { kind, hint, label } = finding.facts;
  if (kind === 'oauth') return label === undefined ? 'the connection' : `the connection “${label}”`;
  if (hint !== undefined) return `the token that ends in …${hint}`;
  return label === undefined ? 'the token' : `the token “${label}”`;
}

/** Whether it was the person who reads. What is sent elsewhere is read by others. */
export function isReader({ by, byType }: Origin, { audience, person, isAway }: Reader): boolean {
  return !isAway && by !== undefined && by === person && byType === audience && by !== 'IT contact';
}

export function whoDid(speech: Speech): string {
  const { finding, audience, vendor } = speech;
  const { by, byType } = finding.facts;
  if (isReader(finding.facts, speech)) return 'you';
  if (byType === 'system') return vendor || 'Latchkey';
  if (audience === 'it_contact' && byType !== 'it_contact') return by === undefined ? 'someone' : vendor;
  if (byType !== 'it_contact')
    return byType === 'operator' && by !== undefined ? `${by} from your team` : keyOr(finding.facts, 'someone');
  const who = by === undefined || by === 'IT contact' ? 'someone' : by;
  return audience === 'it_contact' ? `${who} from your organization` : `${who} from the customer's IT`;
}

/** A key acts by the name that somebody gave it, which may be anything. */
export function keyOr({ by, byType }: Origin, unnamed: string): string {
  return by !== undefined && byType === 'api_key' ? `the API key “${by}”` : (by ?? unnamed);
}

/** "They gave this reason: ...", where a person typed one. */
export function reasonOf(speech: Speech): Text {
  const { facts } = speech.finding;
  const { reason, byType } = facts;
  if (reason === undefined || byType === 'system') return [];
  return say` ${isReader(facts, speech) ? 'You' : 'They'} gave this reason: “${reason.replace(/[.“”]+$/, '')}”.`;
}

export function formOf({ idp }: Speech, kind: 'bearer' | 'oauth'): ConsoleForm {
  return (kind === 'oauth' ? idp.console.oauth : undefined) ?? idp.console.bearer;
}

const OWN_NAMES: Record<Extract<Filling, string>, string> = {
  endpoint: 'base URL',
  token: 'token',
  'token-url': 'token URL',
  'authorization-url': 'authorization URL',
  'client-id': 'client ID',
  'client-secret': 'client secret',
};

/** How its console labels a field. */
export function field({ idp }: Speech, filling: Extract<Filling, string>): string {
  const forms = [idp.console.bearer, idp.console.oauth].filter((form) => form !== undefined);
  const found = forms.flatMap(({ fields }) => fields).find((candidate) => candidate.filling === filling);
  return found?.label ?? OWN_NAMES[filling];
}

/** "In Okta, open Applications → your app → Provisioning": the form as it is found once it was filled in. */
export function open(speech: Speech, kind: 'bearer' | 'oauth'): Text {
  return say`In ${speech.name}, open ${path(placeOf(speech, kind).path)}`;
}

/** Where the form is edited; before anything ever came from it, where it is made. The set-up of a directory goes by the same. */
export function placeOf(speech: Speech, kind: 'bearer' | 'oauth'): Pick<ConsoleForm, 'path' | 'buttons'> {
  const { code, facts } = speech.finding;
  const form = formOf(speech, kind);
  const isNew = CODES[code].group === 'never_worked' && facts.acceptedAt === undefined;
  return isNew ? form : (form.again ?? form);
}

export function press(speech: Speech, kind: 'bearer' | 'oauth'): Text {
  return say`Then select ${path(placeOf(speech, kind).buttons)}.`;
}

/** Open the form, paste the token that would work into its field, test. A token is shown once, so most people need another one. */
export function pasteToken(speech: Speech, how?: string): Text[] {
  const { usable, kind, isOauth } = speech.finding.facts;
  // What was damaged or has a place of its own in the field is a token that someone pasted.
  const isPasted = kind === 'bearer' || how !== undefined;
  if (usable?.kind === 'oauth' || (!usable && isOauth && !isPasted)) return useConnection(speech);
  const into = say`into ${ui(field(speech, 'token'))}${how === undefined ? '' : `, ${how}`}`;
  return [
    fetchToken(speech),
    say`${open(speech, 'bearer')}, and paste ${fetched(speech)} ${into}.`,
    press(speech, 'bearer'),
  ];
}

/** Where the token to paste comes from: a new one, or one that is there and was saved. */
export function fetchToken(speech: Speech): Text {
  const { usable } = speech.finding.facts;
  // What was imported was in use elsewhere: nobody was shown it here, to save it.
  if (!usable || usable.isImported) return say`${act('generate-token')} on this page.`;
  return hasOwnUnused(speech.finding, speech)
    ? say`Use ${oneCreated(speech, usable)}. Nothing has used it yet. If it wasn't saved: ${act('generate-token')} on this page.`
    : say`${act('generate-token')} on this page, ${unlessSaved(speech, usable)}.`;
}

/** The token of `fetchToken`, in the step after it. */
export function fetched({ finding }: Speech): string {
  const { usable } = finding.facts;
  return usable && !usable.isImported ? 'that token' : 'the new token';
}

/** The reader's organization generated a token after the latest refusal, and it waits to be pasted. */
export function hasOwnUnused({ facts }: Finding, { audience }: Pick<Reader, 'audience'>): boolean {
  const { usable, lastAt = '' } = facts;
  const isOwn = audience === 'it_contact' && usable?.byType === 'it_contact';
  return isOwn && usable.usedAt === undefined && (usable.createdAt ?? '') > lastAt;
}

/**
 * `unless you saved the one that ends in …LDy1, which Priya Nair created yesterday`: tokens and secrets are told apart by it. An operator asks
 * the person who created it.
 */
export function unlessSaved(speech: Speech, made: Origin & { hint: string }): Text {
  if (speech.audience === 'it_contact') return say`unless you saved ${oneCreated(speech, made)}`;
  const created = date(made.createdAt);
  const unnamed = made.byType === 'it_contact' ? "the customer's IT contact" : 'someone';
  const named = makerOf(made) === undefined ? unnamed : keyOr(made, unnamed);
  const who = isReader(made, speech) ? 'you' : made.byType === 'api_key' ? `the user of ${named}` : named;
  return say`unless ${who} saved the one that ends in …${made.hint}${created === undefined ? '' : say`, created ${created}`}`;
}

/** For an IT contact: `the one that ends in …LDy1, which Priya Nair created yesterday`. */
function oneCreated(speech: Speech, made: Origin & { hint: string }): Text {
  const created = date(made.createdAt);
  const theirs = isReader(made, speech) ? 'you' : (makerOf(made) ?? 'someone at your organization');
  const who = made.byType === 'it_contact' ? theirs : speech.vendor;
  return say`the one that ends in …${made.hint}${created === undefined ? '' : say`, which ${who || 'someone'} created ${created}`}`;
}

function makerOf({ by, byType }: Origin): string | undefined {
  return by === undefined || by === 'IT contact' || byType === 'system' ? undefined : by;
}

/** What makes a token hard to find again, for the steps of `pasteToken`. */
export function tokenNotes({ finding }: Speech): Text[] {
  const { usable, earlier } = finding.facts;
  if (usable?.kind !== 'bearer') return [];
  return [
    ...(earlier
      ? [say`The earlier token (…${earlier.hint}) still works too. It was last used ${date(earlier.usedAt)}.`]
      : []),
    say`A token is shown only once, when it is generated. It cannot be looked up later.`,
  ];
}

/** Until the form of the identity provider has all that it needs. */
function chooseConnection(speech: Speech): Text[] {
  const { usable, needsClient, usableClientId } = speech.finding.facts;
  const [choice = 'choose OAuth instead of a token'] = formOf(speech, 'oauth').fields.flatMap(({ label, filling }) =>
    typeof filling === 'object' && 'select' in filling ? [say`set ${ui(label)} to ${ui(filling.select)}`] : [],
  );
  const form = say`${open(speech, 'oauth')}, and ${choice}.`;
  const [id, secret] = [ui(field(speech, 'client-id')), ui(field(speech, 'client-secret'))];
  if (usableClientId !== undefined)
    return [say`${form} Paste the client ID below into ${id}, and the client secret into ${secret}.`];
  if (needsClient && !usable)
    return [
      say`${act('create-client')} on this page. The client in ${speech.name} can't connect again.`,
      say`${form} Paste the new client ID into ${id}, and the new client secret into ${secret}.`,
    ];
  return [say`${form}${usable ? ' The connection itself is ready.' : ''}`];
}

/** The identity provider sends something else than an access token of its connection, which may be there or has to be made. */
export function useConnection(speech: Speech): Text[] {
  const { usable, isMachine } = speech.finding.facts;
  return [
    ...chooseConnection(speech),
    press(speech, 'oauth'),
    ...(usable || isMachine ? [] : [say`Allow the connection on the page that opens.`]),
    say`To ${usable ? 'stay with' : 'use'} a token instead: ${act('generate-token')} on this page, and paste it into ${ui(field(speech, 'token'))}.`,
  ];
}

/** Put our URL into the field for it. */
export function pasteEndpoint(speech: Speech): Pick<Words, 'steps' | 'value'> {
  const label = field(speech, 'endpoint');
  return {
    steps: [
      say`${open(speech, 'bearer')}, and replace the value of ${ui(label)} with the URL below.`,
      press(speech, 'bearer'),
    ],
    value: { label, value: speech.directory.endpointUrl },
  };
}

export function pasteInto(speech: Speech, filling: 'client-id' | 'client-secret', what: string): Text[] {
  return [say`${open(speech, 'oauth')}, and paste ${what} into ${ui(field(speech, filling))}.`, press(speech, 'oauth')];
}

/** Connect anew, by hand. A client that nobody allows only has to try again. */
export function connectAgain(speech: Speech): Text[] {
  const { buttons } = formOf(speech, 'oauth');
  const isNew = CODES[speech.finding.code].group === 'never_worked';
  if (speech.finding.facts.isMachine) return [say`${open(speech, 'oauth')}.`, press(speech, 'oauth')];
  return [
    say`${open(speech, 'oauth')}, and connect${isNew ? '' : ' again'} with ${path(buttons)}.`,
    say`Allow the connection on the page that opens.`,
  ];
}

/** What its own file says about how people get this wrong there. */
export function mistakeOf({ idp }: Speech, code: Code): { says: string; fix: string } | undefined {
  return idp.mistakes.find((mistake) => mistake.code === code);
}

/** Makes the words of refusals: what the file of the identity provider knows of a mistake follows the cause, and its fix is what to do there. */
export function refusalsBy(
  kind: 'bearer' | 'oauth',
  begin: (speech: Speech) => Pick<Words, 'lead' | 'detail'>,
  /** Whether what the fix speaks of is there to be used. */
  isFixable: (speech: Speech) => boolean = () => true,
) {
  return (
    code: Code,
    what: (speech: Speech) => Text,
    steps: (speech: Speech) => Text[],
    unseen?: string | ((speech: Speech) => string | undefined),
    notes: (speech: Speech) => Text[] = kind === 'bearer' ? tokenNotes : () => [],
  ): Speak =>
    (speech) => {
      const mistake = mistakeOf(speech, code);
      const general = steps(speech);
      const isFixed = mistake && isFixable(speech);
      const done = isFixed ? fixed(speech, kind, mistake.fix, general) : general;
      return {
        ...begin(speech),
        rest: mistake ? say`${what(speech)} ${labelled(speech, mistake.says)}` : what(speech),
        steps: done,
        ...(actsIn(done).length > 0 && { notes: notes(speech) }),
        ...unseenOf(typeof unseen === 'function' ? unseen(speech) : unseen),
      };
    };
}

export function unseenOf(unseen: string | undefined): Pick<Words, 'unseen'> {
  return unseen === undefined ? {} : { unseen };
}

/** What the file of the identity provider says to do, in its form. What has to be pasted is fetched before. */
function fixed(speech: Speech, kind: 'bearer' | 'oauth', fix: string, general: Text[]): Text[] {
  const fetches = general.filter((step) => actsIn([step]).length > 0);
  const isPasted = /paste/i.test(fix);
  return [
    ...(isPasted ? fetches : []),
    say`${open(speech, kind)}.`,
    labelled(speech, fix),
    press(speech, kind),
    ...(isPasted ? [] : fetches.map((step) => say`If it is still refused after that: ${step}`)),
  ];
}

/** A sentence of the identity provider's file, with the labels of its forms shown as what they are. */
function labelled(speech: Pick<Speech, 'idp'>, text: string): Text {
  const { idp } = speech;
  const labels = [idp.console.bearer, idp.console.oauth]
    .flatMap((form) => form?.fields ?? [])
    .flatMap(({ label, filling }) =>
      typeof filling === 'object' && 'select' in filling ? [label, filling.select] : [label],
    )
    .filter((label) => text.includes(label))
    .sort((a, b) => b.length - a.length);
  const [longest] = labels;
  if (longest === undefined) return [text];
  const [before = '', ...after] = text.split(longest);
  const rest = after.join(longest);
  return [
    ...(before === '' ? [] : labelled(speech, before)),
    ui(longest),
    ...(rest === '' ? [] : labelled(speech, rest)),
  ];
}

/** Whose turn it is, where the reader can do nothing. */
export function vendorDoes(speech: Speech, steps: Text[], what: string): Text[] {
  if (speech.audience === 'operator') return steps;
  const does = say`${capital(speech.vendor)} ${what}. You don't have to change anything in ${speech.name}.`;
  const { severity } = speech.finding;
  return severity === 'failing' || severity === 'degraded'
    ? [say`Ask ${speech.vendor} about it, and send them the details: ${act('copy-ticket')}.`, does]
    : [does];
}

export function kindsOf(kinds: string | undefined): string {
  const named = (kinds ?? '').split(' ').map((kind) => KIND_NAMES[kind] ?? kind);
  return list([...new Set(named)].filter((name) => name !== ''));
}

const KIND_NAMES: Record<string, string> = {
  look_up: 'looking up users',
  create: 'creating users',
  update: 'updating users',
  delete: 'deleting users',
  group: 'working with groups',
  discovery: 'discovery',
};
