/** What MLflow has of deployments, for the commands: their experiment, and of each run what became of it. */
import type { Client } from "../databricks/client";
import {
  comparison,
  findRun,
  metricsOf,
  paramsOf,
  runPage,
  searchRuns,
  tagOf,
  type MlflowRun,
} from "../databricks/mlflow";
import type { FoundStack } from "./stack";

/** How many tests passed and failed; a retried one counts once. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
}

/** One attempt to make a release live. */
export interface Attempt {
  readonly deploymentId: string;
  readonly deploymentUrl: string;
  readonly githash: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Who ran it, where MLflow knows. */
  readonly by: string;
  readonly note: string;
  /** `running`, `tested`, `live`, `failed`, `superseded`. */
  readonly status: string;
  /** How far it came, or why it failed. */
  readonly message: string;
  /** null: no test was run, or none was done yet. */
  readonly tests: TestCounts | null;
}

/** The experiment of the stack's last deployment; undefined before the first one. */
export function experimentOf({ outputs }: Pick<FoundStack, "outputs">): string | undefined {
  return /\/experiments\/([^/]+)\/runs\//.exec(String(outputs.deploymentUrl))?.[1];
}

/** The last deployments of an environment, newest first; at most 1,000. */
export async function lastAttempts(
  client: Client,
  experiment: string,
  { app, env }: { readonly app: string; readonly env: string },
  limit: number,
): Promise<Attempt[]> {
  const filter = `${comparison("params.app", app)} AND ${comparison("params.env", env)}`;
  const runs = await searchRuns(client, experiment, filter, Math.min(limit, 1000));
  return runs.map((run) => attemptOf(run, client.host));
}

export function attemptOf(run: MlflowRun, host: string): Attempt {
  const { run_id, experiment_id, start_time, status } = run.info;
  const { tests_passed, tests_failed } = metricsOf(run);
  const params = paramsOf(run);
  return {
    deploymentId: run_id,
    deploymentUrl: runPage(host, experiment_id, run_id),
    githash: params.githash ?? "",
    startedAt: new Date(start_time ?? 0).toISOString(),
    by: tagOf(run, "mlflow.user") ?? "",
    note: params.deploy_note ?? "",
    status: tagOf(run, "status") ?? status.toLowerCase(),
    message: tagOf(run, "message") ?? "",
    tests:
      tests_passed === undefined && tests_failed === undefined
        ? null
        : { passed: tests_passed ?? 0, failed: tests_failed ?? 0 },
  };
}

/** The address of a deployment's MLflow run; empty where that is gone, or MLflow does not answer: it is for people to look at. */
export async function deploymentUrlOf(client: Client, deploymentId: string): Promise<string> {
  const run = deploymentId ? await findRun(client, deploymentId).catch(() => undefined) : undefined;
  return run ? attemptOf(run, client.host).deploymentUrl : "";
}

/** `5 passed`, `4 passed, 1 failed`, or `none`. */
export function shownTests(tests: TestCounts | null): string {
  if (!tests || tests.passed + tests.failed === 0) {
    return "none";
  }
  return tests.failed === 0 ? `${tests.passed} passed` : `${tests.passed} passed, ${tests.failed} failed`;
}
