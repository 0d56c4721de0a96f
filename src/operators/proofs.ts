/** What shows that an account is changed by its owner, and not by who found a browser open. */
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { createPasswords } from './passwords.ts';
import { hasSecondFactor, type Operator } from './records.ts';
import type { OperatorSession, Sessions } from './sessions.ts';
import type { createTries } from './tries.ts';

/** Without it the caller vouches. */
export interface Proof {
  sessionId: string;
  /** The current one. */
  password?: string | undefined;
  address?: string | undefined;
}

export type Proofs = ReturnType<typeof createProofs>;

/** How long who came by a link or the OpenID provider has just shown who they are. */
const FRESH_MS = 30 * 60_000;

export function createProofs(deps: {
  sessions: Sessions;
  passwords: ReturnType<typeof createPasswords>;
  tries: ReturnType<typeof createTries>;
  clock: Clock;
}) {
  const { sessions, passwords, tries, clock } = deps;

  async function needsPassword({ passwordHash }: Operator, sessionId: string): Promise<boolean> {
    if (passwordHash === undefined) return false;
    const session = await sessions.find(sessionId);
    return !isFresh(session) || session?.by === 'password';
  }

  function isFresh(session: OperatorSession | undefined): boolean {
    return session !== undefined && clock.now().getTime() - session.createdAt.getTime() <= FRESH_MS;
  }

  return {
    needsPassword,
    /** Throws invalid_request when it needs the current password and has another one; rate_limited. */
    async take(operator: Operator, by: Proof | undefined): Promise<void> {
      if (!by) return;
      if (
        operator.passwordHash === undefined &&
        hasSecondFactor(operator) &&
        !isFresh(await sessions.find(by.sessionId))
      )
        throw new AppError('invalid_request', { detail: 'Sign in again to change this. Nothing was changed.' });
      if (!(await needsPassword(operator, by.sessionId))) return;
      const isRight = await tries.password(operator.id, by.address ?? '', async () =>
        (await passwords.isRight(operator.passwordHash, by.password ?? '')) ? true : undefined,
      );
      if (!isRight)
        throw new AppError('invalid_request', {
          detail:
            'The current password is wrong. Nothing was changed. If you forgot it, get a new sign-in link from another owner or on the server.',
        });
    },
  };
}
