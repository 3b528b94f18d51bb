/** What suites took, so that the longest are begun first. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readText } from "../setup/files.mjs";

/** Checked in, for a fresh machine: suites of five seconds and more. Taken over now and then from a whole run's file. */
const CHECKED_IN = ["scripts", "test", "durations.json"];
/** Of the last whole run in this checkout. */
const LAST_RUN = "test-durations.json";

/**
 * Suite → seconds: of the last whole run here, else of the run whose long suites are checked in.
 * @param {import("../setup/paths.mjs").Paths} paths
 * @returns {Record<string, number>}
 */
export function durations(paths) {
  return { ...parsed(join(paths.root, ...CHECKED_IN)), ...parsed(join(paths.local, LAST_RUN)) };
}

/**
 * Keeps what a whole run took.
 * @param {import("../setup/paths.mjs").Paths} paths
 * @param {[string, number][]} took
 */
export function remember(paths, took) {
  const long = took
    .filter(([, seconds]) => seconds >= 1)
    .map(([file, seconds]) => [file, Math.round(seconds)]);
  if (long.length > 0) {
    writeFileSync(join(paths.local, LAST_RUN), `${JSON.stringify(Object.fromEntries(long), null, 2)}\n`);
  }
}

/**
 * What the lanes noted: suites with their seconds, the slowest first.
 * @param {string} notes
 * @returns {[string, number][]}
 */
export function slowest(notes) {
  const lines = (readText(notes) ?? "").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line)).sort((a, b) => b[1] - a[1]);
}

/** @param {string} file */
function parsed(file) {
  try {
    return JSON.parse(readText(file) ?? "{}");
  } catch {
    return {};
  }
}
