/** What the doctor says of one thing. */
import { messageOf } from "../../databricks/errors";
import { within } from "../limit";

/** `not checked`: something that comes before it is wrong, or it does not apply. */
export type Mark = "ok" | "warning" | "problem" | "not checked";

export interface Finding {
  readonly check: string;
  readonly mark: Mark;
  /** What was found, or why it was not looked for. */
  readonly found: string;
  /** What to do; empty where there is nothing to mend. */
  readonly mend: string;
}

export type Outcome = Omit<Finding, "check">;

export const ok = (found: string): Outcome => ({ mark: "ok", found, mend: "" });
export const warning = (found: string, mend: string): Outcome => ({ mark: "warning", found, mend });
export const problem = (found: string, mend: string): Outcome => ({ mark: "problem", found, mend });
export const notChecked = (found: string): Outcome => ({ mark: "not checked", found, mend: "" });

/** Longer than any single answer takes; a warehouse's start is not waited for. */
const LIMIT_MS = 30_000;

/** Carries out one check; whatever it throws is a problem. */
export async function examine(
  check: string,
  look: () => Promise<Outcome> | Outcome,
  mend: string,
  limitMs = LIMIT_MS,
): Promise<Finding> {
  try {
    return { check, ...(await within(limitMs, Promise.resolve().then(look))) };
  } catch (error) {
    return { check, ...problem(messageOf(error), mend) };
  }
}

/**
 * Tries out a right on an object of the doctor's own, which is removed again at once.
 * @returns a warning where it could not be removed, else what `found` says
 */
export async function tryOut(
  what: string,
  create: () => Promise<() => Promise<unknown>>,
  found: string,
): Promise<Outcome> {
  const remove = await create();
  try {
    await remove();
  } catch (error) {
    return warning(
      `${what} was made but could not be removed: ${messageOf(error)}`,
      `Delete ${what} by hand.`,
    );
  }
  return ok(found);
}
