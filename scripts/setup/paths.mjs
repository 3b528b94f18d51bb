/** Where things lie: everything that set-up writes is below `.local/`, but for node_modules and the shared cache. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout that this script belongs to. */
export const ROOT = resolve(fileURLToPath(new URL("../..", import.meta.url)));

/**
 * @typedef {object} Paths
 * @property {string} root the checkout
 * @property {string} local `.local/` in it
 * @property {string} engine the Pulumi CLI and what belongs to it, unless the one on PATH is used
 * @property {string} engineBin its programs
 * @property {string} python the Python environment
 * @property {string} pythonCommand its interpreter
 * @property {string} pulumiHome Pulumi's own folder: plugins, credentials
 * @property {string} state the stacks' state (Pulumi's file backend)
 * @property {string} passphrase file with the passphrase of the local stack's secrets
 * @property {string} cache built tools that several checkouts may share
 */

/**
 * The paths of a checkout.
 * @param {string} [root]
 * @param {NodeJS.ProcessEnv} [env] for `NOTEBOOK_RELEASES_CACHE` and `XDG_CACHE_HOME`
 * @returns {Paths}
 */
export function pathsOf(root = ROOT, env = process.env) {
  const local = join(root, ".local");
  return {
    root,
    local,
    engine: join(local, "engine"),
    engineBin: join(local, "engine", "bin"),
    python: join(local, "python"),
    pythonCommand: join(local, "python", "bin", "python"),
    pulumiHome: join(local, "pulumi"),
    state: join(local, "state"),
    passphrase: join(local, "pulumi-passphrase"),
    cache: cacheFolder(env),
  };
}

/** @param {NodeJS.ProcessEnv} env */
function cacheFolder(env) {
  if (env.NOTEBOOK_RELEASES_CACHE) return resolve(env.NOTEBOOK_RELEASES_CACHE);
  const ofUser =
    env.XDG_CACHE_HOME ||
    (process.platform === "darwin" ? join(homedir(), "Library", "Caches") : join(homedir(), ".cache"));
  return join(ofUser, "notebook-releases");
}
