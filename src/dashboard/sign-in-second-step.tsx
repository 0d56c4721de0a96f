/** The second step of a sign-in: after the password or a link, a passkey, the code of an authenticator, or a recovery code. */

import { AppError, isAppError } from '../errors.ts';
import type { Entered, Operators, SecondStep } from '../operators/index.ts';
import { CodeField, Field, type Guest, Note, type OpenRoute, type Shown, Submit } from '../pages/index.ts';
import { PasskeyQuestion, passkeyIn, WithPasskeys } from './passkey-form.tsx';
import { HOME } from './visit.ts';

const ADDRESS = `${HOME}/sign-in/second-step`;

/** A refusal that the form which was sent shows itself. */
export interface Problem {
  text: string;
  status: number;
  retryAfterSeconds?: number;
}

/** What somebody reads who tried too often, or while too many others do; throws any other error. */
export function problemOf(error: unknown): Problem {
  if (isAppError(error, 'rate_limited')) {
    const retryAfterSeconds = Number(error.facts['retryAfterSeconds'] ?? 60);
    const minutes = Math.ceil(retryAfterSeconds / 60);
    const text = `Too many attempts. Wait ${minutes === 1 ? 'a minute' : `${minutes} minutes`}. You can use a passkey or a sign-in link instead.`;
    return { text, status: error.status, retryAfterSeconds };
  }
  if (isAppError(error, 'busy')) return { text: error.message, status: error.status, retryAfterSeconds: 5 };
  if (error instanceof AppError && error.status < 500) return { text: error.message, status: error.status };
  throw error;
}

export function secondStepPage(step: SecondStep, next: string, problem?: Problem): Shown {
  return {
    title: "Confirm that it's you",
    status: problem?.status ?? 200,
    isNarrow: true,
    ...(problem?.retryAfterSeconds !== undefined && { retryAfterSeconds: problem.retryAfterSeconds }),
    children: <SecondStepForms step={step} next={next} problem={problem?.text} />,
  };
}

export function secondStepRoutes(deps: {
  operators: Operators;
  goOn: (guest: Guest, entered: Entered, next: string) => Promise<string>;
  /** The sign-in from its beginning, with what is wrong. */
  beginAgain: (problem: Problem) => Promise<Shown>;
}): OpenRoute[] {
  const { operators, goOn, beginAgain } = deps;
  return [
    {
      path: ADDRESS,
      get: async () => `${HOME}/sign-in`,
      async post(guest) {
        const { form, origin } = guest;
        const [ticket, next] = [form.get('ticket') ?? '', form.get('next') ?? ''];
        const given = {
          code: form.get('code') ?? undefined,
          recoveryCode: form.get('recoveryCode') ?? undefined,
          passkey: passkeyIn(form),
        };
        const wrong = await operators
          .finishSignIn(ticket, given, origin)
          .then((entered) => entered ?? { text: 'Wrong code or passkey. Try again.', status: 401 }, problemOf);
        if ('session' in wrong) return goOn(guest, wrong, next);
        const step = await operators.secondStep(ticket);
        return step
          ? secondStepPage(step, next, wrong)
          : beginAgain({ text: 'This sign-in took too long. Start again.', status: 401 });
      },
    },
  ];
}

function SecondStepForms({ step, next, problem }: { step: SecondStep; next: string; problem: string | undefined }) {
  const { operator, ticket, passkey } = step;
  const hasCodes = (operator.recoveryCodes?.length ?? 0) > 0;
  const held = (
    <>
      <input type="hidden" name="ticket" value={ticket} />
      <input type="hidden" name="next" value={next} />
    </>
  );
  return (
    <>
      <h1>Confirm that it's you</h1>
      <p class="soft">You are signing in as {operator.name}.</p>
      {problem !== undefined && <Note tone="bad">{problem}</Note>}
      {passkey && (
        <>
          <WithPasskeys>
            <form method="post" action={ADDRESS} class="acts">
              {held}
              <button type="submit" class="primary">
                Use a passkey
              </button>
              <PasskeyQuestion does="get" question={passkey} />
            </form>
          </WithPasskeys>
          {operator.totp === undefined && (
            <p class="soft" data-without-script>
              Passkeys require JavaScript. A recovery code works without it.
            </p>
          )}
        </>
      )}
      {operator.totp !== undefined && (
        <form method="post" action={ADDRESS} class="panel">
          {held}
          <CodeField label="Authenticator code" />
          <Submit name="Confirm" />
        </form>
      )}
      {hasCodes && (
        <details>
          <summary>Use a recovery code</summary>
          <form method="post" action={ADDRESS} class="panel">
            {held}
            <Field
              label="Recovery code"
              name="recoveryCode"
              isRequired
              isSecret
              maximum={40}
              look="mono"
              hint="Each works once."
            />
            <Submit name="Confirm" isMild />
          </form>
        </details>
      )}
      <p class="soft">
        Lost them all? Ask another owner to remove your second factor, or run this on the server:{' '}
        <span class="mono">node dist/main.js second-factor remove EMAIL</span>
      </p>
    </>
  );
}
