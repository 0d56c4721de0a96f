/** What somebody sees who signs in: the ways that this server has, and the page of a one-time link. */
import type { Operators } from '../operators/index.ts';
import { Field, Go, Note, Submit, span } from '../pages/index.ts';
import { withoutSecrets } from '../secrets/redaction.ts';
import { PasskeyQuestion, WithPasskeys } from './passkey-form.tsx';
import { HOME } from './visit.ts';

export function SignIn(props: {
  hasOpenId: boolean;
  passkey: Awaited<ReturnType<Operators['askPasskey']>>;
  email?: string;
  next?: string;
  wrong: string | undefined;
}) {
  const { hasOpenId, passkey, email = '', wrong } = props;
  const next = withoutSecrets(props.next ?? '');
  return (
    <>
      <h1>Sign in</h1>
      {wrong !== undefined && <Note tone="bad">{wrong}</Note>}
      {hasOpenId && (
        <div class="acts">
          <Go
            href={`${HOME}/sign-in/openid?next=${encodeURIComponent(next)}`}
            name="Sign in with your OpenID provider"
            tone="primary"
          />
        </div>
      )}
      {passkey && (
        <WithPasskeys>
          <form method="post" action={`${HOME}/sign-in/passkey`} class="acts">
            <input type="hidden" name="next" value={next} />
            <button type="submit" class="primary">
              Sign in with a passkey
            </button>
            <PasskeyQuestion does="get" question={passkey} />
          </form>
        </WithPasskeys>
      )}
      <form method="post" action={`${HOME}/sign-in`} class="panel">
        <input type="hidden" name="next" value={next} />
        <Field name="email" type="email" value={email} isRequired maximum={254} autocomplete="username" />
        <Field
          label="Password"
          name="password"
          type="password"
          isRequired
          isSecret
          maximum={256}
          autocomplete="current-password"
        />
        <Submit name="Sign in" />
      </form>
      <p class="soft">
        No password, or forgot it? Ask another owner for a sign-in link, or run{' '}
        <span class="mono">node dist/main.js sign-in-link</span> on the server.
      </p>
    </>
  );
}

export function Enter({ idleMinutes }: { idleMinutes: number }) {
  return (
    <>
      <h1>Sign in to the dashboard</h1>
      <p class="soft">
        This link works once, for this browser. Your session ends after {span(idleMinutes * 60)} without a request, and
        after 12 hours at the latest.
      </p>
      <form method="post" class="acts">
        <button type="submit" class="primary">
          Sign in
        </button>
      </form>
    </>
  );
}
