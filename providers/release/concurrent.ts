/** Many requests at once: with a fixed number under way, or as many as the workspace takes. */
import { ApiError, ConnectionError, messageOf } from "../../databricks/errors";
import type { Pacer } from "../../databricks/pacing";

/** `map` with a limit on how many are under way at once; results in the order of the items. Stops at the first failure. */
export async function mapConcurrent<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (!failed && next < items.length) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}

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

/**
 * Does `work` for each item as fast as `pacer` allows. What is refused (429) or passes its time limit is done again, so
 * `work` must be repeatable and hand both back at once (`Call.paced`). After any other failure nothing more begins.
 * @throws what `work` threw, when all that was under way has ended; Error where nothing succeeds within the patience.
 */
export async function eachPaced<T>(
  items: readonly T[],
  pacer: Pacer,
  work: (item: T) => Promise<unknown>,
  { clock = SYSTEM, patienceMs = 600_000 }: PacedOptions = {},
): Promise<void> {
  const queue = [...items];
  let inFlight = 0;
  let done = 0;
  let progressAt = clock.now();
  let failure: { readonly error: unknown } | undefined;
  let setback: unknown;
  let wake = () => {};

  const send = async (item: T) => {
    const ticket = pacer.start(clock.now());
    inFlight++;
    try {
      await work(item);
      pacer.succeeded(ticket, clock.now());
      progressAt = clock.now();
      done++;
    } catch (error) {
      if (error instanceof ApiError && error.status === 429) {
        pacer.refused(ticket, clock.now(), error.retryAfter);
        queue.unshift(item);
        setback = error;
      } else if (error instanceof ConnectionError && error.timedOut) {
        pacer.timedOut(ticket, clock.now());
        queue.push(item);
        setback = error;
      } else {
        pacer.ended(ticket);
        failure ??= { error };
      }
    }
    inFlight--;
    wake();
  };

  while (inFlight > 0 || (queue.length > 0 && !failure)) {
    const now = clock.now();
    const left = progressAt + patienceMs - now;
    if (left <= 0) {
      failure ??= { error: stuck(done, items.length, patienceMs, setback) };
      break;
    }
    const wait = queue.length > 0 && !failure ? pacer.waitMs(now) : undefined;
    if (wait === 0) {
      void send(queue.shift() as T);
      continue;
    }
    await new Promise<void>((resolve) => {
      const cancel = clock.after(Math.min(left, wait ?? left), resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
  }
  if (failure) {
    throw failure.error;
  }
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
