/** What a job takes in the stack's configuration: Databricks' own settings, but for what the release decides. */
import { distance } from "fastest-levenshtein";
import { z } from "zod";
import type { Source } from "../source";
import { short } from "../source/githash";
import { COMPUTE_KEYS, JOB_SETTINGS, REFUSED_IN_JOBS, REFUSED_IN_TASKS, TASK_SETTINGS } from "./jobKeys";
import { refusal } from "./refusal";

const text = z.string().min(1);
const texts = z.record(z.string(), z.string());

type Anything<K extends string> = Record<K, z.ZodOptional<z.ZodUnknown>>;
const passed = <K extends string>(keys: readonly K[]) =>
  Object.fromEntries(keys.map((key) => [key, z.unknown().optional()])) as Anything<K>;
const refused = <K extends string>(reasons: Readonly<Record<K, string>>) =>
  Object.fromEntries(
    Object.entries<string>(reasons).map(([key, reason]) => [
      key,
      z
        .unknown()
        .optional()
        .refine((value) => value === undefined, reason),
    ]),
  ) as Anything<K>;

/** Tags that the components set: a job is found by them. */
const OWN_TAGS = new Set(["app", "env", "registry", "githash", "watch"]);
const tags = z
  .record(z.string(), z.string())
  .refine(
    (given) => !Object.keys(given).some((tag) => OWN_TAGS.has(tag)),
    `other tags than ${[...OWN_TAGS].join(", ")}, which are set by the deployment`,
  )
  .refine((given) => Object.keys(given).length <= 25 - OWN_TAGS.size, `at most ${25 - OWN_TAGS.size} tags`);

export const schedule = z.strictObject({
  quartzCronExpression: text,
  timezoneId: text,
  pauseStatus: z.enum(["PAUSED", "UNPAUSED"]).optional(),
});
const runAs = z
  .strictObject({ userName: text, servicePrincipalName: text })
  .partial()
  .refine((names) => Object.keys(names).length === 1, "one of userName, servicePrincipalName");
const permission = z
  .strictObject({
    userName: text.optional(),
    groupName: text.optional(),
    servicePrincipalName: text.optional(),
    level: z.enum(["CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"]),
  })
  .refine(
    ({ level: _, ...names }) => Object.keys(names).length === 1,
    "exactly one of userName, groupName, servicePrincipalName",
  );
const permissions = z
  .array(permission)
  .min(1)
  .refine((given) => given.filter(({ level }) => level === "IS_OWNER").length <= 1, "one owner at most")
  .refine(
    (given) => !given.some(({ level, groupName }) => level === "IS_OWNER" && groupName !== undefined),
    "a user or a service principal as owner: a group cannot own a job",
  );

/** Settings that a job of a release and the watch have in common. */
export const jobShape = {
  ...passed(JOB_SETTINGS),
  ...refused(REFUSED_IN_JOBS),
  tags: tags.optional(),
  runAs: runAs.optional(),
  permissions: permissions.optional(),
  schedule: schedule.optional(),
};

/** What a notebook is told of its release, by the trigger or by a pinned job: nobody else may say it. */
const OWN_PARAMETERS = ["app", "env", "githash", "release_path", "deployment_id", "artifacts"];
/** What tells the trigger what to do. */
const TRIGGER_PARAMETERS = ["registry_table", "notebook"];

const notebook = text.regex(
  /^(?!\/)(?!.*(^|\/)\.\.(\/|$)).+$/,
  "a notebook's path inside the release, such as pipeline/score",
);
const task = z.strictObject({
  ...passed(TASK_SETTINGS),
  ...refused(REFUSED_IN_TASKS),
  taskKey: z.string().regex(/^[\w-]{1,100}$/, "up to 100 letters, digits, '_' and '-'"),
  notebook,
  dependsOn: z.array(text).default([]),
  parameters: texts.default({}),
});
type Task = z.output<typeof task>;

/** A job of the configuration (`jobs`). */
export const job = z
  .strictObject({
    ...jobShape,
    name: text,
    mode: z.enum(["pinned", "dispatch"]),
    notebook: notebook.optional(),
    tasks: z.array(task).min(1).optional(),
    /** For each task; or, as a list, Databricks' own parameters of the job. */
    parameters: z
      .union([texts, z.array(z.strictObject({ name: text, default: z.string() }))], {
        error: "{ name: value }, or Databricks' own list of { name, default }",
      })
      .default({}),
  })
  .refine(
    (settings) => (settings.notebook === undefined) !== (settings.tasks === undefined),
    "either notebook or tasks",
  )
  .superRefine((settings, context) => {
    const expected = (path: PropertyKey[], message: string) =>
      context.addIssue({ code: "custom", path, message });
    for (const key of startersBesideTheFirst(settings)) {
      expected([key], "one of schedule, continuous, trigger, triggers");
    }
    const reserved = [...OWN_PARAMETERS, ...(settings.mode === "dispatch" ? TRIGGER_PARAMETERS : [])];
    const isReserved = (names: readonly string[]) => names.some((name) => reserved.includes(name));
    const others = `other names than ${reserved.join(", ")}, which are the deployment's own`;
    if (isReserved(namesOf(settings.parameters))) {
      expected(["parameters"], others);
    }
    const tasks = settings.tasks ?? [];
    tasks.forEach((one, index) => {
      const at = (key: string) => ["tasks", index, key];
      if (isReserved(Object.keys(one.parameters))) {
        expected(at("parameters"), others);
      }
      for (const [key, problem] of problemsOf(one, tasks, settings)) {
        expected(at(key), problem);
      }
    });
  });
export type JobSettings = z.output<typeof job>;

/** A job starts by one of them; what more there are. */
function startersBesideTheFirst(settings: Record<string, unknown>): string[] {
  return ["schedule", "continuous", "trigger", "triggers"]
    .filter((key) => settings[key] !== undefined)
    .slice(1);
}

function namesOf(parameters: JobSettings["parameters"]): string[] {
  return Array.isArray(parameters) ? parameters.map(({ name }) => name) : Object.keys(parameters);
}

/** Setting of the task → what was expected of it. */
function problemsOf(
  one: Task,
  tasks: readonly Task[],
  { jobClusters, environments }: Record<string, unknown>,
): [string, string][] {
  const problems: [string, string][] = [];
  const keys = tasks.map(({ taskKey }) => taskKey);
  if (keys.filter((key) => key === one.taskKey).length > 1) {
    problems.push(["taskKey", "a key of its own"]);
  }
  if (one.dependsOn.some((key) => !keys.includes(key))) {
    problems.push(["dependsOn", `keys of this job's tasks: ${keys.join(", ")}`]);
  } else if (waitsForItself(one, tasks)) {
    problems.push(["dependsOn", "no task that waits for this one"]);
  }
  const [first, ...more] = COMPUTE_KEYS.filter((key) => one[key] !== undefined);
  problems.push(...more.map((key): [string, string] => [key, `nothing beside ${first}`]));
  const known = (list: unknown, key: string) =>
    Array.isArray(list) ? list.map((item: Record<string, unknown>) => item[key]) : [];
  for (const [key, among, where] of [
    ["jobClusterKey", known(jobClusters, "jobClusterKey"), "jobClusters"],
    ["environmentKey", known(environments, "environmentKey"), "environments"],
  ] as const) {
    if (one[key] !== undefined && !among.includes(one[key])) {
      problems.push([key, `one of the job's ${where}: ${among.join(", ") || "there is none"}`]);
    }
  }
  return problems;
}

function waitsForItself(one: Task, tasks: readonly Task[]): boolean {
  const seen = new Set<string>();
  const next = [...one.dependsOn];
  for (let key = next.pop(); key !== undefined; key = next.pop()) {
    if (!seen.has(key)) {
      seen.add(key);
      next.push(...(tasks.find(({ taskKey }) => taskKey === key)?.dependsOn ?? []));
    }
  }
  return seen.has(one.taskKey);
}

/** Problems between jobs, the watch and the stack's compute: the path in the configuration, and what was expected. */
export function problemsBetween(
  jobs: readonly JobSettings[],
  watch: string | undefined,
  compute: object,
): [PropertyKey[], string][] {
  const isCluster = Object.keys(compute).length > 0;
  return jobs.flatMap(({ name, tasks = [] }, index) => {
    const problems: [PropertyKey[], string][] = [];
    if (name === watch || jobs.findIndex((other) => other.name === name) < index) {
      problems.push([["jobs", index, "name"], "a name of its own"]);
    }
    tasks.forEach((one, at) => {
      const own = COMPUTE_KEYS.find((key) => one[key] !== undefined);
      if (one.libraries !== undefined && (own === "environmentKey" || (own === undefined && !isCluster))) {
        const message =
          "nothing here: a serverless task takes packages from environments, named by its environmentKey";
        problems.push([["jobs", index, "tasks", at, "libraries"], message]);
      }
    });
    return problems;
  });
}

/**
 * Every notebook that a job runs must be in the release: it would be missed only when the job runs.
 * @throws RunError that names each job and notebook, with the nearest one that is there.
 */
export function checkNotebooks(
  source: Source,
  jobs: readonly { readonly name: string; readonly tasks: readonly { readonly notebook: string }[] }[],
): void {
  const there = source.files.filter(({ kind }) => kind === "notebook").map(({ target }) => target);
  const problems = jobs.flatMap(({ name, tasks }) =>
    tasks
      .filter((one) => !there.includes(one.notebook))
      .map(({ notebook: wanted }) => {
        const near = there.find((target) => distance(target, wanted) <= 3);
        const hint = near ? `; did you mean ${near}?` : "";
        return `jobs: ${name} runs ${wanted}, which is no notebook of ${short(source.commit.githash)}${hint}`;
      }),
  );
  if (problems.length > 0) {
    throw refusal(problems.join("\n"));
  }
}
