/**
 * How long an exchange may take, and how long the SCIM server took of it: what passes while an IdP still sends its request, or reads the
 * answer too slowly, is not the SCIM server's time.
 */
import type { Clock } from '../clock.ts';

export class ExchangeTime {
  readonly #clock: Clock;
  readonly #owner: { timeUp(): void };
  #timer: NodeJS.Timeout | undefined = undefined;
  /** How long the timer runs, and what is left of the time for all of it. */
  #spanMs = 0;
  #leftMs: number;
  /** By the monotonic clock: since when the SCIM server has all of the request, and since when we have all of its answer. */
  #askedAt: number;
  #answeredAt: number | undefined = undefined;
  /** How long the SCIM server had to stand still because the IdP read too slowly, and since when it does so now. */
  #heldMs = 0;
  #heldAt: number | undefined = undefined;

  /** Begins now. `timeoutMs`: for all of it. */
  constructor(owner: { timeUp(): void }, clock: Clock, timeoutMs: number) {
    this.#owner = owner;
    this.#clock = clock;
    this.#leftMs = timeoutMs;
    this.#askedAt = clock.monotonicMs();
  }

  /** Wakes the owner after so long, or when all the time is up. */
  wait(ms = this.#leftMs): void {
    clearTimeout(this.#timer);
    this.#spanMs = Math.min(ms, this.#leftMs);
    this.#timer = setTimeout(wake, this.#spanMs, this.#owner);
  }

  /** For the owner that was woken: whether some of the time is left. */
  isLeft(): boolean {
    this.#leftMs -= this.#spanMs;
    return this.#leftMs > 0;
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  /** The SCIM server has all of the request. */
  asked(): void {
    this.#askedAt = this.#clock.monotonicMs();
  }

  /** We have all of the answer. */
  answered(): void {
    this.#answeredAt = this.#clock.monotonicMs();
  }

  /** The IdP reads more slowly than the SCIM server sends. */
  hold(): void {
    this.#heldAt ??= this.#clock.monotonicMs();
  }

  release(): void {
    if (this.#heldAt === undefined) return;
    this.#heldMs = this.heldMs();
    this.#heldAt = undefined;
  }

  /** How long the IdP kept the SCIM server waiting. */
  heldMs(): number {
    return this.#heldMs + (this.#heldAt === undefined ? 0 : this.#clock.monotonicMs() - this.#heldAt);
  }

  /** How long the SCIM server took. */
  elapsedMs(): number {
    return (this.#answeredAt ?? this.#clock.monotonicMs()) - this.#askedAt - this.heldMs();
  }
}

function wake(owner: { timeUp(): void }): void {
  owner.timeUp();
}
