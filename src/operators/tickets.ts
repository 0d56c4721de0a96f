/** What somebody holds between the first and the second step of a sign-in. Sealed, and kept nowhere: nothing is stored for it. */
import { hash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Random } from '../identifiers.ts';
import { seal, unseal } from '../secrets/sealing.ts';
import type { Operator } from './records.ts';

export interface Ticket {
  operatorId: string;
  by: 'link' | 'password';
  /** The session that a link has chosen for its browser. */
  session?: string | undefined;
}

const TICKET_MS = 10 * 60_000;

export function createTickets({ clock, random, secret }: { clock: Clock; random: Random; secret: string }) {
  return {
    issue(operator: Operator, ticket: Omit<Ticket, 'operatorId'>): string {
      const { id: operatorId } = operator;
      const kept = {
        ...ticket,
        operatorId,
        purpose: 'second step',
        at: clock.now().getTime(),
        stamp: stampOf(operator),
      };
      return seal(JSON.stringify(kept), secret, 'second steps of sign-ins', random);
    },
    /** Undefined for what is no ticket, and for one that is too old. */
    open(text: string): (Ticket & { isFor(operator: Operator): boolean }) | undefined {
      try {
        const kept = JSON.parse(unseal(text, secret, 'second steps of sign-ins')) as Ticket & {
          purpose: string;
          at: number;
          stamp: string;
        };
        if (kept.purpose !== 'second step' || clock.now().getTime() - kept.at > TICKET_MS) return undefined;
        const { operatorId, by, session, stamp } = kept;
        return {
          operatorId,
          by,
          session,
          isFor: (operator) => operator.id === operatorId && stampOf(operator) === stamp,
        };
      } catch {
        return undefined;
      }
    },
  };
}

/** Another password ends what was begun with the one before. */
function stampOf({ passwordHash = '' }: Operator): string {
  return hash('sha256', passwordHash, 'hex').slice(0, 16);
}
