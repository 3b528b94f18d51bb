/** The gate's tests as the tasks of one submitted run. */
import { createHash } from "node:crypto";
import type { SubmitTask } from "../../databricks/runs";

export interface GateSettings {
  /** Limit of one test in seconds, the start-up of the compute included where the API cannot tell them apart. */
  readonly timeoutSeconds: number;
  readonly retries: number;
  /** Tests that run at once. */
  readonly parallel: number;
  readonly parameters: Readonly<Record<string, string>>;
  /** Databricks' own settings of a task's compute, e.g. `{ existingClusterId }` in API names; empty: serverless. */
  readonly compute: Readonly<Record<string, unknown>>;
  readonly runAs?: Readonly<Record<string, string>>;
}

/** `tests/unit/test_a` → `tests_unit_test_a`: the test's name in MLflow, and its task's key. */
export function testName(notebook: string): string {
  return notebook.replace(/[^A-Za-z0-9_]/g, "_");
}

/**
 * The Jobs API has no field for parallelism: `parallel` lanes, in each of which a test waits for the one before it,
 * however that one ended.
 */
export function gateTasks(
  tests: readonly string[],
  releasePath: string,
  parameters: Readonly<Record<string, string>>,
  settings: GateSettings,
): SubmitTask[] {
  return tests.map((test, index) => {
    const before = tests[index - settings.parallel];
    return {
      task_key: testName(test),
      notebook_task: {
        notebook_path: `${releasePath}/${test}`,
        base_parameters: { ...settings.parameters, ...parameters },
        source: "WORKSPACE",
      },
      timeout_seconds: settings.timeoutSeconds,
      max_retries: settings.retries,
      // Serverless would retry a failed test by itself, and a flaky one would look sound.
      disable_auto_optimization: true,
      ...settings.compute,
      ...(before === undefined
        ? {}
        : { depends_on: [{ task_key: testName(before) }], run_if: "ALL_DONE" as const }),
    };
  });
}

/** The same deployment asks for the same run, so that an interrupted `up` finds it again (at most 64 characters). */
export function idempotencyToken(deploymentId: string, tests: readonly string[]): string {
  return createHash("sha256")
    .update(JSON.stringify(["gate", deploymentId, tests]))
    .digest("hex");
}
