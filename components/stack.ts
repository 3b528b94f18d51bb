/** Everything that a stack's program needs to know before it declares its first resource: its configuration and its source. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type * as yaml from "yaml";
import type { GateSettings } from "../providers/gate/tasks";
import type { SecretSource } from "../providers/secretValue";
import { readSource, SourceError, type Source, type SourceSpec } from "../source";
import { branchGlobs, branchOf } from "./branch";
import { gateCompute, jobCompute } from "./compute";
import { parseConfiguration, type Configuration } from "./configuration";
import { checkNotebooks } from "./jobSettings";
import { projectFolder } from "./secretScope";
import { NOTE_VARIABLE, overlooksHold, readRef, REF_VARIABLE } from "./ref";
import type { ReleaseJobArgs } from "./releaseJob";
import { branchOfRef, readRollback, type Rollback } from "./rollback";
import { selectTests } from "./selectTests";
import type { WatchArgs } from "./watch";

export interface Stack {
  readonly config: Configuration;
  readonly host: string | undefined;
  readonly spec: SourceSpec;
  readonly source: Source;
  /** What is said of the deployment: `deployNote`, or why it is rolled back. */
  readonly note: string;
  /** Set where a person rolls back: then the source is what was live before. */
  readonly rollback?: Rollback;
  /** The branch whose tests are added (`gate.branchTests`); undefined where nobody knows of which one the commit is. */
  readonly branch: string | undefined;
  /** Only a preview, which shows what would change although the environment is on hold. */
  readonly overlooksHold: boolean;
  readonly tests: readonly string[];
  readonly gateSettings: GateSettings;
  readonly secretKeys: Readonly<Record<string, SecretSource>>;
  readonly jobs: readonly (Pick<ReleaseJobArgs, "mode" | "tasks" | "compute" | "settings" | "permissions"> & {
    readonly name: string;
  })[];
  readonly watch?: Pick<
    WatchArgs,
    | "tests"
    | "metrics"
    | "timeoutSeconds"
    | "parallel"
    | "parameters"
    | "compute"
    | "settings"
    | "permissions"
  >;
}

/** @throws RunError that says what is wrong with the configuration or with the source. */
export async function readStack(): Promise<Stack> {
  const values = pulumi.runtime.allConfig();
  const config = parseConfiguration(values, pulumi.getProject(), pulumi.getStack());
  const rollback = readRollback(pulumi.getStack());
  const otherRef = readRef(rollback !== undefined);
  const ref = rollback?.githash ?? otherRef ?? config.source.ref;
  const spec: SourceSpec = { ...config.source, ref };
  const source = await readSource(spec, {
    onProgress: (line) => void pulumi.log.info(line, undefined, undefined, true),
  }).catch((error: unknown) => {
    const origin =
      otherRef === undefined ? "" : `\n(source.ref is ${REF_VARIABLE}'s here, not the configuration's.)`;
    throw error instanceof SourceError ? new pulumi.RunError(error.message + origin) : error;
  });
  refuseJarsOnServerless(config);
  const { tests, branchTests, ...settings } = config.gate;
  const jobs = config.jobs.map((job) => releaseJob(job, config));
  // What is rolled back to may be older than a job: the rollback must not wait for that.
  if (!rollback) {
    checkNotebooks(source, jobs);
  }
  const branch = rollback ? branchOfRef(config.source.ref) : branchOf(source);
  const added = branchGlobs(branchTests, branch);
  return {
    config,
    host: values["databricks:host"],
    spec,
    source,
    note: rollback?.note ?? (process.env[NOTE_VARIABLE] || config.deployNote),
    rollback,
    branch,
    overlooksHold: overlooksHold(pulumi.runtime.isDryRun()),
    tests: [
      ...new Set([...selectTests(source, tests), ...selectTests(source, added, "gate.branchTests")]),
    ].sort(),
    gateSettings: {
      ...settings,
      ...(rollback?.retest ? { reuse: "never" as const } : {}),
      compute: gateCompute(config.compute),
    },
    secretKeys: secretSources(config),
    jobs,
    watch: watch(config, source),
  };
}

function watch({ watch: given, compute }: Configuration, source: Source): Stack["watch"] {
  if (!given) {
    return undefined;
  }
  const { tests, metrics, timeoutSeconds, parallel, parameters, permissions, ...settings } = given;
  return {
    tests: selectTests(source, tests, "watch.tests"),
    metrics,
    timeoutSeconds,
    parallel,
    parameters,
    compute: jobCompute(compute),
    settings: settings as WatchArgs["settings"],
    permissions,
  };
}

/** Known before anything is built; whatever else turns out to be a jar is refused where it is attached. */
function refuseJarsOnServerless({ build, compute, gate }: Configuration): void {
  const jars = build?.artifacts.filter((glob) => /\.jar$/i.test(glob)) ?? [];
  if (jars.length > 0 && gate.tests.length > 0 && Object.keys(compute).length === 0) {
    throw new pulumi.RunError(
      `build.artifacts has jars (${jars.join(", ")}), which the gate's tests cannot get: without compute they are ` +
        "serverless, and a serverless notebook takes Python packages only. Set compute to a cluster, or leave the jars out.",
    );
  }
}

function releaseJob(job: Configuration["jobs"][number], config: Configuration): Stack["jobs"][number] {
  const { name, mode, notebook, tasks, parameters, permissions, ...settings } = job;
  const single = notebook === undefined ? [] : [{ taskKey: "main", notebook, parameters: {} }];
  // A list is Databricks' own: parameters of the job. Otherwise they are each task's.
  const [ofJob, ofTasks] = Array.isArray(parameters) ? [{ parameters }, {}] : [{}, parameters];
  return {
    name,
    mode,
    tasks: (tasks ?? single).map((task) => ({ ...task, parameters: { ...ofTasks, ...task.parameters } })),
    compute: jobCompute(config.compute),
    settings: { ...settings, ...ofJob } as ReleaseJobArgs["settings"],
    permissions,
  };
}

/** Where each key's value comes from; for one in the configuration, the ciphertext that the stack's file holds. */
function secretSources(config: Configuration): Record<string, SecretSource> {
  const keys = Object.entries(config.secrets?.keys ?? {});
  return Object.fromEntries(
    keys.map(([key, from]): [string, SecretSource] => {
      if ("env" in from) {
        return [key, from];
      }
      const full = from.config.includes(":") ? from.config : `${pulumi.getProject()}:${from.config}`;
      return [key, { config: full, ciphertext: ciphertext(full) }];
    }),
  );
}

function ciphertext(key: string): string {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- on demand: most programs have no such key.
  const { parseDocument } = require("yaml") as typeof yaml;
  const file = join(projectFolder(), `Pulumi.${pulumi.getStack()}.yaml`);
  const value: unknown = existsSync(file)
    ? parseDocument(readFileSync(file, "utf8")).getIn(["config", key, "secure"])
    : undefined;
  if (typeof value !== "string") {
    throw new pulumi.RunError(
      `secrets.keys: ${key} is not a secret of ${file}. Set it with: pulumi config set --secret ${key.replace(/^.*:/, "")}`,
    );
  }
  return value;
}
