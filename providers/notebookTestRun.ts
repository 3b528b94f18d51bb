/** `NotebookTestRun`: the gate. Runs a release's own tests before it goes live; results and durations go to the deployment's MLflow run. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../databricks/client";
import { cancelRun, getRun, hasEnded, submitRun, type Run } from "../databricks/runs";
import { logBatch } from "../databricks/mlflow";
import { connect, type Place } from "./connection";
import { asStepOf, setStatus } from "./deployment";
import {
  describe,
  FAILED,
  lastAttempt,
  readOutcome,
  type TestOutcome,
  type TestResult,
} from "./gate/results";
import { gateTasks, idempotencyToken, testName, type GateSettings } from "./gate/tasks";
import { progress, say } from "./progress";
import { dynamicProvider, type Handler } from "./provider";

export interface Inputs extends Place {
  deploymentId: string;
  deploymentUrl: string;
  experimentId: string;
  env: string;
  githash: string;
  releasePath: string;
  /** Notebooks, relative to the release. */
  tests: string[];
  settings: GateSettings;
}
export interface Computed {
  results: Record<string, TestResult>;
  runUrl: string;
}

/** Start-up of the compute, which the limit of a test does not count. */
const START_UP_S = 20 * 60;

const handler: Handler<Inputs, Computed> = {
  type: "NotebookTestRun",

  async create(inputs) {
    const client = await connect(inputs);
    return asStepOf(client, inputs.deploymentId, async () => {
      const { run, outcomes } =
        inputs.tests.length > 0 ? await runTests(client, inputs) : { run: undefined, outcomes: [] };
      await logResults(client, inputs.deploymentId, outcomes);
      const failed = outcomes.filter(({ result }) => result === FAILED);
      if (failed.length > 0) {
        throw new Error(failure(inputs, outcomes, failed.length, run));
      }
      await setStatus(client, inputs.deploymentId, "tested", `${outcomes.length} tests passed`);
      say(
        outcomes.length > 0
          ? `gate: ${outcomes.length} tests passed\n${describe(outcomes)}`
          : "gate: no tests are configured",
      );
      const results = Object.fromEntries(
        outcomes.map(({ notebook, result, seconds }) => [testName(notebook), { result, seconds }]),
      );
      return { id: inputs.deploymentId, computed: { results, runUrl: run?.run_page_url ?? "" } };
    });
  },
};

async function runTests(client: Client, inputs: Inputs): Promise<{ run: Run; outcomes: TestOutcome[] }> {
  const { deploymentId, releasePath, tests, settings, env, githash, experimentId } = inputs;
  const parameters = {
    env,
    githash,
    experiment_id: experimentId,
    run_id: deploymentId,
    release_path: releasePath,
    artifacts: "",
  };
  const runId = await submitRun(client, {
    run_name: `gate ${env} ${githash.slice(0, 12)}`,
    tasks: gateTasks(tests, releasePath, parameters, settings),
    idempotency_token: idempotencyToken(deploymentId, tests),
    ...(settings.runAs ? { run_as: settings.runAs } : {}),
  });
  const run = await watch(client, runId, inputs);
  return { run, outcomes: await Promise.all(tests.map((test) => readOutcome(client, test, run))) };
}

/** Waits for the run to end, with progress; ends it where it takes longer than all of its tests together may. */
async function watch(client: Client, runId: number, { tests, settings }: Inputs): Promise<Run> {
  const rounds = Math.ceil(tests.length / settings.parallel);
  const limit = Date.now() + (rounds * settings.timeoutSeconds * (settings.retries + 1) + START_UP_S) * 1000;
  const show = progress();
  for (let pause = 100; ; pause = Math.min(pause * 1.3, 3000)) {
    const run = await getRun(client, runId);
    if (hasEnded(run.state)) {
      return run;
    }
    if (Date.now() > limit) {
      await cancelRun(client, runId);
      throw new Error(`The gate's run ${run.run_page_url ?? runId} did not end in time and was cancelled.`);
    }
    show(summary(tests, run));
    await sleep(pause);
  }
}

function summary(tests: readonly string[], run: Run): string {
  const states = tests.map((test) => ({ test, state: lastAttempt(run, testName(test))?.state }));
  const done = states.filter(({ state }) => state && hasEnded(state));
  const running = states.filter(({ state }) => state?.life_cycle_state === "RUNNING").map(({ test }) => test);
  return `gate: ${done.length} of ${tests.length} tests done${running.length > 0 ? `, running: ${running.join(", ")}` : ""}`;
}

async function logResults(
  client: Client,
  deploymentId: string,
  outcomes: readonly TestOutcome[],
): Promise<void> {
  const named = outcomes.map((outcome) => ({ ...outcome, name: testName(outcome.notebook) }));
  const failed = outcomes.filter(({ result }) => result === FAILED).length;
  await logBatch(client, deploymentId, {
    params: Object.fromEntries(named.map(({ name, result }) => [name, result])),
    metrics: {
      ...Object.fromEntries(named.map(({ name, seconds }) => [`${name}_dur`, seconds])),
      tests_passed: outcomes.length - failed,
      tests_failed: failed,
    },
  });
}

function failure(
  inputs: Inputs,
  outcomes: readonly TestOutcome[],
  failed: number,
  run: Run | undefined,
): string {
  return [
    `The gate is closed: ${failed} of ${outcomes.length} tests failed. What was live in ${inputs.env} is live still.`,
    describe(outcomes),
    `  deployment: ${inputs.deploymentUrl}`,
    ...(run?.run_page_url ? [`  test run:   ${run.run_page_url}`] : []),
    "Mend the notebooks and commit, or run pulumi up again to try the same commit in a new deployment.",
  ].join("\n");
}

export default dynamicProvider(handler);
