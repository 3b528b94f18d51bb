/**
 * Golden transcripts: what a person sees of the engine's runs, without what differs from run to run, compared with
 * `tests/golden/<name>.txt`. `UPDATE_GOLDEN=1` writes them anew; review the difference as you review code.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "../support/pulumi";

/** Text that stands for itself in one run only, and what to show in its place; longer text first. */
export type Replacements = readonly (readonly [text: string, shown: string])[];

/** @param sortDiagnostics where resources that are worked on at once have something to say, in any order. */
export function matchesGolden(
  name: string,
  output: string,
  replacements: Replacements,
  { sortDiagnostics = false } = {},
): void {
  const file = join(ROOT, "tests", "golden", `${name}.txt`);
  const normal = normalize(output, replacements);
  const actual = sortDiagnostics
    ? normal.replace(/(?<=\nDiagnostics:\n.*\n)(?: {4}.*\n)+/, sortMessages)
    : normal;
  isAsIn(file, actual);
}

/** Compares a text with a file that is checked in; `UPDATE_GOLDEN=1` writes it anew. */
export function isAsIn(file: string, actual: string): void {
  if (process.env.UPDATE_GOLDEN) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, actual);
    return;
  }
  assert.ok(existsSync(file), `${file} is missing; UPDATE_GOLDEN=1 writes it`);
  assert.equal(actual, readFileSync(file, "utf8"), `it is not as in ${file}; UPDATE_GOLDEN=1 writes it anew`);
}

/** Patterns for what differs without our knowing it beforehand. */
const PASSING: readonly (readonly [RegExp, string])[] = [
  [/https?:\/\/127\.0\.0\.1:\d+/g, "<host>"],
  [/\b[0-9a-f]{32}\b/g, "<deployment>"],
  [/\/experiments\/\d+\//g, "/experiments/<id>/"],
  [/\/jobs\/\d+/g, "/jobs/<id>"],
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>"],
  [/^Duration: .*$/m, "Duration: <seconds>"],
  [/(seconds *: )[\d.]+/g, "$1<seconds>"],
  [/ +[\d.]+ s {2}/g, " <seconds> s  "],
];

/** Progress: how much of it there is depends on the machine's speed. */
const PROGRESS = /imported \d+ of \d+|gate: \d+ of \d+ tests done/;

export function normalize(output: string, replacements: Replacements): string {
  let text = output;
  for (const [from, to] of replacements) {
    text = text.replaceAll(from, to);
  }
  for (const [pattern, shown] of PASSING) {
    text = text.replace(pattern, shown);
  }
  const lines = text.split("\n").filter((line) => !line.startsWith("@ ") && !PROGRESS.test(line));
  const first = lines.findIndex((line) => line.startsWith("    ") || /^ [+~-]/.test(line));
  const end = lines.findIndex((line) => /^(Diagnostics|Outputs|Resources):$/.test(line));
  // Resources are worked on at once: the order of their lines is not fixed, and slow ones are shown more than once.
  const shown = new Set(
    lines
      .slice(first, end)
      .map(displayLine)
      .filter((line) => !/^$|ing$/.test(line)),
  );
  const display = [...shown].sort(byResource);
  const squeezed = [...lines.slice(0, first), ...display, "", ...lines.slice(end)]
    .join("\n")
    .replace(/\n{3,}/g, "\n\n");
  return squeezed.trim() + "\n";
}

/** One resource's line without its time; the stack's also without the last message, which the diagnostics repeat. */
function displayLine(line: string): string {
  const plain = line
    .replace(/ \([\d.]+m?s\)/, "")
    .replace(/ \d+ messages?$/, "")
    .trimEnd();
  return plain.replace(
    /^(.{4}pulumi:pulumi:Stack \S+(?: (?:creat|updat|refresh|delet)(?:ed?|ing))?)(?: .*)?$/,
    "$1",
  );
}

/** A message begins four spaces in; its further lines more. */
function sortMessages(diagnostics: string): string {
  return diagnostics
    .split(/(?<=\n)(?= {4}\S)/)
    .sort()
    .join("");
}

function byResource(a: string, b: string): number {
  const [left, right] = [a.slice(4), b.slice(4)];
  return left < right ? -1 : left > right ? 1 : 0;
}
