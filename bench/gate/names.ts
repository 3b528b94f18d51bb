/** What the gate's cases are called, in the table and where its goal looks for them. */

/** Test notebooks of a release. */
export const TESTS = 20;

export const GROUP = "gate";
export const WAYS = {
  tested: "up of a new commit, all notebooks are tests",
  untested: "up of a new commit, no tests",
};

/** Values that have a table of their own, and its heading. */
export const UNITS: Readonly<Record<string, string>> = {
  seconds: "seconds",
  notebookSeconds: "seconds in which a test notebook ran, as the Jobs API tells it",
};
