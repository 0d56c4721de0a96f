/** What a failure means for the users of a directory until it is fixed, and what has to follow then. */
import { CODES, type Code, type Group } from './codes.ts';
import { capital, path, say, type Text } from './say.ts';
import type { Speech } from './speech.ts';

const STOPPING: ReadonlySet<Group> = new Set(['presented', 'not_usable', 'wrong_place', 'token_endpoint', 'upstream']);

/** The SCIM server may have done what was asked, or is asked again: what fails is the way back, or the pace. */
const MAY_BE_DONE: ReadonlySet<Code> = new Set([
  'upstream_cut',
  'upstream_slow',
  'upstream_limits',
  'upstream_unreadable',
]);

/** Empty for what stops nothing, or is not known to be the identity provider's. */
export function impactOf(speech: Speech): Text {
  const says = meanwhile(speech);
  const then = says.length === 0 ? [] : afterwards(speech);
  return then.length === 0 ? says : say`${says} ${then}`;
}

function meanwhile(speech: Speech): Text {
  const { code, severity, certainty } = speech.finding;
  const { group } = CODES[code];
  if (code === 'upstream_rejects_content')
    return say`Until this is fixed, a rejected request changes nothing, not even what the SCIM server would accept of it.`;
  if (code === 'insufficient_scope') return say`Until this is fixed, the refused changes are missing here.`;
  if (certainty !== 'known' || !STOPPING.has(group)) return [];
  if (severity === 'failing')
    return say`Until this is fixed, ${speech.name} ${answered(speech)}can't create, change or deactivate users here.`;
  return group === 'upstream' && !MAY_BE_DONE.has(code)
    ? say`Until this is fixed, the requests that fail change nothing.`
    : [];
}

/** What it gets in place of an answer, where the SCIM server fails. */
function answered({ finding: { code, facts } }: Speech): string {
  if (code === 'upstream_unreachable' || code === 'upstream_not_set' || code === 'upstream_cut')
    return 'gets a 502, and ';
  if (code === 'upstream_unreadable') return `probably can't read the responses, and `;
  const isPassedOn = code === 'upstream_failing' || code === 'upstream_wrong_base' || code === 'upstream_not_scim';
  return isPassedOn && facts.status !== undefined ? `gets the ${facts.status}, and ` : '';
}

/** Nothing is missing where nothing ever came. */
function afterwards(speech: Speech): Text {
  const {
    finding: { code, facts },
    idp,
    name,
  } = speech;
  const { isAutomatic } = idp.recovery;
  const isBehind = CODES[code].group === 'upstream';
  if ((facts.acceptedAt === undefined && !isBehind) || code === 'directory_disabled') return [];
  if (isAutomatic === 'yes') return say`Afterwards, ${name} will send the failed changes again.`;
  const again = sendAgain(speech);
  if (isAutomatic === 'partly')
    return again
      ? say`${theyDo(speech, again, 'Afterwards,')}. ${idp.recovery.says}`
      : say`Afterwards: ${idp.recovery.says}`;
  if (isAutomatic === 'unknown') return say`${idp.recovery.says}`;
  return again ? say`${theyDo(speech, again, 'Afterwards,')}. That sends the failed changes again.` : [];
}

/** What only an administrator at the customer can do there: an operator asks them to. `does` begins with a verb. */
export function theyDo({ audience }: Speech, does: Text, before = ''): Text {
  if (audience === 'operator') return say`${begun(before, 'ask')} the customer's IT contact to ${does}`;
  const [first, ...rest] = does;
  return typeof first === 'string' ? [before === '' ? capital(first) : `${before} ${first}`, ...rest] : does;
}

function begun(before: string, verb: string): string {
  return before === '' ? capital(verb) : `${before} ${verb}`;
}

/** "open Dashboard → Tasks in Okta, and select Retry Selected": how failed changes are sent again by hand, where there is such a way. */
export function sendAgain({ idp, name }: Speech): Text | undefined {
  const { byHand } = idp.recovery;
  return byHand && say`open ${path(byHand.path)} in ${name}, and select ${path(byHand.buttons)}`;
}
