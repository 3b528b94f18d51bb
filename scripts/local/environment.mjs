/** The variables that `pulumi` and its program need to work on the local stack. */
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { engineChoice } from "../setup/engine.mjs";

/**
 * Folders to put before PATH, and the variables to set. Nothing in it is secret: the passphrase stays in its file.
 * @param {import("../setup/paths.mjs").Paths} paths
 * @returns {{ path: string[], variables: Record<string, string> }}
 */
export function engineEnvironment(paths) {
  const ownEngine = engineChoice(paths)?.way === "onPath" ? [] : [paths.engineBin];
  return {
    path: [...ownEngine, join(paths.python, "bin")],
    variables: {
      PULUMI_HOME: paths.pulumiHome,
      // A URL, so a space in the path is %20.
      PULUMI_BACKEND_URL: pathToFileURL(paths.state).href,
      PULUMI_CONFIG_PASSPHRASE_FILE: paths.passphrase,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      // No advertisement below an error.
      PULUMI_SUPPRESS_NEO_LINK: "true",
    },
  };
}

/**
 * Our process's environment with these added, for a program that we start.
 * @param {import("../setup/paths.mjs").Paths} paths
 * @param {Record<string, string>} [more]
 * @returns {NodeJS.ProcessEnv}
 */
export function withEngine(paths, more = {}) {
  const { path, variables } = engineEnvironment(paths);
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, ...variables, ...more };
  env.PATH = [...path, process.env.PATH].join(delimiter);
  // It would win over the file, and be another one.
  delete env.PULUMI_CONFIG_PASSPHRASE;
  return env;
}

/**
 * Lines for a POSIX shell, which `eval` reads.
 * @param {{ path: string[], variables: Record<string, string> }} environment
 */
export function exportLines({ path, variables }) {
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`);
  return [
    `export PATH=${quoted(path.join(delimiter))}"${delimiter}$PATH"`,
    "unset PULUMI_CONFIG_PASSPHRASE",
    ...lines,
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/**
 * In single quotes a shell changes nothing; a single quote itself has to stand outside of them.
 * @param {string} text
 */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
