/** Delta lets one of several writers at once win; the others are told so, and look again. */
import { setTimeout as sleep } from "node:timers/promises";
import { SqlError } from "../../databricks/sql";

export const ATTEMPTS = 8;

/** The pause before attempt `attempt + 1`: random, so that two who collided do not do so again. */
export async function pauseAfter(attempt: number): Promise<void> {
  await sleep(Math.random() * 200 * 2 ** attempt);
}

/** Repeats a statement that changes nothing the second time for as long as other writers are quicker. */
export async function despiteConflicts<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof SqlError && error.conflict)) {
        throw error;
      }
    }
    await pauseAfter(attempt);
  }
}
