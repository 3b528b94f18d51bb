/** The compute of the gate's tests and of the jobs, from one setting: serverless, a cluster that exists, or a job cluster. */
import type * as databricks from "@pulumi/databricks";
import type { Configuration } from "./configuration";

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
