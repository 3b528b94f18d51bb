/** `DeploymentRun`: one attempt to make a release live; its id is its MLflow run's id. The run is kept for ever. */
import { createRun, findRun, logBatch, runPage, tagOf, type MlflowRun } from "../databricks/mlflow";
import { short } from "../source/githash";
import { connect, type Place } from "./connection";
import { asStepOf } from "./deployment";
import { closeInterrupted, deploymentsOf, STACK } from "./gate/interrupted";
import { actionsRun } from "./github/actions";
import { gitHubTags, notReported, tellGitHub, type GitHubTarget } from "./github/report";
import { dynamicProvider, type Handler } from "./provider";

export interface Inputs extends Place {
  experimentId: string;
  app: string;
  env: string;
  githash: string;
  /** The manifest's part from git. */
  digest: string;
  /** Digest of the gate's settings: another gate is another deployment. */
  gate: string;
  source: string;
  pipelineId: string;
  note: string;
  /** The stack's own id among all that log to the experiment (`gate/interrupted.ts`). */
  stackId: string;
  /** What was live until a rollback was asked for; empty in any other deployment. */
  rollbackFrom: string;
  /** Where the deployment is reported to. */
  github: GitHubTarget;
}
export interface Computed {
  deploymentId: string;
  deploymentUrl: string;
}

const handler: Handler<Inputs, Computed> = {
  type: "DeploymentRun",

  async create(inputs) {
    const client = await connect(inputs);
    const { app, env, githash, stackId } = inputs;
    const before = await deploymentsOf(client, inputs.experimentId, stackId);
    await closeInterrupted(client, before, githash);
    const failed = failedAttempt(before, githash);
    const ci = actionsRun(process.env);
    const run = await createRun(client, inputs.experimentId, `${app} ${env} ${short(githash)}`, {
      status: "running",
      message: "deployment started",
      [STACK]: stackId,
      ...(inputs.rollbackFrom ? { rollback_from: inputs.rollbackFrom } : {}),
      ...(failed ? { retry_of: failed.info.run_id } : {}),
      ...(ci ? { ci_run: ci } : {}),
      ...gitHubTags(inputs.github, inputs.digest),
    });
    const deploymentId = run.info.run_id;
    await asStepOf(client, deploymentId, () =>
      logBatch(client, deploymentId, {
        params: {
          env,
          githash,
          pipeline_id: inputs.pipelineId,
          deploy_note: inputs.note,
          app,
          source: inputs.source,
        },
      }),
    );
    if (inputs.github.repository) {
      await tellGitHub(client, deploymentId, "running", "deployment started");
    } else {
      notReported(deploymentId);
    }
    const deploymentUrl = runPage(inputs.host, inputs.experimentId, deploymentId);
    return { id: deploymentId, computed: { deploymentId, deploymentUrl } };
  },

  async mustReplace(id, olds) {
    const run = await findRun(await connect(olds), id);
    return (
      !run ||
      tagOf(run, "status") === "failed" ||
      run.info.status === "FAILED" ||
      run.info.status === "KILLED"
    );
  },
};

/** The attempt before, where it was one at the same commit and failed: parameters are immutable, so this is a new run. */
function failedAttempt([last]: readonly MlflowRun[], githash: string): MlflowRun | undefined {
  const isSame = last?.data.params?.some(({ key, value }) => key === "githash" && value === githash);
  return last && isSame && tagOf(last, "status") === "failed" ? last : undefined;
}

export default dynamicProvider(handler);
