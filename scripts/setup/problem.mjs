/** The error that people see without a stack trace: what happened, to what, why, and what to do next. */

export class Problem extends Error {
  /** @override */
  name = "Problem";
}

/**
 * Runs a command's main function: a Problem is printed as it is, anything else with its stack; both end with status 1.
 * @param {() => Promise<number | void>} main gives the exit status; nothing is 0
 */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    const shown = error instanceof Problem ? error.message : /** @type {Error} */ (error).stack;
    process.stderr.write(`\n${shown}\n`);
    process.exitCode = 1;
  }
}
