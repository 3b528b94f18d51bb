/** The small repository that the scenarios deploy: a pipeline of two notebooks, a module, and two fast tests. */
import { makeRepository, notebook, type TestFile, type TestRepository } from "../source/support";

/** A test notebook whose exit value is its result. */
export function passing(result = "ok"): string {
  return notebook(`dbutils.notebook.exit("${result}")`);
}

/** A test notebook that fails with this message. */
export function failing(message: string): string {
  return notebook(`raise AssertionError("${message}")`);
}

/** The notebook that the jobs run; `version` is in its exit value. */
export function score(version: string): string {
  return notebook(
    [
      `dbutils.widgets.text("githash", "")`,
      `dbutils.notebook.exit("${version} " + dbutils.widgets.get("githash"))`,
    ].join("\n\n# COMMAND ----------\n\n"),
  );
}

/** A test that waits for a file, so that the gate takes as long as this test needs; a minute at most. */
export const WAITING = notebook(`
import os, time
dbutils.widgets.text("go", "")
end = time.time() + 60
while not os.path.exists(dbutils.widgets.get("go")):
    assert time.time() < end, "nobody said go"
    time.sleep(0.05)
`);

const FILES: Readonly<Record<string, TestFile>> = {
  "README.md": "Not released.\n",
  "notebooks/pipeline/score.py": score("v1"),
  "notebooks/pipeline/features.py": notebook("print('features')"),
  "notebooks/lib/shared.py": "ANSWER = 42\n",
  "notebooks/tests/test_one.py": notebook("assert 1 + 1 == 2"),
  "notebooks/tests/test_two.py": passing("two is fine"),
};

/** The repository with its first commit. */
export function exampleRepository(changes: Readonly<Record<string, TestFile>> = {}): TestRepository {
  return makeRepository({ ...FILES, ...changes }, { message: "first" });
}
