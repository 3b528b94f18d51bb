/** Runs set-up's steps in order: each is skipped when its result is there, shown while it works, and may be repeated. */
import { showStep } from "./progress.mjs";

/**
 * A step leaves its result whole or not at all: it works under a temporary name and renames at the end, or leaves a
 * stamp last. So a step that was interrupted is simply not done.
 * @typedef {object} Step
 * @property {string} title what it provides
 * @property {() => boolean | Promise<boolean>} done whether the result is there; quick, changes nothing
 * @property {(detail: (text: string) => void) => Promise<string | void>} run makes it; gives a few words on the result
 */

/**
 * Runs the steps that are not done. The first one that fails ends it with its error.
 * @param {Step[]} steps
 * @param {{ write(text: string): unknown, isTTY?: boolean, columns?: number }} [out]
 * @returns {Promise<string[]>} the titles of the steps that ran
 */
export async function runSteps(steps, out = process.stdout) {
  const ran = [];
  for (const step of steps) {
    if (await step.done()) continue;
    const display = showStep(step.title, out);
    try {
      display.succeed((await step.run(display.detail)) ?? "");
    } catch (error) {
      display.fail();
      throw error;
    }
    ran.push(step.title);
  }
  return ran;
}
