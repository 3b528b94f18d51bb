/** The compute of the gate's tests and of the jobs, from one setting: serverless, a cluster that exists, or a job cluster. */
import type * as databricks from "@pulumi/databricks";
import * as pulumi from "@pulumi/pulumi";
import {
  environmentKeyOf,
  onCluster,
  PULUMI_NAMES,
  withEnvironments,
  withLibraries,
  type Artifact,
} from "../providers/artifacts";
import type { Configuration } from "./configuration";
import { COMPUTE_KEYS } from "./jobKeys";

type Compute = Configuration["compute"];

/** As the Jobs API wants it: names in snake case. */
export function gateCompute({ existingClusterId, newCluster }: Compute): Record<string, unknown> {
  return {
    ...(existingClusterId ? { existing_cluster_id: existingClusterId } : {}),
    ...(newCluster ? { new_cluster: snakeCase(newCluster) } : {}),
  };
}

/** As `@pulumi/databricks` wants it. */
export function jobCompute(compute: Compute): Partial<databricks.types.input.JobTask> {
  return compute;
}

type Task = databricks.types.input.JobTask;

/** The job's compute, for a task that names none of its own. */
export function computeOf(task: Partial<Task>, compute: Partial<Task> = {}): Partial<Task> {
  return COMPUTE_KEYS.some((key) => task[key] !== undefined) ? {} : compute;
}

type Environments = databricks.JobArgs["environments"];

/**
 * A job's tasks and environments with a release's artifacts: the counterpart of `attach` (providers/artifacts.ts) for
 * values that are known later. What compute a task has is known at once.
 */
export function attachToJob(
  tasks: readonly Task[],
  environments: Environments,
  artifacts: pulumi.Output<Artifact[]>,
): { tasks: Task[]; environments?: Environments } {
  const attached = tasks.map((task): Task =>
    onCluster({ ...task }, PULUMI_NAMES)
      ? {
          ...task,
          libraries: pulumi.all([task.libraries, artifacts]).apply(([own, made]) => withLibraries(own, made)),
        }
      : {
          ...task,
          environmentKey: pulumi
            .all([task.environmentKey, artifacts])
            .apply(([own, made]) => environmentKeyOf(own, made) as string),
        },
  );
  const keys = attached
    .filter((task) => !onCluster({ ...task }, PULUMI_NAMES))
    .map((task) => task.environmentKey);
  if (keys.length === 0) {
    return { tasks: attached, environments };
  }
  const all = pulumi.all([environments, pulumi.all(keys), artifacts]).apply(([own, used, made]) =>
    withEnvironments(
      own,
      used.filter((key) => key !== undefined),
      made,
      PULUMI_NAMES,
    ),
  );
  return { tasks: attached, environments: all as unknown as Environments };
}

/** Maps whose keys are the user's own, not the API's. */
const VERBATIM = new Set(["sparkConf", "sparkEnvVars", "customTags"]);

function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(snakeCase);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      VERBATIM.has(key) ? inner : snakeCase(inner),
    ]),
  );
}
