/** What MLflow gets of a gate: parameters, metrics and tags of the deployment's run, and the whole of it as artifacts. */
import type { Client } from "../../databricks/client";
import { messageOf } from "../../databricks/errors";
import { logBatch, paramsOf, type MlflowRun } from "../../databricks/mlflow";
import { uploadArtifacts, type ArtifactFile } from "../../databricks/mlflowArtifacts";
import { say } from "../progress";
import { junitXml } from "./junit";
import { headline, summaryMarkdown, type Report } from "./report";
import type { TestOutcome } from "./results";

/** Parameters of one run (Databricks: "MLflow resource limits"). */
const PARAMS_A_RUN = 1600;

/**
 * Logs each test's result and duration, once more if need be: parameters are immutable, so those that are there already
 * with this value stay, and one that a test logged under our name with another gets a suffix.
 * @param run the deployment's run as the tests left it.
 */
export async function recordResults(
  client: Client,
  run: MlflowRun,
  report: Report,
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  const { outcomes, verdicts, retries } = report;
  const failed = outcomes.filter(({ passed }) => !passed).length;
  const flaky = outcomes.filter((outcome) => outcome.flaky).map(({ name }) => name);
  await Promise.all([
    logBatch(client, run.info.run_id, {
      params: freeNames(outcomes, paramsOf(run)),
      metrics: {
        ...Object.fromEntries(outcomes.map(({ name, seconds }) => [`${name}_dur`, seconds])),
        tests_passed: outcomes.length - failed,
        tests_failed: failed,
        // Where the gate's settings can make them anything but zero.
        ...(retries > 0 ? { tests_flaky: flaky.length } : {}),
        ...(verdicts.length > 0 ? { limits_broken: verdicts.filter(({ kept }) => !kept).length } : {}),
      },
      tags: {
        ...(flaky.length > 0 ? { flaky_tests: flaky.join(", ") } : {}),
        ...tags,
      },
    }),
    recordArtifacts(client, run.info.run_id, report),
  ]);
}

function freeNames(outcomes: readonly TestOutcome[], taken: Record<string, string>): Record<string, string> {
  const params: Record<string, string> = {};
  const room = PARAMS_A_RUN - Object.keys(taken).length;
  for (const { name, result } of outcomes) {
    let free = name;
    for (let number = 2; taken[free] !== undefined && !same(taken[free] ?? "", result); number++) {
      free = `${name}_${number}`;
    }
    if (free !== name) {
      say(`gate: a test has logged the parameter ${name} itself; the gate's result of it is ${free}`);
    }
    params[free] = result;
  }
  const names = Object.keys(params).filter((name) => taken[name] === undefined);
  for (const name of names.slice(Math.max(0, room))) {
    delete params[name];
  }
  if (names.length > room) {
    say(
      `gate: MLflow takes ${PARAMS_A_RUN} parameters a run; ${names.length - Math.max(0, room)} results are in tests.json only`,
    );
  }
  return params;
}

/** A value that MLflow holds may have been cut. */
function same(held: string, value: string): boolean {
  return held === value || (held.endsWith("…") && value.startsWith(held.slice(0, -1)));
}

/** Files that nobody must miss, but without which a release may go live: a refusal is said and fails nothing. */
async function recordArtifacts(client: Client, runId: string, report: Report): Promise<void> {
  try {
    await uploadArtifacts(client, runId, artifacts(report));
  } catch (problem) {
    say(`gate: the results' files could not be kept in MLflow: ${messageOf(problem)}`);
  }
}

function artifacts(report: Report): ArtifactFile[] {
  const { app, env, outcomes, verdicts } = report;
  return [
    { path: "summary.md", content: summaryMarkdown(report) },
    { path: "junit.xml", content: junitXml(`${app} ${env}`, outcomes) },
    // The whole of it: full results, and each name in MLflow with the notebook that it stands for.
    {
      path: "tests.json",
      content: JSON.stringify({ headline: headline(report), tests: outcomes, limits: verdicts }, null, 2),
    },
    ...outcomes
      .filter(({ error }) => error)
      .map(({ name, error, trace }) => ({
        path: `failures/${name}.txt`,
        content: trace && error && !trace.includes(error) ? `${error}\n\n${trace}` : (trace ?? error ?? ""),
      })),
  ];
}
