/**
 * What a second Ctrl-C does. The engine hands the first one to no dynamic provider: it only starts nothing more. At the
 * second it asks its providers to end with SIGINT and kills them 5 seconds later (seen with the engine 3.259), so there
 * is time to call off what runs elsewhere. A kill (SIGKILL) reaches nobody: then the next `up` finds the test run again.
 */

/** Of the 5 seconds that the engine gives. */
const CLEAN_UP_MS = 4000;
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export class Interrupted extends Error {}

/**
 * Does the work; where this process is asked to end meanwhile, cleans up instead, and ends the process after that.
 * @param cleanUp must not throw; given 4 seconds.
 * @throws Interrupted once it is cleaned up
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  cleanUp: () => Promise<void>,
  end: (code: number) => void = (code) => process.exit(code),
): Promise<T> {
  const abort = new AbortController();
  let cleaned: Promise<void> | undefined;
  let listener: (() => void) | undefined;
  const asked = new Promise<never>((_, reject) => {
    listener = () => {
      cleaned ??= Promise.race([cleanUp(), new Promise<void>((done) => setTimeout(done, CLEAN_UP_MS))]).then(
        () => {
          reject(new Interrupted("The gate was interrupted."));
          // The engine is told first, if it still listens.
          setTimeout(() => end(130), 100);
        },
      );
      abort.abort();
    };
    SIGNALS.forEach((signal) => process.on(signal, listener as () => void));
  });
  try {
    return await Promise.race([
      work(abort.signal).catch(async (error: unknown) => {
        // What the abort itself broke off is no failure of the work.
        await cleaned;
        throw abort.signal.aborted ? new Interrupted("The gate was interrupted.") : error;
      }),
      asked,
    ]);
  } finally {
    SIGNALS.forEach((signal) => process.off(signal, listener as () => void));
  }
}
