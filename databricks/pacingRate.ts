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
/** Limits count by the second. */
const WINDOW_MS = 1000;
/** For so long, further refusals may only repeat the first one: what came too fast before it still counts. */
const ECHO_MS = 1.2 * WINDOW_MS;
/** Between tries meanwhile, at most: what is admitted again is lost to whoever waits longer. */
const ECHO_PAUSE_MS = 100;
/** What echoes take off a first limit: it may be of what was saved while nothing was sent, and not of every second. */
const ECHO_CUT = 0.9;
/** The first refusal may come too early to tell a rate: it counts as one of at least this, and the climb is quick. */
const FIRST_GUESS_PER_SECOND = 16;
const FIRST_CLIMB_MS = 700;
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
  private pauseMs = 0;
  private cutAt = -Infinity;
  /** Refusals in a row, counting those of requests that began after the one before. */
  private refusals = 0;
  /** When the limit was measured, and when the request began whose refusal showed it. */
  private measured = { at: -Infinity, to: -Infinity };
  private probe?: Ticket;
  /** When the requests of late began that were admitted. */
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

  succeeded({ startedAt }: Ticket): void {
    this.admitted.push(startedAt);
    if (startedAt > this.cutAt) {
      this.refusals = 0;
      this.probe = undefined;
    } else if (this.limit && this.isFirst(this.limit) && startedAt <= this.measured.to) {
      // It was under way when the limit was measured, and belongs to what was admitted until then.
      const perSecond = Math.max(this.limit.perSecond, this.admittedBefore(this.measured.to));
      this.limit = { ...this.limit, perSecond };
    }
  }

  refused(ticket: Ticket, now: number, retryAfterMs?: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, now + (retryAfterMs ?? 0));
    if (ticket.startedAt <= this.cutAt) {
      return; // It was under way when another was refused, and says nothing new.
    }
    const isEcho = now < this.measured.at + ECHO_MS;
    this.cutAt = now;
    this.refusals++;
    const limit = this.limitAfter(ticket, now, isEcho);
    this.pauseMs = this.pauseAfter(1000 / limit.perSecond, isEcho);
    this.pausedUntil = Math.max(this.pausedUntil, now + (retryAfterMs ?? this.pauseMs));
    this.next = Math.max(this.next, this.pausedUntil);
    // The dearer a refusal is, the longer the limit is left untried.
    const dear = Math.min(60_000, 20 * (retryAfterMs ?? 0));
    this.limit = { ...limit, since: this.pausedUntil, climbMs: Math.max(limit.climbMs, dear) };
  }

  private limitAfter({ startedAt }: Ticket, now: number, isEcho: boolean): Omit<Limit, "since"> {
    if (this.limit && (isEcho || this.refusals > 1)) {
      const isTooHigh = isEcho && this.refusals === 1 && this.isFirst(this.limit);
      const lower = Math.max(FIRST_GUESS_PER_SECOND, ECHO_CUT * this.limit.perSecond);
      return isTooHigh ? { ...this.limit, perSecond: Math.min(this.limit.perSecond, lower) } : this.limit;
    }
    this.measured = { at: now, to: startedAt };
    return this.measure(now);
  }

  /** Ms until the next try. Doubled from one refusal to the next; while they may be echoes, to a bound. */
  private pauseAfter(slot: number, isEcho: boolean): number {
    const doubled = this.refusals > 1 ? 2 * this.pauseMs : slot;
    return Math.min(doubled, isEcho ? Math.max(slot, ECHO_PAUSE_MS) : LONGEST_PAUSE_MS);
  }

  private isFirst({ climbMs }: Limit): boolean {
    return climbMs === FIRST_CLIMB_MS;
  }

  /**
   * The limit as a refusal shows it. It is what the last second let through; but where that is nearly the rate of this
   * moment, the rate just passed the limit, and is the better measure.
   */
  private measure(now: number): Omit<Limit, "since"> {
    this.admitted = this.admitted.filter((at) => at > this.measured.to - WINDOW_MS);
    const seen = this.admittedBefore(this.measured.to);
    const before = this.perSecond(now);
    if (!this.limit) {
      const perSecond = Math.min(before, Math.max(FIRST_GUESS_PER_SECOND, seen));
      return { perSecond, climbMs: FIRST_CLIMB_MS };
    }
    const perSecond = Math.min(0.98 * before, Math.max(0.75 * before, 1.15 * seen));
    return { perSecond: Math.max(LEAST_PER_SECOND, perSecond), climbMs: CLIMB_MS };
  }

  /** How many were admitted, as far as is known, of those that began in the second before. */
  private admittedBefore(end: number): number {
    return this.admitted.filter((at) => at > end - WINDOW_MS && at <= end).length;
  }
}
