/** Reads what a client sends to start a run, beside the settings of its tasks. */
import type { Json } from "../body";
import { ApiError } from "../errors";
import type { AclEntry } from "../permissions";
import { invalid } from "./settings";
import type { JobRecord, JobSettings, RunRecord, TaskSettings } from "./types";

/** Characters of an idempotency token (documented). */
const MAX_TOKEN = 64;
export const JOB_LEVELS = ["CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"] as const;
export type JobLevel = (typeof JOB_LEVELS)[number];

export function idempotencyToken({ idempotency_token: token }: Json): string | undefined {
  if (token === undefined || token === null || token === "") return undefined;
  if (typeof token !== "string" || token.length > MAX_TOKEN) {
    throw invalid(`idempotency_token must be a string of at most ${MAX_TOKEN} characters.`);
  }
  return token;
}

/** An object of strings, empty where it is absent. */
export function stringMap(given: unknown, field: string): Record<string, string> {
  if (given === undefined || given === null) return {};
  if (typeof given !== "object" || Array.isArray(given))
    throw new ApiError("MALFORMED_REQUEST", `${field} must be an object of strings.`);
  const wrong = Object.entries(given).find(([, value]) => typeof value !== "string");
  if (wrong) throw new ApiError("MALFORMED_REQUEST", `${field}.${wrong[0]} must be a string.`);
  return given as Record<string, string>;
}

/** A job's parameters with the values of one run. */
export function parametersOf(
  settings: JobSettings,
  given: Record<string, string>,
): RunRecord["jobParameters"] {
  const defined = settings.parameters ?? [];
  const unknown = Object.keys(given).find((name) => !defined.some((parameter) => parameter.name === name));
  if (unknown !== undefined) {
    const known = defined.map((parameter) => parameter.name).join(", ") || "none";
    throw invalid(`Job parameter ${unknown} is not defined in the job; its parameters: ${known}.`);
  }
  return defined.map((parameter) => ({
    name: parameter.name,
    default: parameter.default,
    value: given[parameter.name] ?? parameter.default,
  }));
}

/** The job's tasks, or those named in `only` (without the dependencies that are left out). */
export function chosenTasks(job: JobRecord, only: unknown): TaskSettings[] {
  const tasks = job.settings.tasks ?? [];
  if (tasks.length === 0) throw invalid(`Job ${job.jobId} has no tasks to run.`);
  if (only === undefined) return tasks;
  const names = only as string[];
  const unknown = Array.isArray(only)
    ? names.find((name) => !tasks.some((task) => task.task_key === name))
    : JSON.stringify(only);
  if (unknown !== undefined) throw invalid(`only: the job has no task ${unknown}.`);
  return tasks
    .filter((task) => names.includes(task.task_key))
    .map((task) => ({ ...task, depends_on: task.depends_on?.filter((one) => names.includes(one.task_key)) }));
}

const PRINCIPALS = {
  user_name: "user",
  group_name: "group",
  service_principal_name: "servicePrincipal",
} as const;

/** `access_control_list`; undefined where none was sent. */
export function readAcl(given: unknown): AclEntry[] | undefined {
  if (given === undefined || given === null) return undefined;
  if (!Array.isArray(given)) throw new ApiError("MALFORMED_REQUEST", "access_control_list must be a list.");
  return (given as Json[]).map((item) => {
    const field = Object.keys(PRINCIPALS).find((name) => item[name]) as keyof typeof PRINCIPALS | undefined;
    const level = String(item.permission_level);
    if (!field)
      throw invalid(
        "access_control_list: each entry needs a user_name, group_name or service_principal_name.",
      );
    if (!(JOB_LEVELS as readonly string[]).includes(level))
      throw invalid(
        `access_control_list: permission_level must be one of ${JOB_LEVELS.join(", ")}, not ${level}.`,
      );
    return { kind: PRINCIPALS[field], name: String(item[field]), level };
  });
}
