/** What each finding says to people: the sentence that leads, what to do in the identity provider's own words, and what we cannot see. */
import { IDENTITY_PROVIDERS, identityProviderOfAgent } from '../identity-providers/index.ts';
import { CODES, type Code, type Group } from './codes.ts';
import type { Finding } from './finding.ts';
import { impactOf } from './impact.ts';
import { plain, say, type Text } from './say.ts';
import { type Reader, type Speak, type Speech, type Spoken, speechOf, type Words } from './speech.ts';
import { OAUTH_WORDS } from './words-of-oauth.ts';
import { REQUEST_WORDS } from './words-of-requests.ts';
import { STATE_WORDS } from './words-of-states.ts';
import { UPSTREAM_WORDS } from './words-of-upstream.ts';

/** The compiler wants words for every code. */
const WORDS: Record<Code, Speak> = { ...REQUEST_WORDS, ...OAUTH_WORDS, ...UPSTREAM_WORDS, ...STATE_WORDS };

export function wordsOf(finding: Finding, directory: Spoken, reader: Reader): Words {
  const speech = speechOf(finding, directory, reader);
  const spoken = WORDS[finding.code](speech);
  const besides = [otherSender(speech), impactOf(speech)].filter((note) => note.length > 0);
  const said = besides.length === 0 ? spoken : { ...spoken, notes: [...(spoken.notes ?? []), ...besides] };
  const placed = reader.isAway ? fromAfar : fromNear;
  const words = { ...said, steps: said.steps.map(placed), ...(said.notes && { notes: said.notes.map(placed) }) };
  const isProbable = finding.certainty === 'likely' && !/probabl/i.test(words.lead + plain(words.rest));
  if (!isProbable || words.unseen !== undefined) return words;
  return { ...words, unseen: `for certain that these requests come from this directory's identity provider.` };
}

/** Requests that bear the name of another identity provider: the customer may have moved, and the steps would lead to the old one. */
function otherSender({ finding: { code, facts }, directory: { provider }, name, audience }: Speech): Text {
  const sender = facts.userAgent === undefined ? undefined : identityProviderOfAgent(facts.userAgent);
  const isRefusal = REFUSALS.has(CODES[code].group);
  if (!isRefusal || sender === undefined || sender === provider || provider === 'generic') return [];
  const other = IDENTITY_PROVIDERS[sender].name;
  return audience === 'operator'
    ? say`This directory is set up for ${name}, but the requests name ${other} as their sender. If the customer uses ${other} now, these changes belong there.`
    : say`This directory is set up for ${name}, but the requests name ${other} as their sender. If you use ${other} now, make these changes there.`;
}

const REFUSALS: ReadonlySet<Group> = new Set(['presented', 'not_usable', 'wrong_place', 'token_endpoint']);

function fromAfar(step: Text): Text {
  return step.map((part) => (typeof part === 'string' ? part.replaceAll('this page', "the directory's page") : part));
}

/** What a button leads to may be the next page; the button itself stands below the steps. */
function fromNear(step: Text): Text {
  return step.map((part, index) => {
    const before = step[index - 1];
    const isAfterButton = typeof before === 'object' && 'act' in before;
    return typeof part === 'string' && isAfterButton ? part.replace(/^ on this page/, ' with the button below') : part;
  });
}

/** A finding as plain text, for a ticket: no secrets, and no other tenant. */
export function ticketOf(finding: Finding, directory: Spoken, reader: Reader): string {
  const {
    lead,
    rest,
    detail,
    steps,
    notes = [],
    value,
    unseen,
  } = wordsOf(finding, directory, {
    ...reader,
    isAway: true,
  });
  const lines = [
    `${directory.name}: ${lead} ${plain(rest)}`.trim(),
    ...(detail && detail.length > 0 ? [plain(detail)] : []),
    '',
    ...(steps.length > 0 ? ['What to do:', ...steps.map((step, index) => `${index + 1}. ${plain(step)}`)] : []),
    ...notes.map(plain),
    ...(value ? [`${value.label}: ${value.value}`] : []),
    ...(unseen !== undefined ? [`What we can't see: ${unseen}`] : []),
    '',
    plain(say`Since ${new Date(finding.since)}. Finding: ${finding.code}.`),
    ...(finding.facts.requestId !== undefined
      ? [`Request ID of the latest failed request: ${finding.facts.requestId}`]
      : []),
    ...(finding.evidence.length > 0 ? [`Events: ${finding.evidence.join(', ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
