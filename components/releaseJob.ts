/** `ReleaseJob`: a Databricks job on the live release, pinned to its path or dispatched by the registry. */
import * as databricks from "@pulumi/databricks";
import * as pulumi from "@pulumi/pulumi";
import { addresses } from "../providers/artifacts";
import { attachToJob } from "./compute";
import type { NotebookRelease } from "./notebookRelease";
import type { Registry } from "./registry";
import type { Trigger } from "./trigger";
import type { Workspace } from "./workspace";

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

export interface ReleaseJobArgs {
  readonly workspace: Workspace;
  readonly release: NotebookRelease;
  readonly registry: Registry;
  readonly trigger: Trigger;
  /**
   * - `pinned`: the tasks' paths lead into the release, and move after the registry's row;
   * - `dispatch`: the job runs the trigger, which asks the registry at each run; the job itself never changes.
   */
  readonly mode: "pinned" | "dispatch";
  readonly tasks: readonly ReleaseTask[];
  /** Compute of each task that names none. @default serverless */
  readonly compute?: Partial<databricks.types.input.JobTask>;
  /** Databricks' own job settings: schedule, notifications, … */
  readonly settings?: Omit<databricks.JobArgs, "tasks" | "name">;
}

export class ReleaseJob extends pulumi.ComponentResource {
  readonly jobId: pulumi.Output<string>;
  readonly url: pulumi.Output<string>;

  /** `name` is the job's name in the workspace. */
  constructor(name: string, args: ReleaseJobArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:ReleaseJob", name, {}, options);
    const { workspace, registry, settings = {} } = args;
    const { app, env } = registry.address;
    const pin: Record<string, string> = args.mode === "pinned" ? { githash: args.release.githash } : {};
    // The Databricks provider reads tasks back in this order; in another, each preview would show a change.
    const tasks = [...args.tasks]
      .sort((a, b) => (a.taskKey < b.taskKey ? -1 : 1))
      .map((task) => jobTask(task, args));
    const { artifacts } = args.release;
    // A dispatching job never changes: its notebooks get the artifacts' addresses from the trigger.
    const attached =
      artifacts && args.mode === "pinned" ? attachToJob(tasks, settings.environments, artifacts) : { tasks };
    const job = new databricks.Job(
      name,
      {
        ...settings,
        name,
        tags: pulumi
          .output(settings.tags)
          .apply((tags): Record<string, string> => ({ ...tags, app, env, ...pin })),
        ...attached,
      },
      { parent: this, dependsOn: workspace.after(registry) },
    );
    this.jobId = job.id;
    this.url = pulumi.interpolate`${workspace.host}/jobs/${job.id}`;
    this.registerOutputs({ jobId: this.jobId, url: this.url });
  }
}

function jobTask(task: ReleaseTask, args: ReleaseJobArgs): databricks.types.input.JobTask {
  const { notebook, dependsOn = [], parameters = {}, ...settings } = task;
  const { address } = args.registry;
  const { artifacts } = args.release;
  return {
    ...args.compute,
    ...settings,
    notebookTask:
      args.mode === "pinned"
        ? {
            notebookPath: pulumi.interpolate`${args.release.path}/${notebook}`,
            baseParameters: {
              app: address.app,
              env: address.env,
              ...(artifacts ? { artifacts: artifacts.apply(addresses) } : {}),
              ...parameters,
            },
          }
        : {
            notebookPath: args.trigger.path,
            baseParameters: {
              ...parameters,
              registry_table: address.table,
              app: address.app,
              env: address.env,
              notebook,
            },
          },
    dependsOns: dependsOn.map((taskKey) => ({ taskKey })),
  };
}
