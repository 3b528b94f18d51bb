/** Outcomes of tests, for the tests of what is made of them. */
import type { TestOutcome } from "../../providers/gate/results";

export function outcome(notebook: string, more: Partial<TestOutcome> = {}): TestOutcome {
  const name = notebook.replace(/\W/g, "_");
  return {
    ...{ notebook, name, result: "passed", passed: true, seconds: 1, attempts: 1, truncated: false },
    ...more,
  };
}

export function failedOutcome(notebook: string, error: string, trace?: string): TestOutcome {
  return outcome(notebook, { result: "Failed", passed: false, error, trace });
}
