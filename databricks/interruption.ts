/** Work that goes on elsewhere is called off where this process is asked to end: Ctrl-C in a terminal, or the engine's second one. */

/** The engine kills its providers 5 seconds after it has asked them to end. */
const CLEAN_UP_MS = 3000;
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const active = new Set<() => Promise<void>>();

/**
 * Does the work. Where the process is asked to end meanwhile, everything that is being done so is called off, at most three
 * seconds are given to that, and then the process ends, unless somebody else listens to the signal.
 * @param callOff must not throw.
 */
export async function whileInterruptible<T>(
  work: () => Promise<T>,
  callOff: () => Promise<void>,
): Promise<T> {
  if (active.size === 0) {
    SIGNALS.forEach((signal) => process.on(signal, end));
  }
  active.add(callOff);
  try {
    return await work();
  } finally {
    active.delete(callOff);
    if (active.size === 0) {
      SIGNALS.forEach((signal) => process.off(signal, end));
    }
  }
}

function end(signal: NodeJS.Signals): void {
  // A listener takes away that the signal ends the process: so it is for us to do, if we are the only one.
  const isAlone = process.listenerCount(signal) === 1;
  const late = new Promise<void>((done) => setTimeout(done, CLEAN_UP_MS).unref());
  void Promise.race([Promise.all([...active].map((callOff) => callOff())), late]).then(() => {
    if (isAlone) {
      process.exit(signal === "SIGINT" ? 130 : 143);
    }
  });
}
