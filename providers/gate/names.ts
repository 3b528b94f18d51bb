/** A test's names: in MLflow, and as a task of a run. Both are made from its path, so that they stay the same for ever. */
import { createHash } from "node:crypto";

/** Of a parameter in MLflow on Databricks are 255 bytes; a metric's has `_dur` behind it. */
const NAME_LENGTH = 250;
/** Of a task's key (Jobs API). */
const KEY_LENGTH = 100;

/** `tests/unit/test_a` → `tests_unit_test_a`: a test's name in MLflow; one that is too long ends in a digest of its path. */
export function testName(notebook: string): string {
  return shortened(legal(notebook), notebook, NAME_LENGTH);
}

/**
 * Names of these tests in MLflow: `testName`, and behind those that only differ by characters which MLflow does not
 * take, a digest of the path. So `tests/a-b` and `tests/a b` are two tests, each with a name that depends on no order.
 */
export function testNames(notebooks: readonly string[]): Map<string, string> {
  const count = new Map<string, number>();
  for (const notebook of notebooks) {
    count.set(testName(notebook), (count.get(testName(notebook)) ?? 0) + 1);
  }
  return new Map(
    notebooks.map((notebook) => {
      const name = testName(notebook);
      return [notebook, count.get(name) === 1 ? name : ending(name, notebook, NAME_LENGTH)];
    }),
  );
}

/** The key of the task that runs the test with this name. */
export function taskKey(name: string): string {
  return shortened(name, name, KEY_LENGTH);
}

function legal(notebook: string): string {
  return notebook.replace(/[^A-Za-z0-9_]/g, "_");
}

function shortened(name: string, whole: string, limit: number): string {
  return name.length <= limit ? name : ending(name, whole, limit);
}

function ending(name: string, whole: string, limit: number): string {
  const digest = createHash("sha256").update(whole).digest("hex").slice(0, 8);
  return `${name.slice(0, limit - digest.length - 1)}_${digest}`;
}
