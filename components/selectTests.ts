/** Which of a release's notebooks are its tests. */
import picomatch from "picomatch";
import { testNames } from "../providers/gate/names";
import type { Source } from "../source";
import { short } from "../source/githash";
import { refusal } from "./refusal";

/** Names of the deployment's own parameters in MLflow; a test must not be called so. */
const RESERVED = new Set([
  "env",
  "githash",
  "pipeline_id",
  "deploy_note",
  "app",
  "source",
  "tests_passed",
  "tests_failed",
]);

/**
 * The test notebooks of a source, by globs on their paths in the release, sorted.
 * @param key of the configuration that has the globs, for the errors.
 * @throws RunError for a glob that matches nothing, and for a test with the name of something else in MLflow.
 */
export function selectTests(source: Source, globs: readonly string[], key = "gate.tests"): string[] {
  const notebooks = source.files.filter(({ kind }) => kind === "notebook").map(({ target }) => target);
  const problems = globs
    .filter((glob) => !notebooks.some((target) => picomatch.isMatch(target, glob)))
    .map((glob) => `${key}: "${glob}" matches no notebook of ${short(source.commit.githash)}`);
  const tests = notebooks.filter((target) => globs.some((glob) => picomatch.isMatch(target, glob))).sort();
  for (const [test, name] of testNames(tests)) {
    if (RESERVED.has(name)) {
      problems.push(`${key}: ${test} has the name of a parameter of the deployment itself; rename it`);
    }
  }
  if (problems.length > 0) {
    throw refusal(problems.join("\n"));
  }
  return tests;
}
