/** The Python environment of the local workspace, from a lock with a hash for every file. */
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.mjs";
import { hashOf, readText, writeWhole } from "./files.mjs";

const LIMIT_SECONDS = 1_800;
const LOCK = join("workspace", "python", "requirements.txt");

/**
 * An environment cannot be made elsewhere and moved (its scripts hold its path). So the stamp, written last, tells
 * whether it is whole; without it the environment is made again.
 * @param {import("./paths.mjs").Paths} paths
 * @param {() => string} basePython the interpreter to make it with
 * @returns {import("./steps.mjs").Step}
 */
export function pythonEnvironment(paths, basePython) {
  const stamp = join(paths.python, ".notebook-releases");
  const key = () => hashOf(paths.python, readText(join(paths.root, LOCK)) ?? "");
  return {
    title: "Python environment",
    done: () => readText(stamp) === key() && !!statSync(paths.pythonCommand, { throwIfNoEntry: false }),
    run: async (detail) => {
      rmSync(stamp, { force: true });
      detail("making an empty one");
      rmSync(paths.python, { recursive: true, force: true });
      await run(basePython(), ["-m", "venv", paths.python], { limitSeconds: 120 });
      await installLocked(paths, detail);
      writeWhole(stamp, key());
    },
  };
}

/**
 * The lock is complete, so pip has nothing to resolve (`--no-deps`); Python compiles what it imports when it first
 * does, which is a small part of what is installed (`--no-compile`).
 * @param {import("./paths.mjs").Paths} paths
 * @param {(text: string) => void} detail
 */
async function installLocked(paths, detail) {
  let collected = 0;
  const flags = [
    "--require-hashes",
    "--no-deps",
    "--no-compile",
    "--disable-pip-version-check",
    "--no-input",
  ];
  await run(
    paths.pythonCommand,
    ["-m", "pip", "install", ...flags, "--progress-bar", "off", "-r", join(paths.root, LOCK)],
    {
      limitSeconds: LIMIT_SECONDS,
      onLine: (line) => {
        const name = /^Collecting (\S+?)==/.exec(line)?.[1];
        if (name) detail(`package ${++collected}: ${name}`);
        else if (line.startsWith("Installing collected")) detail(`unpacking ${collected} packages`);
      },
    },
  );
}
