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
import { selectTests } from "./gate";
import { projectFolder } from "./secretScope";
import type { ReleaseJobArgs } from "./releaseJob";
import type { WatchArgs } from "./watch";

export interface Stack {
  readonly config: Configuration;
  readonly host: string | undefined;
  readonly spec: SourceSpec;
  readonly source: Source;
  readonly tests: readonly string[];
  readonly gateSettings: GateSettings;
  readonly secretKeys: Readonly<Record<string, SecretSource>>;
  readonly jobs: readonly (Pick<ReleaseJobArgs, "mode" | "tasks" | "compute" | "settings"> & {
    readonly name: string;
  })[];
  readonly watch?: Pick<
    WatchArgs,
    "tests" | "metrics" | "timeoutSeconds" | "parallel" | "parameters" | "compute" | "settings"
  >;
}

/** @throws RunError that says what is wrong with the configuration or with the source. */
export async function readStack(): Promise<Stack> {
  const values = pulumi.runtime.allConfig();
  const config = parseConfiguration(values, pulumi.getProject(), pulumi.getStack());
  const spec: SourceSpec = config.source;
  const source = await readSource(spec, {
    onProgress: (line) => void pulumi.log.info(line, undefined, undefined, true),
  }).catch((error: unknown) => {
    throw error instanceof SourceError ? new pulumi.RunError(error.message) : error;
  });
  refuseJarsOnServerless(config);
  const { tests, branchTests, ...settings } = config.gate;
  const added = branchGlobs(branchTests, branchOf(source));
  return {
    config,
    host: values["databricks:host"],
    spec,
    source,
    tests: [
      ...new Set([...selectTests(source, tests), ...selectTests(source, added, "gate.branchTests")]),
    ].sort(),
    gateSettings: { ...settings, compute: gateCompute(config.compute) },
    secretKeys: secretSources(config),
    jobs: config.jobs.map((job) => releaseJob(job, config)),
    watch: watch(config, source),
  };
}

function watch({ watch: given, compute }: Configuration, source: Source): Stack["watch"] {
  if (!given) {
    return undefined;
  }
  const { tests, metrics, timeoutSeconds, parallel, parameters, ...settings } = given;
  return {
    tests: selectTests(source, tests, "watch.tests"),
    metrics,
    timeoutSeconds,
    parallel,
    parameters,
    compute: jobCompute(compute),
    settings,
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
  const { name, mode, notebook, tasks, parameters, ...settings } = job;
  const single = notebook === undefined ? [] : [{ taskKey: "main", notebook, parameters }];
  return {
    name,
    mode,
    tasks: tasks ?? single,
    compute: jobCompute(config.compute),
    settings,
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
