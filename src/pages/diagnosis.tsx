/** What operators and IT contacts do with a diagnosis: copy it for a ticket, say that it is dealt with, and check a token. */
import { DAY_MS } from '../clock.ts';
import { type Check, type Checked, type Diagnoses, type Finding, ticketOf } from '../diagnosis/index.ts';
import type { Directories } from '../directories/index.ts';
import { Field, sent } from './fields.tsx';
import { Form, Submit } from './forms.tsx';
import { Head } from './heads.tsx';
import { capital, Moment, Status, Time } from './parts.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import { momentOf } from './then.tsx';
import type { Route, Visit } from './visit.tsx';

const MUTE_MS = 30 * DAY_MS;
const LONGEST_VALUE = 5000;

export function diagnosisRoutes(
  deps: SeenDependencies & { diagnoses: Diagnoses; directories: Directories; check: Check },
): Route[] {
  const { diagnoses, check } = deps;
  const seen = createSeen(deps);

  async function ticket(visit: Visit) {
    const directory = await seen.directory(visit);
    const address = `${visit.home}/directories/${directory.id}`;
    const at = momentOf(visit.query, visit.now);
    const past = at && (await diagnoses.at(directory, at));
    const { findings, at: of } = past ?? (await diagnoses.now(directory));
    const [lead] = findings;
    const text = lead ? ticketOf(lead, past?.spoken ?? diagnoses.spoken(directory), visit.reader) : '';
    const json = JSON.stringify({ directoryId: directory.id, at: of, findings: findings.map(shown) }, null, 2);
    return {
      title: `Report for a ticket: ${directory.name}`,
      place: 'organizations',
      children: (
        <>
          <Head trail={[...(visit.trail ?? []), [address, directory.name]]} title="Report for a ticket" />
          <p class="soft">
            The state of the directory as of <Moment at={new Date(of)} now={visit.now} />. It contains no secrets, and
            nothing about other organizations.
          </p>
          <Copyable title="As text" text={text} />
          <Copyable title="As JSON" text={json} />
        </>
      ),
    };

    /** The IT contact of one organization sees no member of the vendor's team by name. */
    function shown({ facts: { by, ...facts }, ...finding }: Finding) {
      return { ...finding, facts: visit.reader.audience === 'operator' && by !== undefined ? { ...facts, by } : facts };
    }
  }

  function checkPage(visit: Visit, checked?: Checked) {
    return {
      title: 'Check a token',
      place: 'organizations',
      children: (
        <>
          <Head trail={visit.trail ?? []} title="Check a token" />
          {checked && <Result checked={checked} visit={visit} />}
          <Form visit={visit} class="panel">
            <Field
              name="value"
              label="Token, or a full Authorization header"
              isRequired
              isSecret
              maximum={LONGEST_VALUE}
              hint="The check doesn't count as a use, and we don't keep the value."
            />
            <Submit name="Check" />
          </Form>
        </>
      ),
    };
  }

  return [
    { path: '/directories/:id/ticket', action: 'directories.read', get: ticket },
    {
      path: '/directories/:id/recovered',
      action: 'findings.settle',
      on: '/directories/:id',
      async post(visit) {
        const directory = await seen.directory(visit);
        await diagnoses.dismissRecovery(directory, visit.attribution);
        return `${visit.home}/directories/${directory.id}`;
      },
    },
    {
      path: '/directories/:id/quiet',
      action: 'findings.settle',
      on: '/directories/:id',
      async post(visit) {
        const directory = await seen.directory(visit);
        const until = visit.query.has('mute') && new Date(visit.now.getTime() + MUTE_MS);
        if (until) await diagnoses.muteSilence(directory, until, visit.attribution);
        else await diagnoses.expectSilence(directory, visit.attribution);
        return `${visit.home}/directories/${directory.id}`;
      },
    },
    {
      path: '/check-token',
      action: 'tokens.check',
      get: async (visit) => checkPage(visit),
      async post(visit) {
        const value = sent(visit.form, 'value', LONGEST_VALUE);
        return checkPage(
          visit,
          value === undefined ? undefined : await check(value, visit.organizationId, visit.attribution),
        );
      },
    },
  ];

  function Result({ checked, visit }: { checked: Checked; visit: Visit }) {
    if (!checked.isKnown) {
      const looks = LOOKS[checked.looksLike] ?? "It doesn't look like one of our tokens.";
      return (
        <Status
          tone="bad"
          sentence={
            <>
              <strong>We don't recognize this value.</strong> {looks}
            </>
          }
          detail={
            visit.organizationId === undefined
              ? 'A token is 43 characters long and begins with scim_.'
              : "It isn't one of your organization's tokens. A token is 43 characters long and begins with scim_."
          }
        />
      );
    }
    const { credential, state, what, directoryName, isDirectoryDisabled, issuedAt, expiresAt, lastUsedAt } = checked;
    const { now } = visit;
    const kind = what === 'access_token' ? 'access token' : 'token';
    const works = state === 'active' && !isDirectoryDisabled;
    const end = credential.revokedAt;
    return (
      <Status
        tone={works ? 'ok' : 'bad'}
        sentence={
          <>
            <strong>
              {works
                ? `This ${kind} works.`
                : isDirectoryDisabled && state === 'active'
                  ? `This ${kind} is valid, but its directory is disabled.`
                  : `This ${kind} is ${state === 'pending' ? 'not in use yet' : state}.`}
            </strong>{' '}
            It belongs to{' '}
            <a href={`${visit.home}/directories/${credential.directoryId}`}>
              <b>{directoryName}</b>
            </a>
            {credential.kind === 'bearer' && `, and ends in …${credential.hint}`}.
          </>
        }
        detail={
          <>
            {capital(what === 'access_token' ? 'issued' : 'created')} <Time at={issuedAt} now={now} />.{' '}
            {state === 'revoked' && end && (
              <>
                Revoked <Time at={end} now={now} />.{' '}
              </>
            )}
            {expiresAt ? (
              <>
                {expiresAt > now ? 'Expires' : 'Expired'} <Time at={expiresAt} now={now} />.{' '}
              </>
            ) : (
              'Never expires. '
            )}
            {lastUsedAt ? (
              <>
                Last used <Time at={lastUsedAt} now={now} />.
              </>
            ) : (
              'Never used.'
            )}
          </>
        }
      />
    );
  }
}

/** What a value that is not ours looks like. */
const LOOKS: Partial<Record<Extract<Checked, { isKnown: false }>['looksLike'], string>> = {
  token_truncated: 'It begins like one of our tokens, but it is too short or too long.',
  token_mistyped: 'It has the length of one of our tokens, but at least one character is wrong.',
  token_doubled: 'It contains two tokens.',
  token_with_blanks: 'It contains spaces or line breaks.',
  token_too_long: 'It is much longer than one of our tokens.',
  scheme_twice: 'It begins with the word Bearer twice.',
  scheme_basic: 'It is a user name and password (Basic), not a token.',
  scheme_unknown: 'It begins with a word other than Bearer.',
  header_name_in_value: 'It includes the name of the header.',
  value_quoted: 'It is in quotation marks.',
  client_secret_presented: 'It looks like a client secret.',
  client_id_presented: 'It looks like a client ID.',
  refresh_token_presented: 'It looks like a refresh token.',
  code_presented: 'It looks like an authorization code.',
  api_key_presented: 'It looks like a Latchkey API key.',
  portal_link_presented: 'It looks like a portal or sign-in link.',
  endpoint_url_presented: 'It is a URL.',
  idp_own_token: 'It is a token that the identity provider issued itself.',
  foreign_token: 'It is a token from another authorization server.',
  token_unknown: 'It may be a token from another system, or one that was deleted.',
};

function Copyable({ title, text }: { title: string; text: string }) {
  return (
    <section class="panel">
      <div class="head">
        <h2>{title}</h2>
      </div>
      <div class="copyable">
        <pre class="mono">{text}</pre>
        <button type="button" data-copy hidden aria-label={`Copy ${title.toLowerCase()}`}>
          Copy
        </button>
      </div>
    </section>
  );
}
