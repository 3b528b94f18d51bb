/** The gate's results as `junit.xml`, in the form that CI servers read (that of Maven Surefire, with its flaky failures). */
import type { TestOutcome } from "./results";

export function junitXml(suite: string, outcomes: readonly TestOutcome[]): string {
  const errors = outcomes.filter(({ notRun }) => notRun).length;
  const failures = outcomes.filter(({ passed }) => !passed).length - errors;
  const seconds = outcomes.reduce((sum, outcome) => sum + outcome.seconds, 0);
  const totals = `tests="${outcomes.length}" failures="${failures}" errors="${errors}" skipped="0" time="${seconds.toFixed(3)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${totals}>`,
    `  <testsuite name="${escape(suite)}" ${totals}>`,
    ...outcomes.map(testCase),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function testCase({ notebook, seconds, passed, notRun, result, error, trace }: TestOutcome): string {
  const slash = notebook.lastIndexOf("/");
  const folder = slash < 0 ? "." : notebook.slice(0, slash);
  const head = `<testcase classname="${escape(folder)}" name="${escape(notebook.slice(slash + 1))}" time="${seconds.toFixed(3)}">`;
  const [element, type] = passed
    ? ["flakyFailure", "flaky"]
    : notRun
      ? ["error", "not run"]
      : ["failure", "failed"];
  const message = error?.split("\n")[0] ?? "";
  const failure =
    error === undefined
      ? ""
      : `<${element} message="${escape(message)}" type="${type}">${escape(trace || error)}</${element}>`;
  const output = passed ? `<system-out>${escape(result)}</system-out>` : "";
  return `    ${head}${failure}${output}</testcase>`;
}

/** Characters that XML 1.0 has no place for, not even as references: they are left out, colours of a terminal whole. */
// eslint-disable-next-line no-control-regex
const ILLEGAL = /\u001b\[[0-9;]*m|[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;
const REFERENCES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  // Line ends in an attribute would be read as spaces.
  "\n": "&#10;",
  "\r": "&#13;",
  "\t": "&#9;",
};

function escape(text: string): string {
  return text
    .replace(ILLEGAL, "")
    .replace(/[&<>"'\n\r\t]/g, (character) => REFERENCES[character] ?? character);
}
