/** The gate's tests as the tasks of submitted runs. */
import { createHash } from "node:crypto";
import type { Submit, SubmitTask } from "../../databricks/runs";
import { attach, type Artifact } from "../artifacts";
import type { MetricLimit } from "./limits";
import { taskKey } from "./names";

export { testName } from "./names";

export interface GateSettings {
  /** Limit of one test's run in seconds; the start-up of its compute is not counted (`watch.ts`). */
  readonly timeoutSeconds: number;
  readonly retries: number;
  /** Tests that run at once. */
  readonly parallel: number;
  readonly parameters: Readonly<Record<string, string>>;
  /** Databricks' own settings of a task's compute, e.g. `{ existingClusterId }` in API names; empty: serverless. */
  readonly compute: Readonly<Record<string, unknown>>;
  readonly runAs?: Readonly<Record<string, string>>;
  /** Limits of metrics that the tests log to the deployment's run. @default none */
  readonly metrics?: readonly MetricLimit[];
  /** How many percent longer a test may take than the median of its last deployments. @default no limit */
  readonly maxSlowdownPercent?: number;
  /** When a release that has passed here before is not tested again. @default "rollback" */
  readonly reuse?: "never" | "rollback" | "always";
}

/** A test notebook, relative to the release, and its name in MLflow. */
export interface Test {
  readonly notebook: string;
  readonly name: string;
}

/** Tests one after the other. */
export type Lane = readonly Test[];
/** Lanes at once: one submitted run. */
export type Batch = readonly Lane[];

/** Tasks of one run that the API promises to take (Jobs API, runs/submit). */
const TASKS_A_RUN = 100;
/** Longest start-up of the compute that a test waits for. */
export const START_UP_S = 20 * 60;

/**
 * The Jobs API has no field for parallelism: `parallel` lanes, in each of which a test waits for the one before it.
 * Runs of 100 tasks at most, with whole lanes, are submitted together and share the lanes; only where a lane itself is
 * longer than a run may be does another round follow. A round goes on by itself where the `up` that began it is gone.
 */
export function plan(tests: readonly Test[], parallel: number): Batch[][] {
  return chunks(tests, TASKS_A_RUN * parallel).map((round) => {
    const count = Math.min(parallel, round.length);
    const lanes = Array.from({ length: count }, (_, lane) => round.filter((__, at) => at % count === lane));
    return chunks(lanes, Math.floor(TASKS_A_RUN / Math.ceil(round.length / count)));
  });
}

export interface BatchRequest {
  readonly name: string;
  readonly deploymentId: string;
  readonly releasePath: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly settings: GateSettings;
  /** What the release's build made; each test gets it as its compute wants it. */
  readonly artifacts: readonly Artifact[];
}

/** The request that starts a batch, or finds it again. A test waits for the one before it in its lane, however that ended. */
export function submission(batch: Batch, request: BatchRequest): Submit {
  const tasks = batch.flatMap((lane) => lane.map((test, at) => task(test, lane[at - 1], request)));
  const run = {
    run_name: request.name,
    tasks,
    idempotency_token: idempotencyToken(request.deploymentId, batch),
    ...(request.settings.runAs ? { run_as: snakeCase(request.settings.runAs) } : {}),
  };
  return attach(run, request.artifacts);
}

function task(test: Test, before: Test | undefined, request: BatchRequest): SubmitTask {
  const { releasePath, parameters, settings } = request;
  return {
    task_key: taskKey(test.name),
    notebook_task: {
      notebook_path: `${releasePath}/${test.notebook}`,
      base_parameters: { ...settings.parameters, ...parameters },
      source: "WORKSPACE",
    },
    // The API's limit counts from the task's start, that of its compute included; the gate's own is in `watch.ts`.
    timeout_seconds: settings.timeoutSeconds + START_UP_S,
    max_retries: settings.retries,
    // Serverless would retry a failed test by itself, and a flaky one would look sound.
    disable_auto_optimization: true,
    ...settings.compute,
    ...(before ? { depends_on: [{ task_key: taskKey(before.name) }], run_if: "ALL_DONE" as const } : {}),
  };
}

/** `{ servicePrincipalName }` → `{ service_principal_name }`, as the API names them. */
function snakeCase(names: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(names).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}

/**
 * The same deployment asks for the same run, so that an interrupted `up` finds it again (at most 64 characters). Another
 * attempt is another deployment.
 */
function idempotencyToken(deploymentId: string, batch: Batch): string {
  const tests = batch.map((lane) => lane.map(({ notebook }) => notebook));
  return createHash("sha256")
    .update(JSON.stringify(["gate", deploymentId, tests]))
    .digest("hex");
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  );
}
