/**
 * WHO MAY. Operators, the people of the vendor who sign in to the dashboard: by a one-time link, by e-mail address, password and, where they
 * chose one, a second factor, or by the vendor's own OpenID provider. Of links, sessions and passwords only digests are kept.
 */

export type { FactorGiven } from './factors.ts';
export { createOperators, type Operators } from './operators.ts';
export { LONGEST_PASSWORD, SHORTEST_PASSWORD } from './passwords.ts';
export type { Proof } from './proofs.ts';
export {
  hasSecondFactor,
  OPERATOR_ROLES,
  type Operator,
  type OperatorRole,
  type Origin,
  type Passkey,
} from './records.ts';
export type { OperatorSession } from './sessions.ts';
export type { Entered, SecondStep } from './sign-in.ts';
