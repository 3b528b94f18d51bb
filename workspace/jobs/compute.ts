/** Where a task runs, as far as the local workspace cares: which libraries it may have, and where they are listed. */
import type { Json } from "../body";
import { ApiError } from "../errors";
import type { JobSettings, RunRecord, TaskSettings } from "./types";

/** Fields of a task that name a cluster; without one it runs serverless. */
const CLUSTER_FIELDS = ["new_cluster", "existing_cluster_id", "job_cluster_key"];

/** What `libraries` of a task may hold (documented); the local workspace installs the first four. */
const LIBRARY_KINDS = ["whl", "pypi", "requirements", "jar", "egg", "maven", "cran"] as const;
export type LibraryKind = (typeof LIBRARY_KINDS)[number];

/** One library of a task on a cluster: its kind, and its address or coordinates. */
export interface TaskLibrary {
  readonly kind: LibraryKind;
  readonly address: string;
}

export interface EnvironmentSpec {
  readonly dependencies?: string[];
  readonly [other: string]: unknown;
}

export function isServerless(task: TaskSettings): boolean {
  return CLUSTER_FIELDS.every((field) => task[field] === undefined);
}

/** Throws `INVALID_PARAMETER_VALUE` with the field of the task or environment that is wrong. */
export function checkCompute(settings: JobSettings, tasks: readonly TaskSettings[]): void {
  const known = checkEnvironments(settings.environments);
  for (const task of tasks) {
    const where = `Task ${task.task_key}: `;
    const libraries = librariesOf(task, where);
    if (libraries.length > 0 && isServerless(task)) {
      throw invalid(
        `${where}libraries are not supported for serverless tasks. List them in the dependencies of an environment ` +
          "(environments), and name it with environment_key.",
      );
    }
    const key = task.environment_key;
    if (key !== undefined && !(typeof key === "string" && known.has(key))) {
      throw invalid(
        `${where}environment_key ${JSON.stringify(key)} names no environment; there are: ${[...known].join(", ") || "none"}.`,
      );
    }
  }
}

function checkEnvironments(given: unknown): Set<string> {
  const keys = new Set<string>();
  if (given === undefined || given === null) return keys;
  if (!Array.isArray(given)) throw invalid("environments must be a list of {environment_key, spec}.");
  for (const { environment_key: key, spec } of given as Json[]) {
    if (typeof key !== "string" || key === "") throw invalid("environments: each needs an environment_key.");
    if (keys.has(key)) throw invalid(`environments: the environment_key ${key} is used more than once.`);
    keys.add(key);
    if (spec !== undefined) checkSpec(`environments, ${key}: `, spec as Json);
  }
  return keys;
}

function checkSpec(where: string, spec: Json): void {
  const { dependencies, environment_version: version, client, base_environment: base } = spec ?? {};
  if (base !== undefined && base !== null)
    throw new ApiError("NOT_IMPLEMENTED", `${where}the local workspace lacks base_environment.`);
  if (typeof (version ?? client) !== "string")
    throw invalid(`${where}the spec needs an environment_version, such as "4" (or client, its older name).`);
  if (dependencies !== undefined && !isListOfStrings(dependencies))
    throw invalid(`${where}dependencies must be a list of strings.`);
}

/** The libraries of a task's cluster. Throws `INVALID_PARAMETER_VALUE` for what is none. */
export function librariesOf(task: TaskSettings, where = ""): TaskLibrary[] {
  const given = task.libraries;
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given)) throw invalid(`${where}libraries must be a list.`);
  return (given as Json[]).map((library) => {
    const kinds = LIBRARY_KINDS.filter((kind) => library?.[kind] !== undefined);
    const [kind] = kinds;
    if (!kind || kinds.length > 1)
      throw invalid(
        `${where}libraries: each needs exactly one of ${LIBRARY_KINDS.join(", ")}, not ${JSON.stringify(library)}.`,
      );
    const value = library[kind];
    const field = { pypi: "package", cran: "package", maven: "coordinates" }[kind as string];
    const address = field === undefined ? value : (value as Json)[field];
    if (typeof address !== "string" || address === "")
      throw invalid(`${where}libraries: ${kind} needs ${field ?? "an address"}.`);
    return { kind, address };
  });
}

/** The dependencies of a task's environment; none without one. */
export function dependenciesOf(run: Pick<RunRecord, "settings">, task: TaskSettings): string[] {
  const all = (run.settings.environments ?? []) as { environment_key: string; spec?: EnvironmentSpec }[];
  return all.find((one) => one.environment_key === task.environment_key)?.spec?.dependencies ?? [];
}

/** The runtime's version, such as `[15, 4]`, of a task on a new or job cluster; undefined where none is known. */
export function runtimeOf(
  run: Pick<RunRecord, "settings">,
  task: TaskSettings,
): [number, number] | undefined {
  const clusters = (run.settings.job_clusters ?? []) as { job_cluster_key: string; new_cluster?: Json }[];
  const cluster =
    (task.new_cluster as Json | undefined) ??
    clusters.find((one) => one.job_cluster_key === task.job_cluster_key)?.new_cluster;
  const match = /(\d+)\.(\d+)/.exec(typeof cluster?.spark_version === "string" ? cluster.spark_version : "");
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

function isListOfStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function invalid(message: string): ApiError {
  return new ApiError("INVALID_PARAMETER_VALUE", message);
}
