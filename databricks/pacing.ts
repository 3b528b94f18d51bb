/**
 * How fast requests may go: as fast as the workspace admits, and no faster. Two limits are learned from its answers:
 * a rate, from refusals (429), and a number in flight, from latency and time limits. There is no clock and no network
 * in here: every method is told the time in ms, so that all of it runs against a simulated server.
 */
import { Rate } from "./pacingRate";
import { Window } from "./pacingWindow";

/** A request under way. */
export interface Ticket {
  readonly startedAt: number;
}

export interface InFlight {
  /** Requests in flight at most. Default: 64, the connections of the client's pool. */
  readonly connections?: number;
  /** Requests in flight before anything is known of their latency. Default: 8. */
  readonly first?: number;
}

export interface Ceilings extends InFlight {
  /** Requests a second. Default: none but what the workspace sets. */
  readonly perSecond?: number;
}

/** Says when the next request may begin. Each `start` is followed by exactly one of the answers below it. */
export class Pacer {
  private readonly rate: Rate;
  private readonly window: Window;
  private inFlight = 0;

  constructor({ connections = 64, first = 8, perSecond = Infinity }: Ceilings = {}, sharing?: Pacer) {
    this.rate = sharing?.rate ?? new Rate(perSecond);
    this.window = new Window(connections, first);
  }

  /** Another number in flight at the same rate: for requests that take so long that they would tell nothing of others. */
  sibling(inFlight: InFlight = {}): Pacer {
    return new Pacer(inFlight, this);
  }

  /** The same for a pacer and its siblings: an answer to one of them may let another begin. */
  get family(): object {
    return this.rate;
  }

  /** Ms until a request may begin, 0 for now; undefined: not before one of those in flight was answered. */
  waitMs(now: number): number | undefined {
    if (this.inFlight < Math.floor(this.window.size)) {
      return this.rate.waitMs(now);
    }
    this.window.filled = true;
    return undefined;
  }

  start(now: number): Ticket {
    const ticket = { startedAt: now };
    this.inFlight++;
    this.rate.started(ticket);
    return ticket;
  }

  succeeded(ticket: Ticket, now: number): void {
    this.ended(ticket);
    this.rate.succeeded(ticket);
    this.window.succeeded(ticket, now);
  }

  /** A 429; `retryAfter` in seconds holds all requests back. */
  refused(ticket: Ticket, now: number, retryAfter?: number): void {
    this.ended(ticket);
    this.rate.refused(ticket, now, retryAfter === undefined ? undefined : retryAfter * 1000);
  }

  timedOut(ticket: Ticket, now: number): void {
    this.ended(ticket);
    this.window.timedOut(ticket, now);
  }

  /** An answer that says nothing of how fast requests may go. */
  ended(ticket: Ticket): void {
    this.inFlight--;
    this.rate.ended(ticket);
  }
}

/**
 * The ceilings that the environment sets: `DATABRICKS_RATE_LIMIT`, as in the official clients, in requests a second.
 * @throws Error for one that is no number.
 */
export function ceilings(environment: NodeJS.ProcessEnv = process.env): Ceilings {
  const text = environment.DATABRICKS_RATE_LIMIT?.trim();
  if (!text || Number(text) === 0) {
    return {};
  }
  if (!(Number(text) > 0)) {
    throw new Error(
      `DATABRICKS_RATE_LIMIT is "${text}". Set it to the requests a second that may be sent, or unset it.`,
    );
  }
  return { perSecond: Number(text) };
}
