/** The npm packages of the lock file. */
import { join } from "node:path";
import { run } from "./command.mjs";
import { readText } from "./files.mjs";

const LIMIT_SECONDS = 900;

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, os?: string[], cpu?: string[], libc?: string[], link?: boolean }} Locked
 */

/**
 * @param {import("./paths.mjs").Paths} paths
 * @returns {import("./steps.mjs").Step}
 */
export function npmPackages({ root }) {
  return {
    title: "npm packages",
    done: () => matchesLock(root),
    run: async (detail) => {
      detail("npm ci");
      await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=http"], {
        cwd: root,
        limitSeconds: LIMIT_SECONDS,
        onLine: (line) => {
          // `http fetch GET 200 https://HOST/PACKAGE/-/FILE 12ms`: only the package is worth showing.
          const path = /fetch GET \d+ \w+:\/\/[^/]+\/(\S+)/.exec(line)?.[1];
          if (path) detail(decodeURIComponent(path.replace(/\/-\/.*/, "")));
        },
      });
    },
  };
}

/**
 * Compares what npm says it installed (it writes that last) with the lock: every package, its version and hash.
 * Packages beyond the lock are left alone, so that one tried with `npm install --no-save` stays.
 * @param {string} root
 */
export function matchesLock(root) {
  const wanted = readText(join(root, "package-lock.json"));
  const installed = readText(join(root, "node_modules", ".package-lock.json"));
  if (!wanted || !installed) return false;
  /** @type {Record<string, Locked>} */
  const have = JSON.parse(installed).packages;
  /** @type {[string, Locked][]} */
  const all = Object.entries(JSON.parse(wanted).packages);
  return all.every(([path, want]) => {
    if (path === "" || want.link) return true;
    const got = have[path];
    if (!got) return want.optional === true && !isForHere(want);
    return got.version === want.version && (!want.integrity || got.integrity === want.integrity);
  });
}

/**
 * Whether npm installs an optional package here: those for one platform name it. Where the C library matters as well,
 * or nothing is named, its absence tells nothing.
 * @param {Locked} locked
 */
function isForHere({ os, cpu, libc }) {
  return !!os?.includes(process.platform) && !!cpu?.includes(process.arch) && !libc;
}
