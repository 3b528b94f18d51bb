/** What must be on the machine before set-up can begin. Everything that is missing is named at once. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { run } from "./command.mjs";
import { Problem } from "./problem.mjs";

const NODE = "20.19";
const PYTHON = "3.10";
const GIT = "2.20";
const LIMIT_SECONDS = 20;
const PYTHON_NAMES = ["python3.13", "python3.12", "python3.11", "python3.10", "python3", "python"];

/**
 * @typedef {object} Missing
 * @property {string} need the program and the lowest version
 * @property {string} found what is there instead
 * @property {string[]} get how to get it, one way a line
 */

/** How to get the programs; `go` is asked for only where Pulumi cannot be downloaded. */
export const HOW_TO_GET = {
  node: [
    "macOS: brew install node@22",
    "Debian, Ubuntu, Fedora: with a version manager, e.g. fnm install 22 or nvm install 22",
  ],
  python: [
    "macOS: brew install python@3.12",
    "Debian, Ubuntu: sudo apt install python3 python3-venv",
    "Fedora: sudo dnf install python3",
    "or name one that you have: PYTHON=/path/to/python3 npm start",
  ],
  git: [
    "macOS: xcode-select --install",
    "Debian, Ubuntu: sudo apt install git",
    "Fedora: sudo dnf install git",
  ],
  go: [
    "macOS: brew install go",
    "Debian, Ubuntu, Fedora: the archive of the Go project (the distributions' own are often older)",
  ],
};

/**
 * Checks Node, Python and git.
 * @param {object} [options]
 * @param {NodeJS.ProcessEnv} [options.env] PATH; `PYTHON` names the interpreter to use
 * @param {string} [options.nodeVersion]
 * @param {string} [options.ignore] folder whose programs do not count (our own environment)
 * @returns {Promise<{ python: string }>} the interpreter to make the environment with
 * @throws {Problem} that lists everything that is missing
 */
export async function checkPrerequisites({
  env = process.env,
  nodeVersion = process.versions.node,
  ignore,
} = {}) {
  const [python, git] = await Promise.all([findPython(env, ignore), checkGit(env)]);
  /** @type {Missing[]} */
  const missing = [];
  if (!atLeast(nodeVersion, NODE)) {
    missing.push({ need: `Node.js ${NODE} or newer`, found: `found ${nodeVersion}`, get: HOW_TO_GET.node });
  }
  if (typeof python !== "string") missing.push(python);
  if (git) missing.push(git);
  if (missing.length > 0) throw new Problem(describeMissing(missing));
  return { python: /** @type {string} */ (python) };
}

/**
 * @param {Missing[]} missing
 */
export function describeMissing(missing) {
  const lines = missing.flatMap(({ need, found, get }) => [
    `- ${need}: ${found}`,
    ...get.map((way) => `    ${way}`),
  ]);
  return ["Something is missing on this machine:", ...lines, "Then run the same command again."].join("\n");
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} [ignore]
 * @returns {Promise<string | Missing>}
 */
async function findPython(env, ignore) {
  const candidates = env.PYTHON
    ? [env.PYTHON]
    : PYTHON_NAMES.map((name) => findProgram(name, env, ignore)).filter((path) => path !== undefined);
  const looked = await Promise.all(candidates.map((path) => lookAtPython(path, env)));
  const good = looked.find((look) => look.fault === undefined);
  if (good) return good.path;

  const found = looked.map(({ path, fault }) => `${path} ${fault}`).join("; ");
  return {
    need: `Python ${PYTHON} or newer, with venv`,
    found: found || "not found",
    get: HOW_TO_GET.python,
  };
}

/**
 * A name on PATH proves little: version managers leave stand-ins, and Debian packs venv apart.
 * @param {string} path
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ path: string, fault?: string }>}
 */
async function lookAtPython(path, env) {
  try {
    const program = "import sys; print('%d.%d.%d' % sys.version_info[:3])";
    const version = (await run(path, ["-c", program], { env, limitSeconds: LIMIT_SECONDS })).trim();
    if (!atLeast(version, PYTHON)) return { path, fault: `is ${version}` };
    try {
      await run(path, ["-c", "import venv, ensurepip"], { env, limitSeconds: LIMIT_SECONDS });
    } catch {
      return {
        path,
        fault: `is ${version}, but has no venv or no ensurepip (Debian: the package python3-venv)`,
      };
    }
    return { path };
  } catch {
    return { path, fault: "does not run" };
  }
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Missing | undefined>}
 */
async function checkGit(env) {
  const path = findProgram("git", env);
  const missing = { need: `git ${GIT} or newer`, get: HOW_TO_GET.git };
  if (!path) return { ...missing, found: "not found" };
  try {
    const answer = await run(path, ["--version"], { env, limitSeconds: LIMIT_SECONDS });
    const version = /\d+\.\d+(\.\d+)?/.exec(answer)?.[0] ?? "0";
    return atLeast(version, GIT) ? undefined : { ...missing, found: `${path} is ${version}` };
  } catch {
    return { ...missing, found: `${path} does not run` };
  }
}

/**
 * The first executable file of that name on PATH.
 * @param {string} name
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string} [ignore] folder below which nothing counts
 */
export function findProgram(name, env = process.env, ignore) {
  for (const folder of (env.PATH ?? "").split(delimiter)) {
    if (!folder || (ignore && `${folder}/`.startsWith(`${ignore}/`))) continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/**
 * Compares versions by their leading numbers: `v3.259.0-beta.1` is 3.259.0.
 * @param {string} version
 * @param {string} wanted
 */
export function atLeast(version, wanted) {
  const numbers = /** @param {string} text */ (text) =>
    text
      .replace(/^\D+/, "")
      .split(/[.\-+]/)
      .map((part) => parseInt(part, 10) || 0);
  const have = numbers(version);
  for (const [index, want] of numbers(wanted).entries()) {
    const difference = (have[index] ?? 0) - want;
    if (difference !== 0) return difference > 0;
  }
  return true;
}
