/**
 * Deployments of this stack that never came to their end: their `up` was killed. One of the same commit is taken up again
 * by its own resource, which is still in the state. One that another commit replaces is closed here, before the new one
 * begins: its test run is cancelled, its MLflow run says `failed`.
 *
 * How the next `up` learns of it: a `create` sees nothing of the resource that it replaces, and neither does its `check`
 * (the engine calls it with no old inputs then; seen with 3.259). So every MLflow run of a stack's deployments has a tag
 * `stack_id`, which the `Workspace` resource keeps for the stack, and a tag `gate_runs` with the test runs, set as soon
 * as they are started. As the stack's lock is held, an open run with its id belongs to nobody.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../databricks/client";
import { messageOf } from "../../databricks/errors";
import { comparison, searchRuns, tagOf, updateRun, type MlflowRun } from "../../databricks/mlflow";
import { cancelRun, getRun, hasEnded } from "../../databricks/runs";
import { short } from "../../source/githash";
import { setStatus } from "../deployment";
import { say } from "../progress";

/** Tag of a deployment's run: the ids of the runs of its tests, with commas. */
export const GATE_RUNS = "gate_runs";
/** Tag of a deployment's run: the id of the stack that made it. */
export const STACK = "stack_id";

const DEPLOYMENTS = 100;
/** For how long the end of a cancelled run is waited for, so that old and new tests do not meet. */
const END_LIMIT_MS = 60_000;

/** The stack's last deployments, newest first. */
export function deploymentsOf(client: Client, experimentId: string, stackId: string): Promise<MlflowRun[]> {
  return searchRuns(client, experimentId, comparison(`tags.${STACK}`, stackId), DEPLOYMENTS);
}

/** Closes those of the deployments that are open, as replaced by `githash`. A failure is said; the new one may begin. */
export async function closeInterrupted(
  client: Client,
  deployments: readonly MlflowRun[],
  githash: string,
): Promise<void> {
  for (const run of deployments.filter(({ info }) => info.status === "RUNNING")) {
    const status = tagOf(run, "status");
    if (status === "running") {
      await close(client, run, githash);
    } else if (status === "tested") {
      // Killed after its tests, or live and MLflow could not be told: it is ended, and its status is left to the registry.
      await updateRun(client, run.info.run_id, "KILLED").catch(() => undefined);
    }
  }
}

async function close(client: Client, run: MlflowRun, githash: string): Promise<void> {
  const id = run.info.run_id;
  const testRuns = (tagOf(run, GATE_RUNS) ?? "").split(",").filter(Boolean).map(Number);
  try {
    const cancelled = (await Promise.all(testRuns.map((testRun) => cancel(client, testRun)))).filter(Boolean);
    const runs = cancelled.length > 0 ? "; its test run was cancelled" : "";
    await setStatus(client, id, "failed", `interrupted${runs}; then replaced by ${short(githash)}`);
    say(`the deployment ${id} was interrupted and is closed as failed${runs}`);
  } catch (problem) {
    say(`the interrupted deployment ${id} could not be closed: ${messageOf(problem)}`);
  }
}

/** Cancels a test run that is active and waits for its end; false where it had ended. */
async function cancel(client: Client, runId: number): Promise<boolean> {
  if (hasEnded((await getRun(client, runId)).state)) {
    return false;
  }
  say(`cancelling the test run ${runId} of a deployment that was interrupted`);
  await cancelRun(client, runId);
  const limit = Date.now() + END_LIMIT_MS;
  for (let pause = 100; !hasEnded((await getRun(client, runId)).state); pause = Math.min(pause * 1.5, 2000)) {
    if (Date.now() > limit) {
      say(`the test run ${runId} has not ended ${END_LIMIT_MS / 1000} s after it was cancelled; going on`);
      break;
    }
    await sleep(pause);
  }
  return true;
}
