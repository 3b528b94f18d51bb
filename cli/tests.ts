/** `releases tests`: results and durations of the gate's tests, by deployment. */
import { comparison, metricsOf, paramsOf, searchRuns, tagOf, type MlflowRun } from "../databricks/mlflow";
import { FAILED } from "../providers/gate/results";
import { short } from "../source/githash";
import { print, printJson, table } from "./output";
import { Problem } from "./problem";
import { connectTo, readStack } from "./stack";
import { trend } from "./trend";

export interface TestsOptions {
  readonly stack: string;
  readonly cwd: string;
  readonly env?: string;
  readonly test?: string;
  readonly limit: number;
  readonly json?: boolean;
}

/** What one deployment found of its tests. */
interface Deployment {
  readonly id: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly githash: string;
  readonly status: string;
  readonly tests: Readonly<Record<string, { readonly result: string; readonly seconds: number }>>;
}

export async function tests({ stack: name, cwd, env, test, limit, json }: TestsOptions): Promise<void> {
  const stack = await readStack(name, cwd);
  const [, experiment] = /\/experiments\/([^/]+)\/runs\//.exec(String(stack.outputs.deploymentUrl)) ?? [];
  if (!experiment) {
    throw new Problem(
      `Stack ${name} was not deployed yet: there are no tests to look at. Run pulumi up first.`,
    );
  }
  const { app, env: own } = stack.config;
  const filter = `${comparison("params.app", app)} AND ${comparison("params.env", env ?? own)}`;
  const runs = await searchRuns(await connectTo(stack), experiment, filter, limit);
  const deployments = runs.map(deployment);
  const names = [...new Set(deployments.flatMap((found) => Object.keys(found.tests)))].sort();
  if (test !== undefined && !names.includes(test)) {
    throw new Problem(
      `None of the last ${deployments.length} deployments of ${app}/${env ?? own} has a test ${test}. ` +
        (names.length > 0 ? `There are: ${names.join(", ")}` : "None has any test."),
    );
  }
  if (json) {
    const wanted = (found: Deployment) =>
      test === undefined ? found : { ...found, tests: { [test]: found.tests[test] } };
    printJson({ app, env: env ?? own, deployments: deployments.map(wanted) });
  } else if (deployments.length === 0) {
    print(`${app}/${env ?? own} has no deployments in this experiment.`);
  } else {
    print(test === undefined ? overview(deployments, names) : history(deployments, test));
  }
}

/** A test is a parameter that has a duration. */
function deployment(run: MlflowRun): Deployment {
  const params = paramsOf(run);
  const metrics = metricsOf(run);
  const found = Object.entries(params).flatMap(([key, result]) => {
    const seconds = metrics[`${key}_dur`];
    return seconds === undefined ? [] : [[key, { result, seconds }] as const];
  });
  return {
    id: run.info.run_id,
    startedAt: new Date(run.info.start_time ?? 0).toISOString(),
    githash: params.githash ?? "",
    status: tagOf(run, "status") ?? run.info.status.toLowerCase(),
    tests: Object.fromEntries(found),
  };
}

/** A line a test: the last result, how often it failed, how its duration moved; then the deployments that the bars stand for. */
function overview(deployments: readonly Deployment[], names: readonly string[]): string {
  const oldestFirst = [...deployments].reverse();
  const rows = names.map((name) => {
    const outcomes = oldestFirst.map((found) => found.tests[name]);
    const known = outcomes.filter((outcome) => outcome !== undefined);
    const last = known.at(-1);
    const failures = known.filter(({ result }) => result === FAILED).length;
    return [
      name,
      firstLine(last?.result ?? ""),
      seconds(last?.seconds),
      `${failures} of ${known.length}`,
      trend(outcomes.map((outcome) => outcome?.seconds)),
    ];
  });
  const lines = deployments.map(({ startedAt, githash, status, tests: found }) => {
    const results = Object.values(found);
    const failures = results.filter(({ result }) => result === FAILED).length;
    return [
      when(startedAt),
      short(githash),
      status,
      `${results.length - failures} passed, ${failures} failed`,
    ];
  });
  return [
    table(["TEST", "LAST RESULT", "SECONDS", "FAILED", "SECONDS, OLDEST FIRST"], rows),
    "",
    table(["DEPLOYED", "GITHASH", "STATUS", "TESTS"], lines),
  ].join("\n");
}

/** A line a deployment, newest first, with a bar as long as the test took. */
function history(deployments: readonly Deployment[], name: string): string {
  const known = deployments.flatMap((found) => {
    const outcome = found.tests[name];
    return outcome ? [{ ...found, ...outcome }] : [];
  });
  const longest = Math.max(...known.map((found) => found.seconds));
  return table(
    ["DEPLOYED", "GITHASH", "STATUS", "RESULT", "SECONDS", ""],
    known.map((found) => [
      when(found.startedAt),
      short(found.githash),
      found.status,
      firstLine(found.result),
      seconds(found.seconds),
      "█".repeat(longest > 0 ? Math.round((found.seconds / longest) * 30) : 0),
    ]),
  );
}

function when(iso: string): string {
  return iso.slice(0, 16).replace("T", " ");
}

function seconds(value: number | undefined): string {
  return value === undefined ? "" : value.toFixed(1);
}

const RESULT_LENGTH = 40;
function firstLine(text: string): string {
  const line = text.split("\n")[0] ?? "";
  return line.length > RESULT_LENGTH ? `${line.slice(0, RESULT_LENGTH - 1)}…` : line;
}
