/** What the three surfaces ask of the decision: they are made with it, and it knows none of them. */
import type { ApiKey } from '../credentials/index.ts';
import type { SubReasons } from './denials.ts';
import type { Decision, Known, Wanted } from './verify.ts';

export const SURFACES = ['gateway', 'forward_auth', 'introspection'] as const;
/** `elsewhere`: an address of ours that is no endpoint. */
export type Surface = (typeof SURFACES)[number] | 'elsewhere';

export interface Attempt extends Wanted {
  surface: Surface;
  method: string | undefined;
  address: string;
  userAgent: string | undefined;
  requestId: string;
}

/** A request to an address of ours that is no endpoint. */
export interface Stray extends Omit<Attempt, 'surface' | 'directory' | 'write'> {
  /** Words of its path that may be the endpoint key of a directory. */
  references: readonly string[];
  subReason: SubReasons['directory_unknown'];
  /** What was asked, without what may name a person. */
  path: string;
  /** Where its token was, unless in the Authorization header. */
  foundIn?: string | undefined;
}

export interface Verification {
  /** Tells a stray request at the directory of its token, or of an endpoint key in its path. Not awaited by the answer. */
  noteStray(stray: Stray): Promise<void>;
  /** What is known of a value: nothing is counted, and no trace is left. Rejects with storage_unavailable. */
  findKnown(value: string): Promise<Known | undefined>;
  /** Decides at once where memory allows it. Rejects with storage_unavailable when it can't be decided. */
  check(attempt: Attempt): Decision | Promise<Decision>;
  /**
   * The API key of an `lk_` value, under the same lease; undefined when it is none, revoked or past its end. Throws or rejects with
   * storage_unavailable when that can't be decided.
   */
  findCaller(value: string): ApiKey | undefined | Promise<ApiKey | undefined>;
  /** Counts a refused call to the API; gives the seconds to wait when there were too many. */
  limitCaller(address: string): number | undefined;
  /** Seconds to wait for a caller of the API whose address is not looked at any more. */
  waitOfCaller(address: string): number | undefined;
  /** A caller of the API from this address was let in. */
  spareCaller(address: string): void;
  /** Hands what was answered at once over to the audit. Called before its tallies are written. */
  settle(): void;
}
