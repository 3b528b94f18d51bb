/** A limit for work that has none of its own, or a longer one. */
import { setTimeout as sleep } from "node:timers/promises";

/** @throws Error after the limit; the work itself goes on, and is not waited for. */
export async function within<T>(limitMs: number, work: Promise<T>, advice = ""): Promise<T> {
  const stop = new AbortController();
  const late = sleep(limitMs, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`no answer within ${Math.round(limitMs / 1000)} s${advice}`);
  });
  late.catch(() => undefined);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
  }
}
