/** A deployment's life in its MLflow run: the tags `status` and `message`, and the run's end; GitHub is told of it. */
import type { Client } from "../databricks/client";
import { messageOf } from "../databricks/errors";
import { cutBytes, findRun, logBatch, tagOf, updateRun } from "../databricks/mlflow";
import { tellGitHub } from "./github/report";
import { say } from "./progress";

export type DeploymentStatus = "running" | "tested" | "live" | "failed" | "superseded";

/** Tags are cut here so that MLflow's table stays readable; the whole text is in the error. */
const MESSAGE_BYTES = 500;

export async function setStatus(
  client: Client,
  deploymentId: string,
  status: DeploymentStatus,
  message: string,
) {
  await logBatch(client, deploymentId, { tags: { status, message: cutBytes(message, MESSAGE_BYTES) } });
  if (status === "failed") {
    await updateRun(client, deploymentId, "FAILED");
  } else if (status === "live") {
    await updateRun(client, deploymentId, "FINISHED");
  }
  await tellGitHub(client, deploymentId, status, message);
}

/**
 * Runs one step of a deployment; where it fails, its run is closed as failed, so that the next `up` opens a new one.
 * A failure to say so in MLflow never hides the failure itself.
 */
export async function asStepOf<T>(
  client: Client,
  deploymentId: string | undefined,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (deploymentId) {
      await fail(client, deploymentId, messageOf(error)).catch((problem: unknown) => {
        say(`could not mark the deployment ${deploymentId} as failed in MLflow: ${messageOf(problem)}`);
      });
    }
    throw error;
  }
}

/** A deployment that is or was live stays what it is: a repair of it that fails makes no history untrue. */
async function fail(client: Client, deploymentId: string, message: string): Promise<void> {
  const run = await findRun(client, deploymentId);
  const status = run && tagOf(run, "status");
  if (status === "running" || status === "tested") {
    await setStatus(client, deploymentId, "failed", message);
  }
}
