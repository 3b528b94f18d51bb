/** A release's artifacts, and how they reach a task: as libraries on a cluster, as an environment on serverless. */

/** One file that a build made, where it now is. */
export interface Artifact {
  readonly name: string;
  /** As compute wants it: `/Workspace/…`, `/Volumes/…` or `dbfs:/…`. */
  readonly path: string;
  /** Hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** Of a stack's configuration, what makes one build differ from another. */
export interface BuildSettings {
  readonly command: string;
  readonly artifacts: readonly string[];
  /** Folder of a volume, or `dbfs:/…`; empty: the release's own. */
  readonly to: string;
}

/** Under a release, where `to` is empty. */
export const ARTIFACTS_FOLDER = "artifacts";

/** The names of the same settings: as the Jobs API has them, and as `@pulumi/databricks` does. */
interface Names {
  readonly clusters: readonly string[];
  readonly environmentKey: string;
  readonly environmentVersion: string;
}
export const API_NAMES: Names = {
  clusters: ["new_cluster", "existing_cluster_id", "job_cluster_key"],
  environmentKey: "environment_key",
  environmentVersion: "environment_version",
};
export const PULUMI_NAMES: Names = {
  clusters: ["newCluster", "existingClusterId", "jobClusterKey"],
  environmentKey: "environmentKey",
  environmentVersion: "environmentVersion",
};

/** The environment of tasks that name none. */
export const ENVIRONMENT_KEY = "release";
/** Serverless environment version 4 (Python 3.12): each is supported for three years by its documentation. */
const ENVIRONMENT_VERSION = "4";

type Values = Readonly<Record<string, unknown>>;
interface Run {
  readonly tasks: readonly Values[];
  readonly environments?: unknown;
}

/** What notebooks get as the parameter `artifacts`. */
export function addresses(artifacts: readonly Artifact[]): string {
  return artifacts.map(({ path }) => path).join(",");
}

/**
 * A run to submit (Jobs API, runs/submit) whose tasks get the artifacts the way their compute wants it. What a task has
 * of its own stays.
 * @throws Error for a jar where a task is serverless
 */
export function attach<R extends Run>(run: R, artifacts: readonly Artifact[]): R {
  if (installed(artifacts).length === 0) {
    return run;
  }
  const tasks = run.tasks.map((task) =>
    onCluster(task, API_NAMES)
      ? { ...task, libraries: withLibraries(task.libraries, artifacts) }
      : { ...task, environment_key: environmentKeyOf(task.environment_key, artifacts) },
  );
  const keys = tasks.filter((task) => !onCluster(task, API_NAMES)).map((task) => keyIn(task, API_NAMES));
  return keys.length === 0
    ? { ...run, tasks }
    : { ...run, tasks, environments: withEnvironments(run.environments, keys, artifacts, API_NAMES) };
}

/** Whether a task runs on a cluster; else it is serverless. */
export function onCluster(task: Values, names: Names): boolean {
  return names.clusters.some((name) => task[name] !== undefined);
}

/** @param own the task's libraries */
export function withLibraries(own: unknown, artifacts: readonly Artifact[]): Values[] {
  const libraries = installed(artifacts).map(({ path }) => ({ [isJar(path) ? "jar" : "whl"]: path }));
  return [...listOf(own), ...libraries];
}

/** The environment that a serverless task runs in: its own, or the release's. */
export function environmentKeyOf(own: unknown, artifacts: readonly Artifact[]): string | undefined {
  return typeof own === "string" ? own : installed(artifacts).length > 0 ? ENVIRONMENT_KEY : undefined;
}

/**
 * A run's or job's environments, those of `keys` with the artifacts.
 * @param own its environments
 * @param keys of its serverless tasks
 */
export function withEnvironments(
  own: unknown,
  keys: readonly string[],
  artifacts: readonly Artifact[],
  names: Names,
): Values[] {
  const jars = artifacts.filter(({ path }) => isJar(path)).map(({ name }) => name);
  if (jars.length > 0) {
    throw new Error(
      `Serverless tasks of notebooks take no jars (${jars.join(", ")}): their environments are of Python packages. ` +
        "Give the stack a compute, or leave the jars out of build.artifacts.",
    );
  }
  const paths = installed(artifacts).map(({ path }) => path);
  const given = listOf(own);
  const added = given.map((environment) => {
    const spec = (environment.spec ?? {}) as Values;
    const dependencies = [...((spec.dependencies as string[] | undefined) ?? []), ...paths];
    return keys.includes(keyIn(environment, names))
      ? { ...environment, spec: { ...spec, dependencies } }
      : environment;
  });
  const known = given.map((environment) => keyIn(environment, names));
  const missing = keys.filter((key, index) => !known.includes(key) && keys.indexOf(key) === index);
  return [
    ...added,
    ...missing.map((key) => ({
      [names.environmentKey]: key,
      spec: { [names.environmentVersion]: ENVIRONMENT_VERSION, dependencies: paths },
    })),
  ];
}

/** Wheels and jars; other artifacts are only told by their addresses. */
function installed(artifacts: readonly Artifact[]): Artifact[] {
  return artifacts.filter(({ path }) => isJar(path) || /\.whl$/i.test(path));
}

function isJar(path: string): boolean {
  return /\.jar$/i.test(path);
}

function keyIn(values: Values, names: Names): string {
  return String(values[names.environmentKey]);
}

function listOf(value: unknown): Values[] {
  return Array.isArray(value) ? (value as Values[]) : [];
}
