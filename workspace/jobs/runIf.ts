/** When a task may start, by what became of the tasks before it. Section "Configure task dependencies" of the docs. */
import type { ResultState, RunIf } from "./types";

export type Verdict =
  { start: true } | { start: false; result: "UPSTREAM_FAILED" | "UPSTREAM_CANCELED" | "EXCLUDED" };

const FAILURES: readonly ResultState[] = ["FAILED", "TIMEDOUT", "UPSTREAM_FAILED"];
const CANCELLATIONS: readonly ResultState[] = ["CANCELED", "UPSTREAM_CANCELED"];

/** Judges a task whose dependencies have all ended. Excluded ones count as successful, as Databricks documents it. */
export function judge(runIf: RunIf, results: readonly ResultState[]): Verdict {
  if (results.length === 0) return { start: true };
  const failed = results.filter(
    (result) => FAILURES.includes(result) || CANCELLATIONS.includes(result),
  ).length;
  const succeeded = results.length - failed;
  const executed = results.filter((result) => result !== "EXCLUDED" && result !== "DISABLED").length;
  const allowed: Record<RunIf, boolean> = {
    ALL_SUCCESS: failed === 0,
    ALL_DONE: true,
    AT_LEAST_ONE_SUCCESS: succeeded > 0,
    NONE_FAILED: failed === 0 && executed > 0,
    ALL_FAILED: succeeded === 0,
    AT_LEAST_ONE_FAILED: failed > 0,
  };
  if (allowed[runIf]) return { start: true };
  if (failed === 0 || runIf === "ALL_FAILED" || runIf === "AT_LEAST_ONE_FAILED")
    return { start: false, result: "EXCLUDED" };
  const cancelledOnly = !results.some((result) => FAILURES.includes(result));
  return { start: false, result: cancelledOnly ? "UPSTREAM_CANCELED" : "UPSTREAM_FAILED" };
}

/** A run's result from its tasks': the leaves decide; a failure that was handled leaves `SUCCESS_WITH_FAILURES`. */
export function overall(
  tasks: readonly { key: string; dependsOn: readonly string[]; result: ResultState }[],
): ResultState {
  const needed = new Set(tasks.flatMap((task) => task.dependsOn));
  const leaves = tasks.filter((task) => !needed.has(task.key)).map((task) => task.result);
  if (leaves.some((result) => FAILURES.includes(result))) return "FAILED";
  if (leaves.some((result) => CANCELLATIONS.includes(result))) return "CANCELED";
  const handled = tasks.some(({ result }) => FAILURES.includes(result) || CANCELLATIONS.includes(result));
  return handled ? "SUCCESS_WITH_FAILURES" : "SUCCESS";
}
