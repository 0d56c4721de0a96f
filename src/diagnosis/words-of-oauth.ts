/** The words of findings about the authorization and token endpoints. */
import type { Code } from './codes.ts';
import { act, capital, path, say, span, type Text, ui } from './say.ts';
import {
  connectAgain,
  date,
  field,
  isReader,
  mistakeOf,
  open,
  pasteInto,
  placeOf,
  press,
  reasonOf,
  refusalsBy,
  refused,
  type Speak,
  type Speech,
  tally,
  unlessSaved,
  vendorDoes,
  type Words,
  whoDid,
} from './speech.ts';

function client({ finding }: Speech): string {
  const { clientName } = finding.facts;
  return clientName === undefined ? 'the client' : `the client “${clientName}”`;
}

/** "Access token requests from Okta are being refused." */
function lead({ finding, Name, name }: Speech): string {
  if (finding.severity === 'degraded') return `${Name} can't get a new access token.`;
  return finding.certainty === 'likely'
    ? `${Name} probably can't get an access token.`
    : `Access token requests from ${name} are being refused.`;
}

const refusal = refusalsBy('oauth', (speech) => ({ lead: lead(speech), detail: tally(speech) }));

const wrongSecret = () => say`It's sending the wrong client secret.`;
const noSecret = () => say`It isn't sending a client secret.`;

/** What came in place of the client secret, by the sub-reason. */
const SECRET_MISTAKES: Record<string, (speech: Speech) => Text> = {
  client_missing: noSecret,
  client_secret_missing: noSecret,
  client_proofs_disagree: () => say`The header and body of its token requests name different clients or secrets.`,
  client_id_as_secret: () => say`It's sending a client ID in place of the client secret.`,
  token_as_client_secret: () => say`It's sending a token in place of the client secret.`,
  client_secret_removed: ({ finding: { facts } }) =>
    facts.at === undefined
      ? say`It's sending a client secret that was removed.`
      : facts.hint === undefined
        ? say`It's sending a client secret that was removed ${date(facts.at)}.`
        : say`It's sending the client secret that ends in …${facts.hint}. That secret was removed ${date(facts.at)}.`,
};

/** A client that customers share is the vendor's, and so are its secrets. */
function isShared({ finding: { code, facts } }: Speech): boolean {
  return code !== 'client_deleted' && facts.clientId !== undefined && facts.clientName === undefined;
}

function newSecret(speech: Speech): Text[] {
  const paste = pasteInto(speech, 'client-secret', isShared(speech) ? 'the new client secret' : 'it');
  if (!isShared(speech))
    return [
      say`${act('add-client-secret')} on this page${saved(speech)}. Client secrets are created ${at(speech)}, not in ${speech.name}.`,
      ...paste,
    ];
  return speech.audience === 'operator'
    ? [say`${act('open-client')}, and add a secret there. Send it to the customer securely.`, ...paste]
    : [say`Ask ${speech.vendor} for a new client secret. Client secrets are not created in ${speech.name}.`, ...paste];
}

/** A secret that is there and would be accepted is pasted, if somebody saved it. */
function saved(speech: Speech): Text {
  const { liveSecret } = speech.finding.facts;
  return liveSecret === undefined ? [] : say`, ${unlessSaved(speech, liveSecret)}`;
}

const at = ({ audience, vendor }: Speech) =>
  audience === 'it_contact' && vendor !== '' ? `here, at ${vendor}` : 'here';

/** What becomes of the other secret. */
function secretNotes({ finding: { facts } }: Speech): Text[] {
  const { liveSecret, expiresAt, clientName } = facts;
  if (clientName === undefined) return [];
  const once = `A secret is shown only once. Adding one doesn't affect the others:`;
  if (liveSecret) {
    const end = date(liveSecret.expiresAt);
    return [
      say`${once} the one that ends in …${liveSecret.hint} keeps working${end === undefined ? '' : say` until ${end}`}.`,
    ];
  }
  return expiresAt === undefined
    ? []
    : [say`A secret is shown only once. The old one has expired and won't be accepted again.`];
}

/** Another client in place of one that can't be used any more: both of its values change. */
export function newClient(speech: Speech): Text[] {
  if (isShared(speech)) return connectAgain(speech);
  const [id, secret] = [ui(field(speech, 'client-id')), ui(field(speech, 'client-secret'))];
  return [
    say`${act('create-client')} on this page. It has a client ID and a client secret of its own.`,
    say`${open(speech, 'oauth')}, and paste them into ${id} and ${secret}.`,
    press(speech, 'oauth'),
    ...(speech.finding.facts.isMachine ? [] : [say`Allow the connection on the page that opens.`]),
  ];
}

function sender({ address, userAgent }: { address: string; userAgent?: string }): string {
  return userAgent === undefined ? address : `${address} (${userAgent})`;
}

/** The secret is not what is wrong, so another one is the way out alone, and only where one can be added. */
function lostSecret(speech: Speech): Text {
  if (isShared(speech)) return [];
  return speech.finding.facts.areSecretsFull
    ? say`No other secret can be added now. If you lost the secret, remove one first: ${act('compare-setup')}.`
    : say`If you lost the secret: ${act('add-client-secret')}.`;
}

/** The browser that connects comes back here, to the person who is signed in. */
function connectFromHere(speech: Speech): Text[] {
  const [go = [], ...then] = connectAgain(speech);
  const isHere = speech.audience === 'it_contact' && speech.isAway !== true;
  return [
    say`To see the values that belong there, choose “${act('compare-setup')}”.`,
    isHere ? say`${go} Use this browser: ${speech.name} brings you back here.` : go,
    ...then,
  ];
}

/** The vendor ended it and said nothing: it may be on purpose. */
function unexplained(speech: Speech): string {
  const { facts } = speech.finding;
  const { by, byType, reason } = facts;
  const { audience } = speech;
  const isNamed = by !== undefined && byType !== 'system' && !isReader(facts, speech);
  if (audience === 'operator') return isNamed && reason === undefined ? ' They gave no reason.' : '';
  const isVendors = audience === 'it_contact' && by !== undefined && byType !== 'it_contact' && byType !== 'system';
  return isVendors && reason === undefined ? " They gave no reason. If you didn't expect it, ask them first." : '';
}

/** Which of the two is the second one, and what it needs. */
function secondInstallation(speech: Speech): Text[] {
  const { address, userAgent, working } = speech.finding.facts;
  const from =
    address === undefined
      ? ''
      : ` It sends from ${sender({ address, ...(userAgent !== undefined && { userAgent }) })}.`;
  const other = working ? ` The one that works sends from ${sender(working)}.` : '';
  const { path: way, buttons } = placeOf(speech, 'oauth');
  return [
    say`In ${speech.name}, look for a second installation of the app, such as a copy or one in a test tenant.${from}${other}`,
    say`Turn provisioning off there if it isn't needed.`,
    say`If it is needed, give it a connection of its own: open ${path(way)} there, and select ${path(buttons)}.`,
    ...whichToReplace(speech),
    say`Reconnect the first one in the same way only if it is refused after that.`,
  ];
}

/** With both slots taken, the page that allows a connection asks which of the two it replaces. */
function whichToReplace({ finding: { facts } }: Speech): Text[] {
  const { areSlotsFull, usable } = facts;
  if (!areSlotsFull) return [];
  const full =
    'This directory already has two tokens or connections, so the page that opens asks which one to replace.';
  if (!usable) return [say`${full}`];
  const spare = usable.kind === 'bearer' ? `the token that ends in …${usable.hint}` : 'the other connection';
  return [
    usable.usedAt === undefined
      ? say`${full} Choose ${spare}: nothing has ever used it.`
      : say`${full} Before you choose ${spare}, make sure that nothing needs it. It was last used ${date(usable.usedAt)}.`,
  ];
}

/** One installation, with an older refresh token than it had. */
function goneBack(speech: Speech): Words {
  const { grantedAt, areSlotsFull } = speech.finding.facts;
  return {
    lead: lead(speech),
    rest: say`It's sending a refresh token that has been replaced by a newer one. It probably went back to an older copy of its settings, or couldn't save the newer token.`,
    detail: say`${tally(speech)} The newer token went to the same place ${date(grantedAt)}, and no token has been issued since.`,
    steps: connectAgain(speech),
    notes: [
      ...(areSlotsFull
        ? [
            say`This directory already has two tokens or connections. On the page that opens, replace the connection that is refused now.`,
          ]
        : []),
      say`The client ID and client secret in ${speech.name} stay the same. A refresh token that was replaced never works again.`,
    ],
  };
}

/** What was found in the assertion, by the fault that its event names; and what helps. */
const ASSERTIONS: Record<string, { what: string | ((by?: string, first?: string) => string); fix: string }> = {
  assertion_malformed: { what: 'It is not a signed JWT.', fix: 'Send a signed JWT as client_assertion.' },
  assertion_missing: {
    what: 'It has a client_assertion_type, but no client_assertion.',
    fix: 'Send the signed JWT as client_assertion.',
  },
  assertion_type: {
    what: 'Its client_assertion_type is missing or wrong.',
    fix: 'Send client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer.',
  },
  assertion_not_registered: {
    what: 'No key is registered for this client: it was set up with a client secret.',
    fix: 'Create a client with a public key (private_key_jwt), or use the client secret.',
  },
  assertion_algorithm: {
    what: 'It is signed with an algorithm that we do not accept.',
    fix: 'Sign it with RS256, PS256, ES256 or EdDSA.',
  },
  assertion_key_unknown: {
    what: 'The ID (kid) of the key that signed it is not registered.',
    fix: 'Register the public key under the key ID in the assertion, or register its JWKS URL.',
  },
  assertion_key_unusable: {
    what: 'The registered key cannot be used. RSA keys need at least 2048 bits.',
    fix: 'Create a new key pair and register its public key.',
  },
  assertion_signature: {
    what: 'Its signature does not match the registered public key.',
    fix: 'Register the public key that belongs to the private key in use.',
  },
  assertion_issuer: {
    what: 'Its issuer (iss) is not the one that was registered.',
    fix: 'Compare the issuer with the client on this page.',
  },
  assertion_subject: {
    what: 'Its subject (sub) is not the one that was registered.',
    fix: 'Compare the subject with the client on this page.',
  },
  assertion_audience: {
    what: 'Its audience (aud) is not the one that we accept.',
    fix: 'Set the audience to exactly the value below.',
  },
  assertion_expired: {
    what: (by, first) =>
      first === undefined
        ? `It had ${by === undefined ? 'already expired when' : `expired ${by} before`} it arrived. The sender's clock is slow, or the assertion was reused.`
        : first === by
          ? `It had expired ${by} before it arrived, the first time and the latest. The sender's clock is slow: a reused assertion would be later each time.`
          : `It had expired ${first} before it arrived the first time, and ${by} the latest time. The assertion was probably reused: a slow clock would make the same difference each time.`,
    fix: 'Correct the clock (NTP) on the system that signs the assertions, and sign a new one for each request.',
  },
  assertion_not_yet_valid: {
    what: (by) =>
      `It won't be valid ${by === undefined ? 'until later' : `for another ${by}`}. The sender's clock is ahead of ours.`,
    fix: 'Correct the clock (NTP) on the system that signs the assertions.',
  },
  assertion_milliseconds: {
    what: 'Its times (exp, iat, nbf) are in milliseconds.',
    fix: 'Send them in seconds.',
  },
  assertion_lives_too_long: {
    what: (by) => `Its lifetime is too long${by === undefined ? '' : `: it expires in ${by}`}.`,
    fix: 'Make assertions expire within ten minutes.',
  },
  assertion_replayed: {
    what: 'The same assertion had been used before.',
    fix: 'Sign a new assertion for each request.',
  },
};

function assertion(speech: Speech): Words {
  const { finding, directory } = speech;
  const { given, wanted, text, seconds, firstSeconds } = finding.facts;
  const known = ASSERTIONS[finding.facts.detail ?? ''];
  const mistake = mistakeOf(speech, 'assertion_wrong');
  const sides = given === undefined ? '' : say` It says ${{ value: given }}; we expect ${{ value: wanted ?? '' }}.`;
  const by = seconds === undefined ? undefined : span(seconds * 1000);
  const first = firstSeconds === undefined ? undefined : span(firstSeconds * 1000);
  const what = typeof known?.what === 'function' ? known.what(by, first) : known?.what;
  const generic = 'Check its key, its audience (aud), and the clock on the system that signs the assertions.';
  const isLate = finding.facts.detail === 'assertion_expired';
  const isAudience = finding.facts.detail === 'assertion_audience';
  return {
    lead: lead(speech),
    rest: say`The signed assertion from ${client(speech)} was not accepted. ${what ?? text ?? ''}${sides}`,
    detail: tally(speech),
    steps: [say`${known?.fix ?? generic}`, ...(mistake && isAudience ? [say`${mistake.fix}`] : [])],
    ...(isLate && {
      notes: [
        say`If the difference stays the same, the clock is off. If it grows, one assertion is sent again and again.`,
      ],
    }),
    ...(isAudience && { value: { label: 'Audience', value: wanted ?? directory.tokenUrl } }),
  };
}

const FORMS: Record<string, string> = {
  oauth_path_wrong: "It went to a path on this server that isn't an OAuth endpoint.",
  form_names_wrong:
    "Its parameters don't have the names or separators that OAuth requires, such as clientId in place of client_id.",
  form_multipart: 'Its body is multipart/form-data instead of a plain form.',
  form_json_broken: 'Its body is not valid JSON.',
  form_json_as_form: "Its body is JSON, but its content type doesn't say so.",
  form_as_json: "Its body is a form, but its content type says it's JSON.",
  form_parameters_in_url: 'Its parameters are in the URL instead of the body.',
  form_parameter_twice: 'One of its parameters appears twice.',
  token_request_by_get: 'It was sent with GET; the token endpoint requires POST.',
  code_missing: 'It has no authorization code.',
  refresh_token_missing: 'It has no refresh token.',
  token_missing: 'It has no token.',
  request_too_long: 'It is longer than 8 KiB.',
  state_too_long: 'Its state is longer than 2 KiB.',
  response_type_missing: 'It has no response_type.',
  response_type_wrong: 'Its response_type is not code.',
};

function swapped(speech: Speech): Words {
  const { directory } = speech;
  const isToken = speech.finding.code === 'token_url_as_authorize_url';
  const filling = isToken ? 'authorization-url' : 'token-url';
  const label = field(speech, filling);
  return {
    lead: `${speech.Name} is using the wrong URL.`,
    rest: isToken
      ? say`The token URL was entered as the authorization URL.`
      : say`The authorization URL was entered as the token URL.`,
    detail: tally(speech),
    steps: [
      say`${open(speech, 'oauth')}, and replace the value of ${ui(label)} with the one below.`,
      press(speech, 'oauth'),
    ],
    value: { label: capital(label), value: isToken ? directory.authorizationUrl : directory.tokenUrl },
  };
}

const unknownClient = refusal(
  'client_unknown',
  () => say`It's sending a client ID that we don't recognize.`,
  (speech) => [
    say`${act('compare-setup')} on this page. It shows the client ID.`,
    ...pasteInto(speech, 'client-id', 'that client ID'),
  ],
  'whether the ID belongs to another product.',
);

export const OAUTH_WORDS = {
  token_url_as_authorize_url: swapped,
  authorize_url_as_token_url: swapped,
  redirect_uri_unknown: (speech) => {
    const { given, wanted, isAppNamed } = speech.finding.facts;
    const mistake = mistakeOf(speech, 'redirect_uri_unknown');
    const isNamed = speech.audience === 'it_contact' && isAppNamed;
    const renamed = [
      say`${act('correct-app-name')} on this page: ${speech.name} includes it in the redirect URI.`,
      say`Then start the connection again in ${speech.name}.`,
    ];
    return {
      lead: `${speech.Name} asked us to return to a URL that isn't registered.`,
      rest:
        given === undefined
          ? say`The redirect URI doesn't exactly match any that is registered for ${client(speech)}.`
          : say`It sent ${{ value: given }}${wanted === undefined ? '' : say`; the registered one is ${{ value: wanted }}`}.`,
      detail: tally(speech),
      steps: isNamed
        ? renamed
        : vendorDoes(
            speech,
            [
              ...(mistake ? [say`${mistake.fix}`] : []),
              say`${act('open-client')}, and add the redirect URI as ${speech.name} shows it.`,
              say`Then start the connection again in ${speech.name}.`,
            ],
            'can add the redirect URI. Send them the one shown here',
          ),
      ...(given !== undefined && { value: { label: 'Redirect URI', value: given } }),
    };
  },
  client_unknown: (speech) => {
    const { wanted } = speech.finding.facts;
    const words = unknownClient(speech);
    if (wanted === undefined) return words;
    const { unseen: _unseen, ...rest } = words;
    return {
      ...rest,
      rest: say`It's sending a client ID that we don't recognize. It's nearly the same as the client ID of this directory.`,
      value: { label: capital(field(speech, 'client-id')), value: wanted },
    };
  },
  client_deleted: (speech) => {
    const { at, detail, isReplaced } = speech.finding.facts;
    const isSent = detail === 'client_removed' && at !== undefined;
    return {
      lead: lead(speech),
      rest: isSent
        ? say`It's still sending the ID of a client that was deleted ${date(at)}.`
        : say`${capital(client(speech))} was deleted, so the connection can't get any more tokens.`,
      detail: tally(speech),
      steps: isReplaced
        ? [
            say`${act('compare-setup')} on this page. It has a newer client.`,
            ...pasteInto(speech, 'client-id', 'its client ID'),
            say`Paste its client secret too. If you don't have it: ${act('add-client-secret')} on this page.`,
          ]
        : vendorDoes(speech, newClient(speech), 'has to create a new client for you'),
    };
  },
  client_secret_wrong: refusal(
    'client_secret_wrong',
    (speech) => (SECRET_MISTAKES[speech.finding.facts.detail ?? ''] ?? wrongSecret)(speech),
    newSecret,
    undefined,
    secretNotes,
  ),
  client_secret_expired: refusal(
    'client_secret_expired',
    ({ finding: { facts } }) =>
      facts.expiresAt === undefined
        ? say`Its client secret has expired.`
        : say`Its client secret expired ${date(facts.expiresAt)}.`,
    newSecret,
    undefined,
    secretNotes,
  ),
  client_secret_has_blanks: refusal(
    'client_secret_has_blanks',
    () => say`The client secret it's sending contains spaces or line breaks.`,
    (speech) => [
      say`${act('add-client-secret')} on this page${saved(speech)}.`,
      ...pasteInto(speech, 'client-secret', 'it, without spaces,'),
    ],
    undefined,
    secretNotes,
  ),
  client_id_and_secret_swapped: refusal(
    'client_id_and_secret_swapped',
    () => say`The client ID and client secret are swapped.`,
    (speech) => [
      say`${open(speech, 'oauth')}. For ${ui(field(speech, 'client-id'))}, enter the value that begins with client_.`,
      say`For ${ui(field(speech, 'client-secret'))}, enter the value that begins with scimcs_.`,
      press(speech, 'oauth'),
    ],
  ),
  client_method_wrong: refusal(
    'client_method_wrong',
    (speech) => say`${capital(client(speech))} was set up to authenticate in a different way.`,
    (speech) => [
      say`${act('compare-setup')} on this page. It shows the authentication method.`,
      say`${open(speech, 'oauth')}, and choose that method.`,
      press(speech, 'oauth'),
    ],
  ),
  assertion_wrong: assertion,
  jwks_unreachable: refusal(
    'jwks_unreachable',
    (speech) => say`We could not fetch the public keys (JWKS) for ${client(speech)}.`,
    (speech) =>
      vendorDoes(
        speech,
        [say`Check that the client's JWKS URL can be reached from this server.`],
        'has to check the URL of the public keys',
      ),
  ),
  grant_not_allowed: refusal(
    'grant_not_allowed',
    (speech) => say`${capital(client(speech))} is not allowed to use this grant type.`,
    (speech) =>
      vendorDoes(
        speech,
        [
          say`${act('open-client')}, and allow the grant type. Or choose another one in ${speech.name}.`,
          press(speech, 'oauth'),
        ],
        'has to allow the grant type, unless you choose the one that the setup shows',
      ),
  ),
  grant_unknown: refusal(
    'grant_unknown',
    () => say`The grant type in its token requests is missing or not supported.`,
    (speech) => [
      say`${open(speech, 'oauth')}, and choose client credentials or authorization code as the grant type.`,
      press(speech, 'oauth'),
    ],
  ),
  scope_unknown: refusal(
    'scope_unknown',
    () => say`It's asking for a scope that doesn't exist here.`,
    (speech) => [
      say`${open(speech, 'oauth')}, and set the scope to ${{ value: 'scim' }}, or leave it empty.`,
      press(speech, 'oauth'),
    ],
  ),
  scope_separator: refusal(
    'scope_separator',
    () => say`The scopes it's asking for are separated by commas or other characters.`,
    (speech) => [say`${open(speech, 'oauth')}, and separate the scopes with spaces.`, press(speech, 'oauth')],
  ),
  code_expired: refusal(
    'code_expired',
    () => say`It sent its authorization code too late. A code expires after two minutes.`,
    connectAgain,
  ),
  code_unknown: refusal(
    'code_unknown',
    () =>
      say`It's sending an authorization code that we don't recognize. The code was damaged on the way, or issued to another client.`,
    connectAgain,
    'whether the code was cut short, or belongs to another client or another server.',
  ),
  code_replayed: refusal(
    'code_replayed',
    () => say`It used an authorization code twice, so the tokens from the first use were revoked.`,
    connectAgain,
    'who used the code first.',
  ),
  pkce_wrong: refusal(
    'pkce_wrong',
    () => say`The code verifier (PKCE) does not match the one that the connection started with.`,
    connectAgain,
  ),
  refresh_token_unknown: refusal(
    'refresh_token_unknown',
    () => say`It's sending a refresh token that we don't recognize.`,
    connectAgain,
  ),
  refresh_token_superseded: (speech) => {
    const { working, hasGoneBack } = speech.finding.facts;
    if (hasGoneBack) return goneBack(speech);
    return {
      lead: working ? `Part of ${speech.name} can't get a new access token.` : lead(speech),
      rest: say`It's sending a refresh token that has been replaced by a newer one. Two installations are probably sharing one connection.`,
      detail: say`${tally(speech)}${working ? say` Another one got a new token ${date(working.at)}: ${sender(working)}.` : ''}`,
      steps: secondInstallation(speech),
      notes: [
        say`Each installation replaces the refresh token of the other. Reconnecting without separating them helps only for a few hours.`,
      ],
    };
  },
  refresh_token_reused: refusal(
    'refresh_token_reused',
    () =>
      say`It reused a refresh token that had been replaced by a newer one. Someone else may have a copy, so we revoked the connection.`,
    connectAgain,
  ),
  connection_ended: (speech) => {
    const { at, expiresAt, detail: word, by } = speech.finding.facts;
    const isExpired = word === 'connection_expired' || (by === undefined && expiresAt !== undefined);
    const isGone = word === 'directory_unknown';
    return {
      lead: refused(speech),
      rest: isGone
        ? say`The connection's directory was deleted.`
        : isExpired
          ? say`The connection expired ${date(expiresAt ?? at)}.`
          : say`${capital(whoDid(speech))} revoked the connection ${date(at)}.${reasonOf(speech)}${unexplained(speech)}`,
      detail: tally(speech),
      steps: speech.finding.facts.isMachine ? newClient(speech) : connectFromHere(speech),
      notes: speech.finding.facts.isMachine
        ? [say`The old client can't connect again: its connection has ended permanently.`]
        : [say`The client ID and client secret in ${speech.name} stay the same. ${lostSecret(speech)}`],
    };
  },
  connection_slots_full: refusal(
    'connection_slots_full',
    () => say`A directory can have at most two tokens or connections, and this one already had two.`,
    (speech) => [say`${act('choose-credential')} on this page: one that you don't need.`, ...connectAgain(speech)],
  ),
  consent_refused: (speech) => ({
    lead: 'The connection was declined.',
    rest: say`Someone chose Cancel when ${speech.name} asked to connect.`,
    detail: tally(speech),
    steps: connectAgain(speech),
  }),
  request_form_wrong: refusal(
    'request_form_wrong',
    ({ finding }) =>
      say`Its request is not in the format that OAuth requires. ${FORMS[finding.facts.detail ?? ''] ?? ''}`,
    (speech) => [
      say`${act('compare-setup')} on this page: the URLs and the authentication method.`,
      say`${open(speech, 'oauth')}, and correct what differs.`,
      say`If you wrote the program yourself, send the parameters in the body as application/x-www-form-urlencoded.`,
    ],
  ),
} satisfies Partial<Record<Code, Speak>>;
