/** Which suites a run has, which of them run with nothing beside them, and in which order the lanes take the others. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { resolve } from "node:path";

/** More were not tried. */
const MOST_LANES = 4;
/** What a lane may use: a local workspace with its engines, a Pulumi engine, Scala's compiler. */
const LANE_BYTES = 3 * 1024 ** 3;
/** A suite with this in its first lines measures time, so it runs after the lanes, with nothing beside it. */
const ALONE = /^(?:\/\/| \*|\/\*\*) @alone \S/m;
/** Mocha's options whose next argument is their value, and so no suite. */
const VALUED =
  /^(-[gftsrRjOun]|--(grep|fgrep|timeout|slow|require|reporter|jobs|reporter-options?|ui|node-option|retries|config|package|extension|file|ignore|exclude|watch-(files|ignore)))$/;
/** What mocha cannot do in lanes. */
const ONE_PROCESS = /^(--no-parallel|--file|--sort|-S|--delay|--dry-run|--watch|-w|inspect|--inspect)\b/;

/**
 * @typedef {object} Part one run of mocha
 * @property {string[]} files suites, in the order in which they are begun
 * @property {number} lanes processes that share them; 1 is mocha's own process
 */

/**
 * Divides the suites that the arguments name; no file and no folder is every suite.
 * @param {string[]} args mocha's arguments
 * @param {object} machine
 * @param {string} machine.root the checkout, to which suites are relative
 * @param {number} [machine.lanes] default: one for each core and 3 GB of memory, at most 4; `--jobs N` wins over it
 * @param {Record<string, number>} [machine.seconds] what suites took before
 * @returns {{ options: string[], parts: Part[], all: boolean }} `all`: every suite, whole
 */
export function plan(args, { root, lanes = lanesOf(availableParallelism(), totalmem()), seconds = {} }) {
  const { options, specs, jobs } = read(args);
  const files = specs.flatMap((spec) => suitesOf(root, spec) ?? [spec]);
  const named = specs.length === 0 ? (suitesOf(root, "tests") ?? []) : [...new Set(files)];
  const all = specs.length === 0 && options.length === 0;
  const wanted = Math.min(jobs ?? lanes, named.length);
  // A pattern is mocha's to resolve.
  const isDivisible =
    !options.some((option) => ONE_PROCESS.test(option)) && named.every((file) => isFile(resolve(root, file)));
  if (wanted < 2 || !isDivisible) return { options, parts: [{ files: named, lanes: 1 }], all };

  const alone = named.filter((file) => ALONE.test(head(resolve(root, file))));
  const shared = named.filter((file) => !alone.includes(file));
  const parts = [
    { files: longestFirst(root, shared, seconds), lanes: Math.min(wanted, shared.length) },
    { files: alone, lanes: 1 },
  ];
  return { options, parts: parts.filter(({ files }) => files.length > 0), all };
}

/**
 * How many lanes a machine bears.
 * @param {number} cores
 * @param {number} bytes its memory
 */
export function lanesOf(cores, bytes) {
  return Math.max(1, Math.min(cores, MOST_LANES, Math.floor(bytes / LANE_BYTES)));
}

/** @param {string[]} args */
function read(args) {
  const options = [];
  const specs = [];
  let jobs;
  for (let at = 0; at < args.length; at++) {
    const arg = /** @type {string} */ (args[at]);
    const [, given] = /^(?:--jobs|-j)(?:=(\d+))?$/.exec(arg) ?? [undefined, null];
    if (given !== null) jobs = Number(given ?? args[++at]);
    else if (VALUED.test(arg)) options.push(arg, .../** @type {string[]} */ (args.slice(++at, at + 1)));
    else if (arg.startsWith("-")) options.push(arg);
    else specs.push(arg);
  }
  return { options, specs, jobs: jobs && jobs > 0 ? jobs : undefined };
}

/**
 * The suites below a folder, by name; undefined where it is none.
 * @param {string} root
 * @param {string} folder
 * @returns {string[] | undefined}
 */
function suitesOf(root, folder) {
  const path = folder.replace(/\/+$/, "");
  if (!statSync(resolve(root, path), { throwIfNoEntry: false })?.isDirectory()) return undefined;
  return readdirSync(resolve(root, path), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .sort()
    .map((name) => `${path}/${name}`);
}

/**
 * The longest first, so that the lanes end together. One that was never measured is taken for a second per kilobyte.
 * @param {string} root
 * @param {string[]} files
 * @param {Record<string, number>} seconds
 */
function longestFirst(root, files, seconds) {
  const length = /** @param {string} file */ (file) =>
    seconds[file] ?? statSync(resolve(root, file)).size / 1024;
  return files
    .map((file) => ({ file, length: length(file) }))
    .sort((a, b) => b.length - a.length)
    .map(({ file }) => file);
}

/** @param {string} file */
function isFile(file) {
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** @param {string} file */
function head(file) {
  return readFileSync(file, "utf8").slice(0, 2000);
}
