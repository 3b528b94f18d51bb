/** Checks what a client sends for a job or a submitted run, and fills in Databricks' defaults. */
import type { Json } from "../body";
import { ApiError } from "../errors";
import { checkCompute } from "./compute";
import { RUN_IF, type JobSettings, type TaskSettings } from "./types";

/** Tasks of one job or run; Databricks allows 1,000 in a job and promises 100 in a submit. */
const MAX_TASKS = { job: 1_000, run: 100 };
const MAX_CONCURRENT_RUNS = 1_000;
const TASK_KEY = /^[\w-]{1,100}$/;

export function invalid(message: string): ApiError {
  return new ApiError("INVALID_PARAMETER_VALUE", message);
}

/** A new job's settings. Throws `INVALID_PARAMETER_VALUE` with the field that is wrong. */
export function jobSettings(given: Json): JobSettings {
  const settings = withDefaults(checkShared({ name: "Untitled", ...given }));
  checkInteger(settings, "max_concurrent_runs", 0, MAX_CONCURRENT_RUNS);
  checkSchedule(settings.schedule);
  checkTags(settings.tags);
  const tasks = readTasks(given.tasks, "job");
  checkCompute(settings, tasks ?? []);
  return { ...settings, ...(tasks && { tasks }), format: "MULTI_TASK" };
}

/** A submitted run's settings; `notebook_task` at the top is the older form for a single task. */
export function submitSettings(given: Json): { settings: JobSettings; tasks: TaskSettings[] } {
  const { tasks: several, notebook_task: single, ...rest } = given;
  const { new_cluster, existing_cluster_id, libraries } = given;
  const compute = { new_cluster, existing_cluster_id, libraries };
  const listed =
    several ?? (single === undefined ? undefined : [{ task_key: "main", notebook_task: single, ...compute }]);
  const tasks = readTasks(listed, "run");
  if (!tasks || tasks.length === 0)
    throw invalid("Missing required field: tasks. A run needs at least one task.");
  const settings = checkShared(rest);
  checkCompute(settings, tasks);
  return { settings, tasks };
}

/** A job's settings after `jobs/update`: top-level fields are replaced, lists with keys are merged by key. */
export function updatedSettings(old: JobSettings, given: Json, remove: readonly string[]): JobSettings {
  const merged: Json = { ...old };
  for (const field of remove) removeField(merged, field);
  for (const [field, value] of Object.entries(given)) {
    const key = MERGED_BY[field];
    merged[field] = key && Array.isArray(value) ? mergeByKey(merged[field], value as Json[], key) : value;
  }
  return jobSettings(merged);
}

const MERGED_BY: Record<string, string | undefined> = {
  tasks: "task_key",
  job_clusters: "job_cluster_key",
  environments: "environment_key",
};

function mergeByKey(old: unknown, given: Json[], key: string): Json[] {
  const kept = (Array.isArray(old) ? (old as Json[]) : []).filter(
    (item) => !given.some((one) => one[key] === item[key]),
  );
  return [...kept, ...given];
}

/** `tasks/ingest` removes one task, `schedule` a whole field. */
function removeField(settings: Json, field: string): void {
  const [name = "", key] = field.split("/");
  const list = settings[name];
  const by = MERGED_BY[name];
  if (key === undefined) delete settings[name];
  else if (by && Array.isArray(list)) settings[name] = (list as Json[]).filter((item) => item[by] !== key);
}

function withDefaults(settings: JobSettings): JobSettings {
  const defaults = {
    email_notifications: {},
    webhook_notifications: {},
    timeout_seconds: 0,
    max_concurrent_runs: 1,
  };
  return { ...defaults, ...settings };
}

function checkShared(given: Json): JobSettings {
  const settings = { ...given } as JobSettings;
  checkInteger(settings, "timeout_seconds", 0, 7 * 24 * 3600);
  if (settings.name !== undefined && (typeof settings.name !== "string" || settings.name.length > 4096)) {
    throw invalid("name must be a string of at most 4096 characters.");
  }
  if (settings.parameters !== undefined) checkParameters(settings.parameters);
  const runAs = settings.run_as;
  if (
    runAs !== undefined &&
    Number(Boolean(runAs.user_name)) + Number(Boolean(runAs.service_principal_name)) !== 1
  ) {
    throw invalid("run_as needs exactly one of user_name and service_principal_name.");
  }
  return settings;
}

function checkParameters(parameters: unknown): void {
  if (!Array.isArray(parameters)) throw invalid("parameters must be a list of {name, default}.");
  const seen = new Set<string>();
  for (const { name, default: value } of parameters as Json[]) {
    if (typeof name !== "string" || !/^[\w.-]+$/.test(name)) {
      throw invalid(
        `Invalid job parameter name ${JSON.stringify(name)}: only letters, digits, '_', '-' and '.' are allowed.`,
      );
    }
    if (typeof value !== "string") throw invalid(`Job parameter ${name} needs a default that is a string.`);
    if (seen.has(name)) throw invalid(`Job parameter ${name} is defined more than once.`);
    seen.add(name);
  }
}

function checkSchedule(schedule: unknown): void {
  if (schedule === undefined) return;
  const { quartz_cron_expression: cron, timezone_id: zone } = (schedule ?? {}) as Json;
  if (typeof cron !== "string" || ![6, 7].includes(cron.trim().split(/\s+/).length)) {
    throw invalid(
      `Invalid quartz cron expression: ${JSON.stringify(cron)}. It needs 6 or 7 fields, such as "0 0 6 * * ?".`,
    );
  }
  try {
    new Intl.DateTimeFormat("en", { timeZone: String(zone) });
  } catch {
    throw invalid(
      `Invalid timezone_id: ${JSON.stringify(zone)}. It must be a Java time zone, such as "UTC" or "Europe/London".`,
    );
  }
}

function checkTags(tags: unknown): void {
  if (tags === undefined) return;
  if (typeof tags !== "object" || tags === null || Array.isArray(tags))
    throw invalid("tags must be an object of strings.");
  if (Object.keys(tags).length > 25) throw invalid("A job can have at most 25 tags.");
}

function readTasks(given: unknown, of: "job" | "run"): TaskSettings[] | undefined {
  if (given === undefined || given === null) return undefined;
  if (!Array.isArray(given)) throw invalid("tasks must be a list.");
  if (given.length > MAX_TASKS[of]) {
    throw invalid(
      `The number of tasks (${given.length}) exceeds the limit of ${MAX_TASKS[of]} in one ${of}.`,
    );
  }
  const tasks = (given as Json[]).map(readTask);
  checkGraph(tasks);
  return tasks;
}

function readTask(given: Json): TaskSettings {
  const key = given?.task_key;
  if (typeof key !== "string" || !TASK_KEY.test(key)) {
    const rule = "only letters, digits, '-' and '_' are allowed, 100 characters at most";
    throw invalid(`Invalid task_key ${JSON.stringify(key)}: ${rule}.`);
  }
  const task = { ...given } as TaskSettings;
  const kinds = Object.keys(given).filter((field) => field.endsWith("_task"));
  if (kinds.length !== 1)
    throw invalid(`Task ${key} must have exactly one task type; it has ${kinds.join(", ") || "none"}.`);
  if (kinds[0] !== "notebook_task") {
    throw new ApiError(
      "NOT_IMPLEMENTED",
      `The local workspace runs notebook_task only; task ${key} has ${kinds[0]}.`,
    );
  }
  checkNotebook(key, task.notebook_task as unknown as Json);
  if (task.run_if !== undefined && !RUN_IF.includes(task.run_if)) {
    throw invalid(
      `Task ${key}: run_if must be one of ${RUN_IF.join(", ")}, not ${JSON.stringify(task.run_if)}.`,
    );
  }
  checkInteger(task, "timeout_seconds", 0, 7 * 24 * 3600, `Task ${key}: `);
  checkInteger(task, "max_retries", -1, 1_000_000, `Task ${key}: `);
  checkInteger(task, "min_retry_interval_millis", 0, 24 * 3600 * 1000, `Task ${key}: `);
  return {
    ...task,
    run_if: task.run_if ?? "ALL_SUCCESS",
    timeout_seconds: task.timeout_seconds ?? 0,
    email_notifications: task.email_notifications ?? {},
    webhook_notifications: task.webhook_notifications ?? {},
    notebook_task: { ...task.notebook_task, source: task.notebook_task.source ?? "WORKSPACE" },
  };
}

function checkNotebook(key: string, notebook: Json): void {
  const { notebook_path: path, source, base_parameters: parameters } = notebook ?? {};
  if (typeof path !== "string" || path === "")
    throw invalid(`Task ${key}: notebook_task needs a notebook_path.`);
  if (source !== undefined && source !== "WORKSPACE") {
    throw new ApiError(
      "NOT_IMPLEMENTED",
      `Task ${key}: the local workspace runs notebooks of source WORKSPACE only.`,
    );
  }
  if (!path.startsWith("/"))
    throw invalid(`Task ${key}: only absolute paths are supported for notebook_path, not ${path}.`);
  if (parameters === undefined) return;
  const wrong = Object.entries(parameters as Json).find(([, value]) => typeof value !== "string");
  if (wrong)
    throw new ApiError("MALFORMED_REQUEST", `Task ${key}: the parameter ${wrong[0]} must be a string.`);
}

function checkGraph(tasks: readonly TaskSettings[]): void {
  const byKey = new Map(tasks.map((task) => [task.task_key, task]));
  if (byKey.size < tasks.length) {
    const double = tasks.find(
      (task, index) => tasks.findIndex((other) => other.task_key === task.task_key) < index,
    );
    throw invalid(`Task keys must be unique: ${double?.task_key} is used more than once.`);
  }
  const state = new Map<string, "open" | "done">();
  const visit = (task: TaskSettings): void => {
    if (state.get(task.task_key) === "done") return;
    if (state.get(task.task_key) === "open")
      throw invalid(`The dependencies of task ${task.task_key} form a cycle.`);
    state.set(task.task_key, "open");
    for (const { task_key: key } of task.depends_on ?? []) {
      const other = byKey.get(key);
      if (!other) throw invalid(`Task ${task.task_key} depends on ${key}, which does not exist.`);
      visit(other);
    }
    state.set(task.task_key, "done");
  };
  tasks.forEach(visit);
}

function checkInteger(from: object, field: string, min: number, max: number, where = ""): void {
  const value = (from as Json)[field];
  if (value === undefined) return;
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw invalid(
      `${where}${field} must be a whole number from ${min} to ${max}, not ${JSON.stringify(value)}.`,
    );
  }
}
