/** Requests a second that a workspace admits, learned from its refusals: one of the two limits of `pacing.ts`. */
import type { Ticket } from "./pacing";

/** What is known of a limit in requests a second, and when it was met. */
interface Limit {
  readonly perSecond: number;
  readonly since: number;
  /** Until the limit is tried again, in ms. */
  readonly climbMs: number;
}

/** Requests that lost time (a late timer, a long collection) may catch up with this much of it. */
const CATCH_UP_MS = 50;
/** The first refusal comes too early to tell a rate: it counts as one of at least this, and the climb is quick. */
const FIRST_GUESS_PER_SECOND = 16;
const FIRST_CLIMB_MS = 1000;
const CLIMB_MS = 5000;
const LEAST_PER_SECOND = 0.5;
const LONGEST_PAUSE_MS = 10_000;

/**
 * The rate. Free until the first 429; then 5 % below the limit that this one shows, and back up on the curve
 * of CUBIC (RFC 9438): flat near the known limit, steeper the longer nothing is refused.
 */
export class Rate {
  private limit?: Limit;
  private next = -Infinity;
  private pausedUntil = -Infinity;
  private cutAt = -Infinity;
  /** Refusals in a row, counting those of requests that began after the one before. */
  private refusals = 0;
  private probe?: Ticket;
  private admitted: number[] = [];

  constructor(private readonly ceiling: number) {}

  perSecond(now: number): number {
    if (!this.limit) {
      return this.ceiling;
    }
    const { perSecond, since, climbMs } = this.limit;
    const t = Math.max(0, now - since) / climbMs - 1;
    return Math.min(this.ceiling, perSecond * (1 + (t < 0 ? 0.05 : 0.25) * t ** 3));
  }

  /** As `Pacer.waitMs`. Where a second request in a row was refused, one at a time tries whether it goes on. */
  waitMs(now: number): number | undefined {
    return this.probe ? undefined : Math.ceil(Math.max(0, this.pausedUntil - now, this.next - now));
  }

  started(ticket: Ticket): void {
    this.next = Math.max(this.next, ticket.startedAt - CATCH_UP_MS) + 1000 / this.perSecond(ticket.startedAt);
    this.probe = this.refusals > 1 ? ticket : undefined;
  }

  ended(ticket: Ticket): void {
    if (this.probe === ticket) {
      this.probe = undefined;
    }
  }

  succeeded(ticket: Ticket, now: number): void {
    this.admitted.push(now);
    if (ticket.startedAt > this.cutAt) {
      this.refusals = 0;
      this.probe = undefined;
    }
  }

  refused(ticket: Ticket, now: number, retryAfterMs?: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, now + (retryAfterMs ?? 0));
    if (ticket.startedAt <= this.cutAt) {
      return; // It was under way when another was refused, and says nothing new.
    }
    this.cutAt = now;
    this.refusals++;
    const { perSecond, climbMs } = this.refusals > 1 && this.limit ? this.limit : this.measure(now);
    const pause = retryAfterMs ?? Math.min(LONGEST_PAUSE_MS, (1000 / perSecond) * 2 ** (this.refusals - 1));
    this.pausedUntil = Math.max(this.pausedUntil, now + pause);
    this.next = Math.max(this.next, this.pausedUntil);
    // The dearer a refusal is, the longer the limit is left untried.
    const dear = Math.min(60_000, 20 * (retryAfterMs ?? 0));
    this.limit = { perSecond, since: this.pausedUntil, climbMs: Math.max(climbMs, dear) };
  }

  /**
   * The limit as a refusal shows it. Limits count by the second, so it is what the last second let through; but where
   * that is nearly the rate of this moment, the rate just passed the limit, and is the better measure.
   */
  private measure(now: number): Pick<Limit, "perSecond" | "climbMs"> {
    this.admitted = this.admitted.filter((at) => at > now - 1000);
    const seen = this.admitted.length;
    const before = this.perSecond(now);
    if (!this.limit) {
      const perSecond = Math.min(before, Math.max(FIRST_GUESS_PER_SECOND, seen));
      return { perSecond, climbMs: FIRST_CLIMB_MS };
    }
    const perSecond = Math.min(0.98 * before, Math.max(0.8 * before, 1.15 * seen));
    return { perSecond: Math.max(LEAST_PER_SECOND, perSecond), climbMs: CLIMB_MS };
  }
}
