/** The words of findings about tokens and URLs: presented wrongly, known but not usable, sent to the wrong place. */
import type { Code } from './codes.ts';
import { sendAgain, theyDo } from './impact.ts';
import { act, capital, path, say, type Text, ui } from './say.ts';
import {
  connectAgain,
  date,
  fetched,
  fetchToken,
  field,
  formOf,
  isReader,
  keyOr,
  mistakeOf,
  open,
  pasteEndpoint,
  pasteToken,
  placeOf,
  press,
  reasonOf,
  refusalsBy,
  refused,
  type Speak,
  type Speech,
  tally,
  token,
  tokenNotes,
  unseenOf,
  useConnection,
  vendorDoes,
  type Words,
  whoDid,
} from './speech.ts';

/** Why it was disabled, as far as somebody said it. */
function whyOf(speech: Speech): Text {
  const { facts } = speech.finding;
  if (facts.reason !== undefined) return reasonOf(speech);
  return isReader(facts, speech) ? [] : [' They gave no reason.'];
}

/** Before a directory is enabled again. The one who knows may be the one who reads. */
function findOut(speech: Speech): string {
  const { facts } = speech.finding;
  const { by, byType } = facts;
  if (isReader(facts, speech)) return 'Decide whether it is meant to stay disabled.';
  if (by === undefined) return 'Find out who disabled it, and whether it is meant to stay disabled.';
  const whom = byType === 'api_key' ? `the user of ${keyOr(facts, '')}` : by;
  return `Find out from ${whom} whether it is meant to stay disabled.`;
}

/** Only where a newer token waits can the form hold one that was not saved. */
function unsaved({ finding: { facts } }: Speech): string | undefined {
  const { usable } = facts;
  return usable?.kind === 'bearer' && usable.usedAt === undefined
    ? 'whether the token in the identity provider was changed but not saved.'
    : undefined;
}

/** Without a token that works there is none to paste another way. */
const refusal = refusalsBy(
  'bearer',
  (speech) => ({ lead: refused(speech), detail: tally(speech) }),
  ({ finding }) => finding.facts.usable?.kind === 'bearer',
);

const OTHER_SECRETS: Record<string, string> = {
  client_secret_presented: 'the client secret',
  client_id_presented: 'the client ID',
  refresh_token_presented: 'a refresh token',
  code_presented: 'an authorization code',
  api_key_presented: 'an API key',
  portal_link_presented: 'a portal or sign-in link',
  endpoint_url_presented: 'a URL',
};

function exposed(speech: Speech): Words {
  const { finding, Name } = speech;
  const { detail = '' } = finding.facts;
  const isKey = detail === 'api_key_presented';
  return {
    lead: `Someone else may have ${OTHER_SECRETS[detail] ?? 'a secret'} of yours.`,
    rest: say`${Name} is sending it where the token belongs, so someone pasted it there.`,
    steps: vendorDoes(
      speech,
      isKey
        ? [
            say`Find out which API key it is, and create another one for the software that uses it.`,
            say`Revoke the API key that was pasted.`,
          ]
        : [say`Revoke that link and create another one.`],
      `can revoke ${isKey ? 'the API key' : 'the link'}`,
    ),
    unseen: `which ${isKey ? 'API key' : 'link'} it is. We don't keep what was sent.`,
  };
}

const PLACES: Record<string, { named: string; unnamed: string }> = {
  header: { named: 'the header', unnamed: 'another header' },
  cookie: { named: 'the cookie', unnamed: 'a cookie' },
  body: { named: 'the form field', unnamed: 'the body' },
  query: { named: 'the URL parameter', unnamed: 'the URL' },
};

/** “the header X-Api-Key”: where a token was instead of the Authorization header. */
function tokenPlaceOf({ finding: { facts } }: Speech, unknown = 'another place'): Text {
  const [place = '', ...name] = (facts.foundIn ?? '').split(' ');
  const where = PLACES[place];
  if (where === undefined) return [unknown];
  return name.length === 0 ? [where.unnamed] : say`${where.named} ${ui(name.join(' '))}`;
}

const SAME_PAGE = 'The URL and the token must come from the same page.';

function elsewhere(speech: Speech): Words {
  const { isElsewhere, otherDirectory, otherId } = speech.finding.facts;
  if (isElsewhere)
    return otherDirectory === undefined || otherId === undefined
      ? {
          lead: refused(speech),
          rest: say`This directory's token is being sent to another directory's URL. ${SAME_PAGE}`,
          detail: tally(speech),
          ...pasteEndpoint(speech),
        }
      : {
          lead: `Its token is being sent to “${otherDirectory}”.`,
          rest: say`What to do is explained there: ${{ directory: otherId, name: otherDirectory }}.`,
          detail: tally(speech),
          steps: [],
        };
  return otherDirectory === undefined
    ? {
        lead: refused(speech),
        rest: say`It's sending a token from another customer's directory to this directory's URL. ${SAME_PAGE}`,
        detail: tally(speech),
        steps: pasteToken(speech),
      }
    : {
        lead: refused(speech),
        rest: say`It's sending a token from the directory “${otherDirectory}” to the URL of “${speech.directory.name}”. ${SAME_PAGE}`,
        detail: tally(speech),
        ...pasteOneOfTwo(speech, otherDirectory),
      };
}

/** Two remedies, each right for one of the directories only: the condition comes first, and the likelier one is named. */
function pasteOneOfTwo(speech: Speech, other: string): Pick<Words, 'steps' | 'value' | 'notes' | 'unseen'> {
  const { otherUrl, isLikelyMeant } = speech.finding.facts;
  const [url, value] = [field(speech, 'endpoint'), field(speech, 'token')];
  const own = speech.directory.name;
  return {
    steps: [
      say`${open(speech, 'bearer')}, and find out which directory that app belongs to.${
        isLikelyMeant
          ? ` It's probably “${own}”: requests were accepted there until these began, and “${other}” has never had any.`
          : ''
      }`,
      say`If it belongs to “${own}”: ${fetchToken(speech)} Then paste ${fetched(speech)} into ${ui(value)}.`,
      say`If it belongs to “${other}”: replace the value of ${ui(url)} with the URL of “${other}”, below. The token stays.`,
      press(speech, 'bearer'),
    ],
    ...(otherUrl !== undefined && { value: { label: `${url} for “${other}”`, value: otherUrl } }),
    notes: tokenNotes(speech),
    unseen: 'which of the two directories is meant.',
  };
}

/** The way to the form once, then the option by which it sends a token, as its console calls both. */
function chooseToken(speech: Speech): Text[] {
  const option = formOf(speech, 'bearer').fields.flatMap(({ label, filling }) =>
    /auth/i.test(label) && typeof filling === 'object' && 'select' in filling
      ? [say`Set ${ui(label)} to ${ui(filling.select)}, and paste`]
      : [],
  )[0];
  return [
    fetchToken(speech),
    say`${open(speech, 'bearer')}.`,
    say`${option ?? 'Remove the user name and password, and paste'} ${fetched(speech)} into ${ui(field(speech, 'token'))}.`,
    press(speech, 'bearer'),
  ];
}

function wrongPlace(what: (speech: Speech) => Text): Speak {
  return (speech) => {
    const { finding, name, Name } = speech;
    const mistake = mistakeOf(speech, finding.code);
    const asked = /\[redacted\]/.test(finding.facts.given ?? '') ? undefined : finding.facts.given;
    return {
      lead:
        finding.certainty === 'likely' ? `${Name} is probably using the wrong URL.` : `${Name} is using the wrong URL.`,
      rest: say`${what(speech)}${asked === undefined ? '' : say` The last request was for ${{ value: asked }}.`}${
        mistake && finding.facts.cause !== 'doubled_path' ? ` ${mistake.says}` : ''
      }${
        finding.facts.foundIn === undefined
          ? ''
          : say` Its token is in the wrong place too: in ${tokenPlaceOf(speech)} instead of the Authorization header.`
      }`,
      detail: tally(speech),
      ...withAlready(speech, pasteEndpoint(speech)),
      unseen: `exactly what is entered in ${name}.`,
    };
  };
}

/** The URL is right already where something on the way changes the path. */
function withAlready({ audience, name, vendor }: Speech, { steps, value }: Pick<Words, 'steps' | 'value'>) {
  const already =
    audience === 'operator'
      ? say`If ${name} already has this URL, a proxy in front of this server is changing the path: check its rules.`
      : say`If ${name} already has this URL, send ${vendor} the details: ${act('copy-ticket')}.`;
  return { steps: [...steps, already], ...(value && { value }) };
}

/** The connection goes on, and the identity provider does not renew its access. */
function accessTokenExpired(speech: Speech): Words {
  const { Name, name } = speech;
  const { grantedAt } = speech.finding.facts;
  if (grantedAt !== undefined)
    return {
      lead: `${Name} has a new access token, but hasn't used it yet.`,
      rest: say`Its latest requests were refused because their access token had expired. It got the new one ${date(grantedAt)}.`,
      detail: tally(speech),
      steps: [say`Wait for the next request from ${name}. It shows whether the new access token is used.`],
    };
  return {
    lead: refused(speech),
    rest: say`It's sending an access token that has expired, instead of asking for a new one.`,
    detail: tally(speech),
    steps: connectAgain(speech),
    notes: [say`The connection itself has not ended. ${Name} normally gets a new access token automatically.`],
    unseen: `why ${name} isn't asking for a new one.`,
  };
}

/**
 * An access token of before, where a connection is there that gets new ones. One that was imported comes without its access tokens, which may
 * look like anything.
 */
function oldAccessToken(speech: Speech): Words | undefined {
  const { usable, detail } = speech.finding.facts;
  if (usable?.kind !== 'oauth') return undefined;
  const isOurs = detail === 'access_token_unknown';
  if (!isOurs && !(usable.isImported && usable.usedAt === undefined)) return undefined;
  const url = field(speech, 'token-url');
  return {
    lead: refused(speech),
    rest: isOurs
      ? say`It's sending an access token that we don't recognize. It's probably an old one.`
      : say`It's sending a token that we don't recognize. It's probably an access token from the system before: those are not imported.`,
    detail: tally(speech),
    steps: [
      say`Wait until ${speech.name} asks for a new access token. It does that automatically.`,
      say`If it doesn't: ${open(speech, 'oauth')}, and check that ${ui(url)} is set to the URL below.`,
      say`If you change it, select ${path(placeOf(speech, 'oauth').buttons)}.`,
    ],
    value: { label: capital(url), value: speech.directory.tokenUrl },
    unseen: UNKNOWN_VALUE,
  };
}

const UNKNOWN_VALUE = "the value that it's sending. We don't keep unknown values.";

const unknownToken = refusal(
  'token_unknown',
  () => say`It's sending a token that we don't recognize. It isn't a current or earlier token of this directory.`,
  pasteToken,
  UNKNOWN_VALUE,
  (speech) => [...tokenNotes(speech), say`If you have a token and don't know which one it is: ${act('check-token')}.`],
);

const otherSecret = refusal(
  'other_secret_presented',
  ({ finding }) =>
    say`It's sending ${OTHER_SECRETS[finding.facts.detail ?? ''] ?? 'another secret'} where the token belongs.`,
  (speech) => (speech.finding.facts.usableClientId === undefined ? pasteToken(speech) : useConnection(speech)),
);

const foreignToken = refusal(
  'foreign_token',
  () => say`It's sending a token from another authorization server.`,
  (speech) => [
    say`${open(speech, 'bearer')}, and choose a static bearer token, or OAuth with the URLs on this page.`,
    ...pasteToken(speech),
  ],
  'which server issued it.',
);

/** Lets what may only read change things too: a token stays the same, and a connection gets its access from what it asks for. */
function writable(speech: Speech): Text[] {
  const { kind, isMachine } = speech.finding.facts;
  if (kind !== 'oauth')
    return [say`${act('allow-changes')} on this page. The token stays the same, so ${speech.name} can keep using it.`];
  const url = field(speech, isMachine ? 'token-url' : 'authorization-url');
  return [
    // Few forms have a field for scopes; elsewhere people add them to a URL.
    say`${open(speech, 'oauth')}. Look for ${{ value: 'scim.read' }} in ${ui(url)} and the other fields, and change it to ${{ value: 'scim' }}.`,
    press(speech, 'oauth'),
    ...(isMachine
      ? []
      : [
          say`Allow the connection on the page that opens.`,
          say`Once changes are accepted, revoke ${token(speech)}, which is no longer needed: ${act('choose-credential')}.`,
        ]),
  ];
}

export const REQUEST_WORDS = {
  token_missing: refusal(
    'token_missing',
    () => say`It's sending requests without a token.`,
    pasteToken,
    'whether the token field is empty, or whether something between the identity provider and us is removing the token.',
  ),
  token_in_query: (speech) => ({
    lead: refused(speech),
    rest: say`It's sending the token in ${tokenPlaceOf(speech, 'the URL')}. URLs end up in logs, so we accept a token only in the Authorization header.`,
    detail: tally(speech),
    steps: [
      // Anyone who can read the logs has the token that was in the URL.
      say`${act('generate-token')} on this page. The one in the URL may be in the logs of every server that it passed.`,
      say`${open(speech, 'bearer')}, and paste the new token into ${ui(field(speech, 'token'))}.`,
      say`Replace the value of ${ui(field(speech, 'endpoint'))} with the URL below, which has no token in it.`,
      press(speech, 'bearer'),
      say`Once requests are accepted, revoke the token that was in the URL: ${act('choose-credential')}.`,
    ],
    value: { label: field(speech, 'endpoint'), value: speech.directory.endpointUrl },
    notes: tokenNotes(speech),
  }),
  token_in_other_place: refusal(
    'token_in_other_place',
    (speech) => say`It's sending the token in ${tokenPlaceOf(speech)} instead of the Authorization header.`,
    (speech) => {
      const steps = pasteToken(speech);
      return [
        ...steps.slice(0, -1),
        say`Remove it from ${tokenPlaceOf(speech)}. If ${speech.name} doesn't set that, look for a proxy that does.`,
        ...steps.slice(-1),
      ];
    },
    'whether the identity provider puts it there, or something between it and us.',
  ),
  token_truncated: refusal(
    'token_truncated',
    ({ finding: { facts } }) =>
      facts.detail === 'token_mistyped'
        ? say`It's sending a mistyped token: the length is right, but at least one character differs.`
        : facts.sentLength === undefined
          ? say`It's sending an incomplete token. A token has 43 characters.`
          : facts.sentLength < 43
            ? say`It's sending an incomplete token: ${facts.sentLength} of its 43 characters. The beginning is there, but the end is missing.`
            : say`It's sending a token with ${facts.sentLength} characters. A token has 43.`,
    (speech) => pasteToken(speech, 'all 43 characters of it'),
    unsaved,
  ),
  token_doubled: refusal(
    'token_doubled',
    () => say`It's sending two tokens in one field.`,
    (speech) => pasteToken(speech, 'after clearing the field'),
    unsaved,
  ),
  token_with_blanks: refusal(
    'token_with_blanks',
    () => say`The token it's sending contains a space or line break.`,
    (speech) => pasteToken(speech, 'without spaces and line breaks'),
    unsaved,
  ),
  token_unknown: (speech) => oldAccessToken(speech) ?? unknownToken(speech),
  scheme_twice: refusal(
    'scheme_twice',
    () => say`The word Bearer appears twice before the token.`,
    (speech) => pasteToken(speech, 'without the word Bearer'),
  ),
  scheme_basic: refusal(
    'scheme_basic',
    () => say`It's sending a user name and password (Basic authentication) instead of a token.`,
    chooseToken,
  ),
  scheme_unknown: refusal(
    'scheme_unknown',
    () => say`It's sending a word other than Bearer before the token.`,
    (speech) => [
      say`${open(speech, 'bearer')}, and set the word before the token (the authentication type) to ${ui('Bearer')}.`,
      press(speech, 'bearer'),
    ],
  ),
  header_name_in_value: refusal(
    'header_name_in_value',
    () => say`The token field also contains the header name, Authorization.`,
    (speech) => pasteToken(speech, 'without the word Authorization'),
  ),
  header_twice: refusal(
    'header_twice',
    () => say`Each request has two Authorization headers.`,
    (speech) => [
      say`Look for a custom header in ${speech.name}, or a proxy, that adds an Authorization header, and remove it.`,
    ],
    'which of the two came from the identity provider.',
  ),
  value_quoted: refusal(
    'value_quoted',
    () => say`The token it's sending is in quotation marks.`,
    (speech) => pasteToken(speech, 'without quotation marks'),
  ),
  other_secret_presented: (speech) => {
    const { usableClientId } = speech.finding.facts;
    const label = capital(field(speech, 'client-id'));
    return {
      ...otherSecret(speech),
      ...(usableClientId !== undefined && { value: { label, value: usableClientId } }),
    };
  },
  secret_exposed: exposed,
  idp_own_token: refusal(
    'idp_own_token',
    (speech) =>
      mistakeOf(speech, 'idp_own_token')
        ? say`It isn't sending one of our tokens.`
        : say`It's sending its own token. It does that when ${ui(field(speech, 'token'))} is empty.`,
    pasteToken,
  ),
  foreign_token: (speech) => oldAccessToken(speech) ?? foreignToken(speech),

  token_revoked: (speech) => ({
    lead: refused(speech),
    rest: say`It's still sending ${token(speech)}, which ${whoDid(speech)} revoked ${date(speech.finding.facts.at)}.${reasonOf(speech)}`,
    detail: tally(speech),
    steps: pasteToken(speech),
    notes: tokenNotes(speech),
    ...unseenOf(unsaved(speech)),
  }),
  token_replaced: (speech) => ({
    lead: refused(speech),
    rest: say`It's still sending ${token(speech)}, which was replaced and stopped working ${date(speech.finding.facts.at)}.`,
    detail: tally(speech),
    steps: pasteToken(speech),
    notes: tokenNotes(speech),
    ...unseenOf(unsaved(speech)),
  }),
  token_expired: (speech) => {
    const { count = 0, expiresAt, at, detail } = speech.finding.facts;
    if (detail === 'access_token_expired') return accessTokenExpired(speech);
    const ended = date(expiresAt ?? at);
    return {
      lead: count > 0 ? refused(speech) : `${speech.Name} can't connect.`,
      rest: say`${capital(token(speech))} expired ${ended}.`,
      detail: tally(speech),
      steps: pasteToken(speech),
    };
  },
  token_disabled: (speech) => {
    const { count = 0, at } = speech.finding.facts;
    return {
      lead: count > 0 ? refused(speech) : `${speech.Name} can't connect.`,
      rest: say`${capital(whoDid(speech))} disabled ${token(speech)} ${date(at)}.${reasonOf(speech)}`,
      detail: tally(speech),
      steps:
        speech.audience === 'it_contact' && speech.finding.facts.byType !== 'it_contact'
          ? vendorDoes(speech, [], 'can enable it again')
          : [
              say`${act('enable-credential')} on this page. ${speech.finding.facts.kind === 'oauth' ? 'The connection' : 'The same value'} works again immediately.`,
            ],
    };
  },
  token_elsewhere: elsewhere,
  insufficient_scope: (speech) => ({
    lead: `${speech.Name} can read, but can't change anything.`,
    rest: say`Changes are being refused because ${speech.finding.facts.kind === 'oauth' ? 'the access token' : token(speech)} is read-only.`,
    detail: tally(speech),
    steps: [
      speech.audience === 'operator'
        ? say`Ask the customer first: read-only access may be intended. If it is, changes have to be turned off in ${speech.name}.`
        : say`Check with ${speech.vendor} first: read-only access may be intended. If it is, turn changes off in ${speech.name}.`,
      ...writable(speech),
    ],
  }),
  directory_disabled: (speech) => {
    const { at, count = 0 } = speech.finding.facts;
    const { says } = speech.idp.recovery;
    const again = sendAgain(speech);
    const isOperators = speech.audience === 'operator';
    const named = isReader(speech.finding.facts, speech) ? 'you' : keyOr(speech.finding.facts, 'someone');
    const who = capital(isOperators ? named : speech.vendor);
    return {
      lead: 'This directory is disabled.',
      rest: say`${who} disabled it ${date(at)}.${isOperators ? whyOf(speech) : ''} Every request from ${speech.name} is being refused.`,
      detail: tally(speech),
      steps: vendorDoes(
        speech,
        [
          say`${findOut(speech)} If it is, there is nothing to fix here: ask the customer to turn off provisioning in ${speech.name}, so that the requests stop.`,
          say`If it isn't: ${act('enable-directory')} on this page. The same tokens work again immediately.`,
          ...(count > 0 && again ? [say`${theyDo(speech, again, 'Then')}. That sends what was missed.`] : []),
        ],
        'can enable the directory again',
      ),
      ...(isOperators && count > 0 && { notes: [say`${says}`] }),
    };
  },

  wrong_path: wrongPlace(({ finding }) =>
    finding.facts.cause === 'doubled_path'
      ? say`It ends in a path that is then added again, such as /Users or /scim/v2. Requests go to paths such as /Users/Users, which don't exist.`
      : say`Requests are arriving at a path on this server that isn't the SCIM endpoint.`,
  ),
  wrong_endpoint_key: wrongPlace(() => say`Requests are arriving at the URL of a directory that does not exist.`),
  doubled_slash: wrongPlace(() => say`Requests are arriving at a URL with a double slash.`),
} satisfies Partial<Record<Code, Speak>>;
