/** `ReleaseJob`: a Databricks job on the live release, pinned to its path or dispatched by the registry. */
import type * as databricks from "@pulumi/databricks";
import * as pulumi from "@pulumi/pulumi";
import { addresses } from "../providers/artifacts";
import { attachToJob, computeOf } from "./compute";
import { environmentJob, type JobArgs } from "./job";
import type { NotebookRelease } from "./notebookRelease";
import type { Trigger } from "./trigger";

/** One task; `notebook` is relative to the release. The rest are Databricks' own settings of a task. */
export interface ReleaseTask extends Omit<
  Partial<databricks.types.input.JobTask>,
  "notebookTask" | "dependsOns" | "taskKey"
> {
  readonly taskKey: string;
  readonly notebook: string;
  readonly dependsOn?: readonly string[];
  readonly parameters?: Readonly<Record<string, string>>;
}

export interface ReleaseJobArgs extends JobArgs {
  readonly release: NotebookRelease;
  readonly trigger: Trigger;
  /**
   * - `pinned`: the tasks' paths lead into the release, and move after the registry's row;
   * - `dispatch`: the job runs the trigger, which asks the registry at each run; the job itself never changes.
   */
  readonly mode: "pinned" | "dispatch";
  readonly tasks: readonly ReleaseTask[];
  /** Compute of each task that names none. @default serverless */
  readonly compute?: Partial<databricks.types.input.JobTask>;
}

export class ReleaseJob extends pulumi.ComponentResource {
  readonly jobId: pulumi.Output<string>;
  readonly url: pulumi.Output<string>;

  /** `name` is the job's name in the workspace. */
  constructor(name: string, args: ReleaseJobArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:ReleaseJob", name, {}, options);
    const { workspace, mode, release, trigger, settings = {} } = args;
    // The Databricks provider reads tasks back in this order; in another, each preview would show a change.
    const tasks = [...args.tasks]
      .sort((a, b) => (a.taskKey < b.taskKey ? -1 : 1))
      .map((task) => jobTask(task, args));
    const { artifacts } = release;
    // A dispatching job never changes: its notebooks get the artifacts' addresses from the trigger.
    const attached =
      artifacts && mode === "pinned" ? attachToJob(tasks, settings.environments, artifacts) : { tasks };
    const job = environmentJob(this, name, args, {
      ...attached,
      tags: mode === "pinned" ? { githash: release.githash } : {},
      after: mode === "pinned" ? [] : [trigger],
    });
    this.jobId = job.id;
    this.url = pulumi.interpolate`${workspace.host}/jobs/${job.id}`;
    this.registerOutputs({ jobId: this.jobId, url: this.url });
  }
}

function jobTask(task: ReleaseTask, args: ReleaseJobArgs): databricks.types.input.JobTask {
  const { notebook, dependsOn = [], parameters = {}, ...settings } = task;
  return {
    ...computeOf(settings, args.compute),
    ...settings,
    notebookTask:
      args.mode === "pinned"
        ? pinned(notebook, parameters, args)
        : {
            notebookPath: args.trigger.path,
            baseParameters: {
              ...parameters,
              registry_table: args.registry.address.table,
              app: args.registry.address.app,
              env: args.registry.address.env,
              notebook,
            },
          },
    dependsOns: dependsOn.map((taskKey) => ({ taskKey })),
  };
}

/** The parameters that the trigger gives to a dispatched notebook are a pinned one's too: it is the same notebook. */
function pinned(
  notebook: string,
  parameters: Readonly<Record<string, string>>,
  { registry, release }: ReleaseJobArgs,
): databricks.types.input.JobTaskNotebookTask {
  const { app, env } = registry.address;
  const { path, githash, deploymentId, artifacts } = release;
  return {
    notebookPath: pulumi.interpolate`${path}/${notebook}`,
    baseParameters: {
      ...parameters,
      app,
      env,
      githash,
      deployment_id: deploymentId,
      release_path: path,
      ...(artifacts ? { artifacts: artifacts.apply(addresses) } : {}),
    },
  };
}
