/** Results of a release that has passed this very gate in this environment before, taken over instead of testing it again. */
import { createHash } from "node:crypto";
import type { Client } from "../../databricks/client";
import { logBatch, metricsOf, paramsOf, tagOf, type MlflowRun } from "../../databricks/mlflow";
import { findPassed, FINGERPRINT, REUSED, type Line } from "./history";
import type { TestResult } from "./results";
import type { GateSettings, Test } from "./tasks";

/** What a test result stands for: other files, artifacts or settings of the gate need other results. */
export function fingerprint(
  digest: string,
  gate: string,
  artifacts: readonly { name: string; sha256: string }[],
): string {
  const built = artifacts.map(({ name, sha256 }) => `${name} ${sha256}`).sort();
  return createHash("sha256")
    .update(JSON.stringify([digest, gate, built]))
    .digest("hex");
}

/** The deployment whose results may be taken over, as `gate.reuse` says. */
export async function findReusable(
  client: Client,
  line: Line & { githash: string },
  print: string,
  reuse: GateSettings["reuse"],
): Promise<MlflowRun | undefined> {
  return reuse === "never"
    ? undefined
    : findPassed(client, line, print, reuse === "always" ? undefined : line.githash);
}

export interface TakenOver {
  readonly results: Record<string, TestResult>;
  /** The deployment that really ran the tests. */
  readonly from: string;
}

/** The deployment's own numbers; they are no results of tests. */
const OWN_METRICS = new Set(["upload_seconds", "notebooks"]);

/**
 * Copies results and metrics into the deployment's run, so that searches and the next deployment's comparison find them;
 * the tag `reused_from` says whose they are, and keeps them out of the history of durations.
 */
export async function takeOver(
  client: Client,
  deploymentId: string,
  passed: MlflowRun,
  tests: readonly Test[],
  print: string,
): Promise<TakenOver> {
  const from = tagOf(passed, REUSED) ?? passed.info.run_id;
  const [params, metrics] = [paramsOf(passed), metricsOf(passed)];
  const flaky = (tagOf(passed, "flaky_tests") ?? "").split(", ");
  const known = tests.filter(({ name }) => params[name] !== undefined);
  await logBatch(client, deploymentId, {
    params: Object.fromEntries(known.map(({ name }) => [name, params[name] ?? ""])),
    metrics: Object.fromEntries(Object.entries(metrics).filter(([name]) => !OWN_METRICS.has(name))),
    tags: {
      [REUSED]: from,
      [FINGERPRINT]: print,
      ...(flaky[0] ? { flaky_tests: flaky.join(", ") } : {}),
      status: "tested",
      message: `passed before in deployment ${from}; its test results are reused`,
    },
  });
  const results = known.map(({ name }): [string, TestResult] => [
    name,
    {
      result: params[name] ?? "",
      seconds: metrics[`${name}_dur`] ?? 0,
      ...(flaky.includes(name) ? { flaky: true } : {}),
    },
  ]);
  return { results: Object.fromEntries(results), from };
}
