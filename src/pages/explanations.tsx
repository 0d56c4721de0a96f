/** Why something was refused, what to do, and who must do it: for whoever looks, without a code alone and without a guess. */
import type { AuditEvent } from '../audit/index.ts';
import { endpointLabelOf, isAgentOf } from '../identity-providers/index.ts';
import type { DenialReason } from '../verification/index.ts';
import { type DirectoryView, timeOf } from './directory-view.ts';
import { CopyField, capital, counted, Tag, Time } from './parts.tsx';
import type { Visit } from './visit.tsx';

interface Explanation {
  /** After the name of the identity provider. */
  what: string;
  todo: string;
  /** In its place where the last characters of what was sent are not known. */
  todoWithoutHint?: string;
  /** In its place for the vendor's own people. */
  todoForVendor?: string;
  who: 'it_contact' | 'vendor';
  /** The value to copy that mends it. */
  value?: 'endpoint';
}

export const EXPLANATIONS: Record<DenialReason, Explanation> = {
  missing: { what: 'sent no token', todo: 'Put the token into it, and save.', who: 'it_contact' },
  malformed: {
    what: 'sent something that is no token, or half of one',
    todo: 'Paste the token whole and without blanks. If it was not kept, generate a new one and paste that.',
    who: 'it_contact',
  },
  unknown: {
    what: 'sent a token that is not known here',
    todo: 'Compare its last four characters with the cards on this page. If they differ, generate a new token and paste that.',
    todoWithoutHint:
      'It is none of ours, or a piece of one. Paste the token again as it was shown, or generate a new one and paste that.',
    who: 'it_contact',
  },
  revoked: {
    what: 'sent a token that was revoked',
    todo: 'Paste the token that holds a slot now, if it was kept; or generate a new one. What happened below says who revoked it.',
    who: 'it_contact',
  },
  expired: { what: 'sent a token whose time is over', todo: 'Generate a new token, and paste it.', who: 'it_contact' },
  disabled: {
    what: 'sent a token that is disabled',
    todo: 'Enable it: the same value works again at once.',
    who: 'it_contact',
  },
  wrong_directory: {
    what: 'sent the token of another directory',
    todo: 'Address and token come from two directories. Put this address beside the token of this page:',
    who: 'it_contact',
    value: 'endpoint',
  },
  directory_disabled: {
    what: 'asked a directory that is disabled',
    todo: 'Your software vendor enables it again.',
    todoForVendor: 'Enable it, and the same credentials work again.',
    who: 'vendor',
  },
  directory_unknown: {
    what: 'asked an address that is no directory',
    todo: 'Put this address into it:',
    who: 'it_contact',
    value: 'endpoint',
  },
  insufficient_scope: {
    what: 'wanted to write with a token that may only read',
    todo: 'Generate a token that may read and write.',
    who: 'it_contact',
  },
  foreign_token: {
    what: 'sent a token of another authorization server',
    todo: 'It is set to OAuth with an issuer of its own. Choose a static bearer token there, or the addresses of this page.',
    who: 'it_contact',
  },
  rate_limited: {
    what: 'was refused so often that it must wait a minute',
    todo: 'Mend what was refused before; accepted requests are never limited.',
    who: 'it_contact',
  },
};

/** What is wrong with a client assertion; any other fault is told as a signature that does not verify. */
const ASSERTION_FAULTS: Record<string, (data: AuditEvent['data']) => Pick<Explanation, 'what' | 'todo'>> = {
  key_unknown: () => ({
    what: 'signed with a key we don’t know',
    todo: 'Register the new public key with the client, or publish it at the client’s JWKS URL.',
  }),
  audience: ({ audience, expected }) => ({
    what: 'sent an assertion for another audience',
    todo: `Set its audience (aud) to ${String(expected)}.${typeof audience === 'string' ? ` It is ${audience} now.` : ''}`,
  }),
  expired: ({ seconds }) => ({
    what: 'sent an assertion that had expired',
    todo: `It expired ${counted(Number(seconds), 'second')} before it came. Check the clock of the machine that signs it.`,
  }),
  not_yet_valid: ({ seconds }) => ({
    what: 'sent an assertion that is not valid yet',
    todo: `Its clock differs from ours by ${counted(Number(seconds), 'second')}. Correct the clock of the machine that signs it.`,
  }),
  lives_too_long: () => ({
    what: 'sent an assertion that lives too long',
    todo: 'Let its exp be at most 10 minutes away; 24 hours for a workload identity.',
  }),
  issuer: () => ({ what: 'sent an assertion of another issuer', todo: 'Compare its iss with the client’s settings.' }),
  subject: () => ({
    what: 'sent an assertion of another subject',
    todo: 'Compare its sub with the client’s settings.',
  }),
  replayed: () => ({
    what: 'sent the same assertion twice',
    todo: 'Sign a new assertion, with a new jti, for each request.',
  }),
  not_registered: () => ({
    what: 'signed its request, but the client has a secret',
    todo: 'Choose the client secret there, or create a client with a public key.',
  }),
};

function ofAssertion(data: AuditEvent['data']): Explanation {
  const known = ASSERTION_FAULTS[String(data['fault'])]?.(data) ?? {
    what: 'sent an assertion whose signature does not verify',
    todo: 'Register the public part of the key that signs it with the client.',
  };
  return { ...known, who: 'it_contact' };
}

/** The refusals of the token endpoint (docs/errors.md); any other is told by its name. */
const TOKEN_REFUSALS: Record<string, Explanation> = {
  client_unknown: {
    what: 'sent a client id that is not known here',
    todo: 'Copy the client id again.',
    who: 'it_contact',
  },
  client_secret_wrong: {
    what: 'sent a wrong client secret',
    todo: 'Put the client secret in again. If it is lost, add a second one in the set-up; where the client is shared, whoever gave it to you does so.',
    who: 'it_contact',
  },
  client_secret_expired: {
    what: 'sent a client secret that has expired',
    todo: 'Add another client secret here, and paste it into the identity provider.',
    who: 'it_contact',
  },
  jwks_unreachable: {
    what: 'could not be checked: its public keys can’t be fetched',
    todo: 'Check that the JWKS URL of the client answers. The request was answered 503, so it comes again.',
    who: 'vendor',
  },
  refresh_token_unknown: {
    what: 'sent a refresh token that is not known here',
    todo: 'Connect again.',
    who: 'it_contact',
  },
  refresh_token_revoked: {
    what: 'asked for a token of a connection that was ended',
    todo: 'Connect again. What happened below says who ended it.',
    who: 'it_contact',
  },
  refresh_token_superseded: {
    what: 'sent a refresh token that was replaced',
    todo: 'Two installations share one connection: connect the other one for itself.',
    who: 'it_contact',
  },
  refresh_token_reused: {
    what: 'used a replaced refresh token again, so its connection was ended',
    todo: 'Connect again, and find out who else has a copy of the refresh token.',
    who: 'it_contact',
  },
  code_expired: {
    what: 'was too late with the code of its connection',
    todo: 'Start the connection again.',
    who: 'it_contact',
  },
  code_replayed: {
    what: 'sent the code of its connection twice',
    todo: 'Start the connection again.',
    who: 'it_contact',
  },
  slots_full: {
    what: 'found both slots taken',
    todo: 'Revoke a credential that is not used, or choose one to replace when connecting.',
    who: 'it_contact',
  },
};

const OTHER: Explanation = {
  what: 'was refused a token',
  todo: 'Compare client id, secret and addresses with the set-up.',
  who: 'it_contact',
};

/** A token of this directory that was sent to the address of another one. */
const ELSEWHERE: Explanation = {
  what: 'sent the token of this directory to the address of another one',
  todo: 'Put this address beside it:',
  who: 'it_contact',
  value: 'endpoint',
};

/** Of a refused request or token request; undefined for a reason of which there is nothing more to say. */
export function explanationOf({ type, data }: AuditEvent): Explanation | undefined {
  if (data['elsewhere'] === true) return ELSEWHERE;
  if (type === 'token.refused' && data['reason'] === 'assertion_wrong') return ofAssertion(data);
  const known: Record<string, Explanation> = type === 'token.refused' ? TOKEN_REFUSALS : EXPLANATIONS;
  const reason = String(data['reason'] ?? '');
  return Object.hasOwn(known, reason) ? known[reason] : undefined;
}

/** What was refused, why, what to do and who does it. Who sent it is told only where something of it shows. */
export function Refusal(props: { event: AuditEvent; view: DirectoryView; endpoint: string; visit: Visit }) {
  const { event, view, endpoint, visit } = props;
  const { provider, directory, using, acceptedAt, now } = view;
  const { what, who, value } = explanationOf(event) ?? OTHER;
  const isVendor = visit.cause.actor.type !== 'it_contact';
  const hint = event.data['hint'];
  const sender = event.data['userAgent'];
  const isTheirs =
    event.type === 'token.refused' ||
    typeof hint === 'string' ||
    (event.address !== undefined && event.address === using?.total?.lastUsedFrom?.address) ||
    (typeof sender === 'string' && isAgentOf(directory.provider, sender));
  return (
    <section class="panel refusal" aria-label="Refused">
      <div class="head">
        <h2>
          {isTheirs ? capital(provider) : 'Somebody'} {what}
        </h2>
        <Tag tone="bad">{counted(event.count ?? 1, 'time')}</Tag>
      </div>
      <p class="soft">
        Last <Time at={timeOf(event)} now={now} /> from {event.address ?? 'an unknown address'}
        {typeof sender === 'string' && ` (${sender})`}
        {typeof hint === 'string' && (
          <>
            , with the token that ends in <span class="mono whole">…{hint}</span>
          </>
        )}
        .{' '}
        {acceptedAt && acceptedAt >= timeOf(event)
          ? 'Others were accepted since.'
          : acceptedAt
            ? 'Nothing was accepted since.'
            : 'Nothing was accepted yet.'}
      </p>
      <div class="well">
        <p>
          <b>What to do{who === 'vendor' && !isVendor ? ', by the software vendor' : ''}.</b>{' '}
          {todoOf(event, view, isVendor)}
        </p>
        {value === 'endpoint' && <CopyField label={endpointLabelOf(directory.provider)} value={endpoint} />}
        {!isVendor && event.requestId !== undefined && (
          <small>
            For whoever helps you: request <span class="mono">{event.requestId}</span>
          </small>
        )}
        {event.type === 'token.refused' && visit.may('directories.set-up') && (
          <div class="acts">
            <a class="btn" href={`${visit.home}/directories/${directory.id}/setup/oauth`}>
              Set-up
            </a>
          </div>
        )}
      </div>
    </section>
  );
}

function todoOf(event: AuditEvent, { holdings }: DirectoryView, isVendor: boolean): string {
  const { todo, todoForVendor, todoWithoutHint } = explanationOf(event) ?? OTHER;
  const isHeld = holdings.some(({ credential }) => credential.id === event.credentialId);
  // What was only disabled then may be over by now.
  if (event.data['reason'] === 'disabled' && !isHeld) return 'It is over by now. Generate a new token, and paste that.';
  if (isVendor && todoForVendor !== undefined) return todoForVendor;
  return typeof event.data['hint'] === 'string' ? todo : (todoWithoutHint ?? todo);
}
