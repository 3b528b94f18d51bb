/** The stack's configuration, checked as a whole: every problem is reported at once, with its key and what is allowed. */
import { distance } from "fastest-levenshtein";
import { z } from "zod";
import { DEFAULT_RETENTION } from "../providers/retention/plan";
import { gitHub } from "./gitHub";
import { job, jobShape, problemsBetween, schedule } from "./jobSettings";
import { refusal } from "./refusal";

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    "letters, digits, '.', '_' and '-', beginning with a letter or digit",
  );
const absolutePath = z
  .string()
  .regex(/^\/.*[^/]$/, "an absolute path in the workspace, without a slash at the end")
  .refine((path) => !path.split("/").includes(".."), "a path without '..'");
const text = z.string().min(1);
const texts = z.record(z.string(), z.string());
const principal = z
  .strictObject({ userName: text, groupName: text, servicePrincipalName: text })
  .partial()
  .refine(
    (names) => Object.keys(names).length === 1,
    "exactly one of userName, groupName, servicePrincipalName",
  );
/** Databricks' own settings of a job's or a task's compute go through as they are. */
const compute = z
  .strictObject({
    existingClusterId: text.optional(),
    newCluster: z.record(z.string(), z.unknown()).optional(),
  })
  .refine(
    (settings) => Object.keys(settings).length <= 1,
    "one of existingClusterId, newCluster, or none (serverless)",
  );

/** A limit of a metric that tests log (providers/gate/limits.ts). */
const metricLimit = z
  .strictObject({
    name: text,
    min: z.number().optional(),
    max: z.number().optional(),
    maxRegressionPercent: z.number().min(0).optional(),
    better: z.enum(["lower", "higher"]).optional(),
  })
  .refine(
    ({ min, max, maxRegressionPercent }) => (min ?? max ?? maxRegressionPercent) !== undefined,
    "at least one of min, max, maxRegressionPercent",
  );

const secretKey = z.union(
  [z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }), z.strictObject({ config: text })],
  "{ env: VARIABLE } or { config: key }",
);

const schema = z.strictObject({
  app: name,
  env: name,
  workspaceId: z
    .union([z.string(), z.number()])
    .transform(String)
    .pipe(z.string().regex(/^\d+$/, "a workspace's number"))
    .optional(),
  source: z.strictObject({
    repository: text,
    ref: text.default("HEAD"),
    path: z.string().default(""),
    exclude: z.array(text).default([]),
    allowUncommitted: z.boolean().default(false),
  }),
  build: z
    .strictObject({
      command: text,
      artifacts: z.array(text).min(1),
      to: z
        .string()
        .regex(
          /^(\/Volumes(\/[^/]+){3,}|dbfs:(\/[^/]+)+)$/,
          "/Volumes/<catalog>/<schema>/<volume> with or without folders below it, or dbfs:/…, without a slash at the end",
        )
        .refine((path) => !path.split("/").includes(".."), "a path without '..'")
        .optional(),
      timeoutSeconds: z.number().int().min(1).max(86_400).default(1800),
    })
    .optional(),
  releaseRoot: absolutePath.optional(),
  readers: z.array(principal).default([]),
  retention: z
    .strictObject({
      keep: z.number().int().min(1).default(DEFAULT_RETENTION.keep),
      graceHours: z.number().min(0).default(DEFAULT_RETENTION.graceHours),
    })
    .prefault({}),
  registry: z.strictObject({
    warehouse: text,
    table: z
      .string()
      .regex(
        /^(?:(?:`(?:[^`]|``)+`|[^.`\s]+)\.){1,2}(?:`(?:[^`]|``)+`|[^.`\s]+)$/,
        "catalog.schema.table, or schema.table",
      ),
    adopt: z.boolean().default(false),
  }),
  experiment: z
    .strictObject({ path: absolutePath.optional(), shared: z.boolean().default(false) })
    .prefault({}),
  secrets: z
    .strictObject({
      scope: name,
      keys: z
        .record(
          z.string().regex(/^[A-Za-z0-9._-]{1,128}$/, "up to 128 letters, digits, '.', '_' and '-'"),
          secretKey,
        )
        .default({}),
      acls: z
        .array(z.strictObject({ principal: text, permission: z.enum(["READ", "WRITE", "MANAGE"]) }))
        .default([]),
    })
    .optional(),
  gate: z
    .strictObject({
      tests: z.array(text).default([]),
      branchTests: z.record(text, z.array(text)).default({}),
      timeoutSeconds: z.number().int().min(1).max(86_400).default(120),
      retries: z.number().int().min(0).max(10).default(0),
      parallel: z.number().int().min(1).max(100).default(8),
      parameters: texts.default({}),
      runAs: z
        .strictObject({ userName: text, servicePrincipalName: text })
        .partial()
        .refine((names) => Object.keys(names).length === 1, "one of userName, servicePrincipalName")
        .optional(),
      metrics: z.array(metricLimit).default([]),
      maxSlowdownPercent: z.number().min(0).optional(),
      reuse: z.enum(["never", "rollback", "always"]).default("rollback"),
    })
    .prefault({}),
  watch: z
    .strictObject({
      ...jobShape,
      schedule,
      tests: z.array(text).min(1),
      metrics: z.array(metricLimit).default([]),
      timeoutSeconds: z.number().int().min(1).max(86_400).default(120),
      parallel: z.number().int().min(1).max(100).default(1),
      parameters: texts.default({}),
    })
    .optional(),
  jobs: z.array(job).default([]),
  compute: compute.default({}),
  pipelineId: text.optional(),
  deployNote: z.string().default(""),
  github: gitHub.optional(),
});

const whole = schema.superRefine(({ app, env, jobs, watch, compute: settings }, context) => {
  const own = watch && watchName({ app, env });
  for (const [path, message] of problemsBetween(jobs, own, settings)) {
    context.addIssue({ code: "custom", path, message });
  }
});

export type Configuration = z.output<typeof schema>;

/** The name of the watch's job. */
export function watchName({ app, env }: Pick<Configuration, "app" | "env">): string {
  return `${app}-${env}-watch`;
}

/**
 * Checks a stack's whole configuration.
 * @param values every value of the stack, by full key (`notebook-releases:app`), as Pulumi keeps them: JSON where they are objects.
 * @param stack the stack's name, the default of `env`.
 * @throws RunError that lists every problem.
 */
export function parseConfiguration(
  values: Readonly<Record<string, string>>,
  project: string,
  stack: string,
): Configuration {
  const problems: string[] = [];
  if (values["databricks:token"] !== undefined) {
    problems.push(
      "databricks:token: must not be in the stack's configuration, because Pulumi would keep it in the state and use it " +
        "after its rotation. Remove it (pulumi config rm databricks:token) and set DATABRICKS_TOKEN in the environment.",
    );
  }
  // Pulumi.yaml gives optional keys the default "", without which Pulumi would ask for each of them.
  const own = Object.entries(values).filter(([key, value]) => key.startsWith(`${project}:`) && value !== "");
  const given: Record<string, unknown> = Object.fromEntries(
    own.map(([key, value]) => [key.slice(project.length + 1), decode(value)]),
  );
  const secretNames = configKeysOfSecrets(given);
  for (const secret of secretNames) {
    if (given[secret] === undefined) {
      problems.push(
        `secrets.keys: the configuration value "${secret}" is not set. Set it with: pulumi config set --secret ${secret}`,
      );
    }
  }
  const plain = Object.fromEntries(Object.entries(given).filter(([key]) => !secretNames.includes(key)));
  const result = whole.safeParse({ env: stack, ...plain });
  problems.push(...(result.error?.issues ?? []).flatMap((issue) => describe(issue, plain)));
  if (!result.success || problems.length > 0) {
    const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
    throw refusal(
      `The configuration of stack ${stack} has ${count}; nothing was changed:\n` +
        problems.map((problem) => `  - ${problem}`).join("\n"),
    );
  }
  return result.data;
}

/** Configuration values named by `secrets.keys.*.config`: any other unknown key is a mistake. */
function configKeysOfSecrets(given: Record<string, unknown>): string[] {
  const keys = (given.secrets as { keys?: Record<string, { config?: unknown }> } | undefined)?.keys;
  return Object.values(keys && typeof keys === "object" ? keys : {}).flatMap((from) =>
    typeof from?.config === "string" ? [from.config.replace(/^.*:/, "")] : [],
  );
}

/** Pulumi keeps objects, lists, numbers and booleans as JSON text. */
function decode(value: string): unknown {
  if (!/^\s*[[{]|^-?\d+(\.\d+)?$|^(true|false)$/.test(value)) {
    return value;
  }
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

type Issue = z.core.$ZodIssue;

function describe(issue: Issue, given: Record<string, unknown>): string[] {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const full = [...issue.path, key].join(".");
      return `${full}: unknown key${suggestion(issue, key)}`;
    });
  }
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    given,
  );
  const shown = value === undefined ? "is missing" : `is ${JSON.stringify(value)}`;
  return [`${path} ${shown}; expected ${expectation(issue)}`];
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.expected;
    case "invalid_value":
      return issue.values.map(String).join(" | ");
    case "too_small":
      return issue.origin === "string" ? "a text" : `at least ${String(issue.minimum)}`;
    case "too_big":
      return `at most ${String(issue.maximum)}`;
    default:
      return issue.message.replace(/^Invalid (input|string): /, "");
  }
}

/** The known key that comes nearest, where one is near. */
function suggestion(issue: Extract<Issue, { code: "unrecognized_keys" }>, key: string): string {
  const known = issue.path.reduce<unknown>((at, part) => {
    const inner = unwrap(at) as { shape?: Record<PropertyKey, unknown> } | undefined;
    return typeof part === "number" ? inner : inner?.shape?.[part];
  }, schema);
  const shape = (unwrap(known) as { shape?: object } | undefined)?.shape;
  const near = Object.keys(shape ?? {}).find(
    (candidate) => distance(candidate.toLowerCase(), key.toLowerCase()) <= 2,
  );
  return near ? `; did you mean ${near}?` : shape ? `; known here: ${Object.keys(shape).join(", ")}` : "";
}

/** The object schema inside of optional and default ones, and of lists. */
function unwrap(at: unknown): unknown {
  let inner = at;
  while (inner && typeof (inner as { unwrap?: unknown }).unwrap === "function") {
    inner = (inner as { unwrap(): unknown }).unwrap();
  }
  return inner;
}
