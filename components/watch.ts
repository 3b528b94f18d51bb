/** `Watch`: a scheduled job that tests the live release again and measures its model against fresh data. */
import type * as databricks from "@pulumi/databricks";
import * as pulumi from "@pulumi/pulumi";
import type { MetricLimit } from "../providers/gate/limits";
import type { Experiment } from "./experiment";
import { environmentJob, type JobArgs } from "./job";
import { shippedNotebook } from "./shippedNotebook";

export interface WatchArgs extends JobArgs {
  /** Where each run of the watch is logged, with the live githash. */
  readonly experiment: Experiment;
  /** The test driver lies beside the app's releases, at `<releaseRoot>/driver`. */
  readonly releaseRoot: pulumi.Input<string>;
  /** Test notebooks of the release, relative to it (`selectTests`). */
  readonly tests: readonly string[];
  /** A breach fails the job; regressions count against the deployment that is live. @default none */
  readonly metrics?: readonly MetricLimit[];
  /** Limit of one test in seconds. @default 120 */
  readonly timeoutSeconds?: number;
  /** Tests that run at once. @default 1 */
  readonly parallel?: number;
  /** Handed to the tests. @default none */
  readonly parameters?: Readonly<Record<string, string>>;
  /** @default serverless */
  readonly compute?: Partial<databricks.types.input.JobTask>;
}

export class Watch extends pulumi.ComponentResource {
  readonly jobId: pulumi.Output<string>;
  readonly url: pulumi.Output<string>;

  /** `name` is the job's name in the workspace. */
  constructor(name: string, args: WatchArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:Watch", name, {}, options);
    const { workspace, registry } = args;
    const { table, app, env } = registry.address;
    // After the registry: the folder is there by then, which the Databricks provider cannot make for two notebooks at once.
    const driver = shippedNotebook(this, name, "driver", args, [registry]);
    const job = environmentJob(this, name, args, {
      tags: { watch: "true" },
      tasks: [
        {
          ...args.compute,
          taskKey: "driver",
          // Serverless would run a watch that failed again by itself, and the breach would look like none.
          disableAutoOptimization: true,
          notebookTask: {
            notebookPath: driver.path,
            baseParameters: {
              ...args.parameters,
              registry_table: table,
              app,
              env,
              tests: args.tests.join(","),
              metrics: JSON.stringify(args.metrics ?? []),
              timeout_seconds: String(args.timeoutSeconds ?? 120),
              parallel: String(args.parallel ?? 1),
              experiment_id: args.experiment.experimentId,
            },
          },
        },
      ],
      after: [driver.notebook],
    });
    this.jobId = job.id;
    this.url = pulumi.interpolate`${workspace.host}/jobs/${job.id}`;
    this.registerOutputs({ jobId: this.jobId, url: this.url });
  }
}
