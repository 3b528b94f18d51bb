/** Many requests at once: as many as the workspace takes. */
import { ApiError, ConnectionError, messageOf } from "../../databricks/errors";
import type { Pacer } from "../../databricks/pacing";

/** Time in ms, for `eachPaced`; a simulation brings its own. */
export interface Clock {
  now(): number;
  /** Calls back once; the answer takes it back. */
  after(ms: number, callback: () => void): () => void;
}

const SYSTEM: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

export interface PacedOptions {
  readonly clock?: Clock;
  /** How long nothing may succeed while requests are refused or time out, in ms. Default: 10 minutes. */
  readonly patienceMs?: number;
}

/** A bound on the bytes that are on their way at once. For one stream; what is larger than all of it goes alone. */
export class Room {
  private used = 0;
  private wake = () => {};

  constructor(private bytes: number) {}

  async take(bytes: number): Promise<void> {
    while (this.used > 0 && this.used + bytes > this.bytes) {
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    this.used += bytes;
  }

  free(bytes: number): void {
    this.used -= bytes;
    this.wake();
  }

  /** Ends the bound, so that a stream that waits for room can end. */
  open(): void {
    this.bytes = Infinity;
    this.wake();
  }
}

/** Those that wait for a pacer or one of its siblings: an answer to any of them may let another go on. */
const waiting = new WeakMap<object, Set<() => void>>();

/**
 * Does `work` for each item as fast as `pacer` allows; takes items from a stream only when they can be sent. What is
 * refused (429) or passes its time limit is done again, so `work` must be repeatable and hand both back at once
 * (`Call.paced`). After any other failure nothing more begins.
 * @throws what `work` or the stream threw, when all that was under way has ended; Error where nothing succeeds within the patience.
 */
export async function eachPaced<T>(
  items: readonly T[] | AsyncIterable<T>,
  pacer: Pacer,
  work: (item: T) => Promise<unknown>,
  { clock = SYSTEM, patienceMs = 600_000 }: PacedOptions = {},
): Promise<void> {
  const stream = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : undefined;
  const queue = Symbol.asyncIterator in items ? [] : [...items];
  let taking: Promise<void> | undefined;
  let taken = queue.length;
  let ended = !stream;
  let inFlight = 0;
  let done = 0;
  let progressAt = clock.now();
  let failure: { readonly error: unknown } | undefined;
  let setback: unknown;
  let wake = () => {};
  const family = waiting.get(pacer.family) ?? new Set();
  waiting.set(pacer.family, family);
  const wakeAll = () => family.forEach((wakeOne) => wakeOne());
  const wakeThis = () => wake();
  family.add(wakeThis);

  const take = async (from: AsyncIterator<T>) => {
    try {
      const next = await from.next();
      if (next.done) {
        ended = true;
      } else {
        queue.push(next.value);
        taken++;
      }
    } catch (error) {
      ended = true;
      failure ??= { error };
    }
    // Waiting for the stream is no setback of the workspace.
    progressAt = clock.now();
    taking = undefined;
    wake();
  };

  const send = async (item: T) => {
    const ticket = pacer.start(clock.now());
    inFlight++;
    try {
      await work(item);
      pacer.succeeded(ticket, clock.now());
      progressAt = clock.now();
      done++;
    } catch (error) {
      if (!isSetback(error)) {
        pacer.ended(ticket);
        failure ??= { error };
      } else if (error instanceof ApiError) {
        pacer.refused(ticket, clock.now(), error.retryAfter);
        queue.unshift(item);
        setback = error;
      } else {
        pacer.timedOut(ticket, clock.now());
        queue.push(item);
        setback = error;
      }
    }
    inFlight--;
    wakeAll();
  };

  try {
    while (inFlight > 0 || taking || (!failure && (queue.length > 0 || !ended))) {
      const now = clock.now();
      const left = progressAt + patienceMs - now;
      if (left <= 0 && !taking) {
        failure ??= { error: stuck(done, taken, patienceMs, setback) };
        break;
      }
      if (stream && queue.length === 0 && !ended && !failure) {
        taking ??= take(stream);
      }
      const wait = queue.length > 0 && !failure ? pacer.waitMs(now) : undefined;
      if (wait === 0) {
        void send(queue.shift() as T);
        continue;
      }
      await new Promise<void>((resolve) => {
        const cancel = clock.after(Math.min(taking ? patienceMs : left, wait ?? left), resolve);
        wake = () => {
          cancel();
          resolve();
        };
      });
    }
  } finally {
    family.delete(wakeThis);
    await stream?.return?.();
  }
  if (failure) {
    throw failure.error;
  }
}

/** What `eachPaced` does again: a refusal for now, or a time limit that passed. */
export function isSetback(error: unknown): boolean {
  return error instanceof ApiError
    ? error.status === 429
    : error instanceof ConnectionError && error.timedOut;
}

function stuck(done: number, of: number, patienceMs: number, setback: unknown): Error {
  const last = setback === undefined ? "no answer at all" : messageOf(setback);
  return new Error(
    `Nothing has succeeded for ${Math.round(patienceMs / 60_000)} minutes; ${done} of ${of} requests were done before. ` +
      `The last setback: ${last}. What arrived stays, and the next up goes on from there. ` +
      "If others keep the workspace busy, set DATABRICKS_RATE_LIMIT (requests a second) for them or try again later.",
    { cause: setback },
  );
}
