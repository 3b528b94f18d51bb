/** `NotebookTestRun`: the gate. Runs a release's own tests before it goes live; results and durations go to the deployment's MLflow run. */
import type { Client } from "../databricks/client";
import { cutBytes, findRun, logBatch, metricsOf, runPage } from "../databricks/mlflow";
import { short } from "../source/githash";
import { addresses, type Artifact } from "./artifacts";
import { artifactTags } from "./build/tested";
import { connect, type Place } from "./connection";
import { asStepOf, setStatus } from "./deployment";
import { judge, readBefore } from "./gate/compare";
import { execute, type Execution } from "./gate/execute";
import { FINGERPRINT } from "./gate/history";
import { GATE_RUNS } from "./gate/interrupted";
import { testNames } from "./gate/names";
import { recordResults } from "./gate/record";
import { failure, headline, isOpen, table, type Report } from "./gate/report";
import type { TestOutcome, TestResult } from "./gate/results";
import { findReusable, fingerprint, takeOver } from "./gate/reuse";
import type { GateSettings, Test } from "./gate/tasks";
import { tellGitHub, testsPassed } from "./github/report";
import { say } from "./progress";
import { dynamicProvider, type Handler } from "./provider";

export interface Inputs extends Place {
  deploymentId: string;
  deploymentUrl: string;
  experimentId: string;
  app: string;
  env: string;
  githash: string;
  releasePath: string;
  /** Notebooks, relative to the release. */
  tests: string[];
  /** What was built of the commit: each test's compute gets them, and their addresses are a parameter. */
  artifacts: Artifact[];
  settings: GateSettings;
  /** Digests of the manifest's part from git, and of what the gate asks: results are reused where both are the same. */
  digest: string;
  gate: string;
  /** The registry, which says what is live to compare with. */
  table: string;
  warehouse: string;
}
export interface Computed {
  results: Record<string, TestResult>;
  runUrl: string;
}

/** Bytes of one result in the state and in the stack's outputs; the whole is in the run's artifact `tests.json`. */
const RESULT_BYTES = 10_000;

const handler: Handler<Inputs, Computed> = {
  type: "NotebookTestRun",

  async create(inputs) {
    const client = await connect(inputs);
    return asStepOf(client, inputs.deploymentId, async () => {
      const names = testNames(inputs.tests);
      const tests = inputs.tests.map((notebook) => ({ notebook, name: names.get(notebook) ?? notebook }));
      // Here, because a deployment that tries again what failed takes its artifacts over as they are.
      if (inputs.artifacts.length > 0) {
        await logBatch(client, inputs.deploymentId, { tags: artifactTags(inputs.artifacts) });
      }
      const computed = (await reuse(client, inputs, tests)) ?? (await test(client, inputs, tests));
      await tellGitHub(client, inputs.deploymentId, "tested", `${testsPassed(tests.length)}, going live`);
      return { id: inputs.deploymentId, computed };
    });
  },
};

/** The results of a deployment that has passed before; undefined where the tests have to run. */
async function reuse(client: Client, inputs: Inputs, tests: readonly Test[]): Promise<Computed | undefined> {
  const { deploymentId, host, experimentId, settings } = inputs;
  const print = printOf(inputs);
  const passed = tests.length > 0 && (await findReusable(client, inputs, print, settings.reuse));
  if (!passed || passed.info.run_id === deploymentId) {
    return undefined;
  }
  const { results, from } = await takeOver(client, deploymentId, passed, tests, print);
  const runUrl = runPage(host, experimentId, from);
  const what = tests.length === 1 ? "its result is" : `its ${tests.length} results are`;
  say(
    `gate: not tested again: this release has passed here before, and ${what} reused (gate.reuse)\n` +
      `  tested in: ${runUrl}`,
  );
  return { results, runUrl };
}

async function test(client: Client, inputs: Inputs, tests: readonly Test[]): Promise<Computed> {
  const { deploymentId, settings } = inputs;
  // Asked while the tests run, and answered for after them: their run must not be left alone.
  const asked = readBefore(client, settings, inputs);
  asked.catch(() => undefined);
  const { outcomes, runUrls } =
    tests.length > 0 ? await run(client, inputs, tests) : { outcomes: [], runUrls: [] };
  const before = await asked;
  const own = await findRun(client, deploymentId);
  if (!own) {
    throw new Error(`The deployment's MLflow run ${deploymentId} was deleted while its tests ran.`);
  }
  const verdicts = judge(settings, outcomes, metricsOf(own), before);
  const report: Report = { ...inputs, outcomes, runUrls, verdicts, retries: settings.retries };
  const [open, message] = [isOpen(report), headline(report)];
  // A closed gate's status comes with its error, as that of every step (`asStepOf`).
  const passed = { status: "tested", message, [FINGERPRINT]: printOf(inputs) };
  await recordResults(client, own, report, open ? passed : {});
  if (!open) {
    throw new Error(failure(report));
  }
  say(`gate: ${message}\n${table(report)}`.trimEnd());
  return { results: resultsOf(outcomes), runUrl: runUrls[0] ?? "" };
}

function run(client: Client, inputs: Inputs, tests: readonly Test[]): Promise<Execution> {
  const { deploymentId, releasePath, artifacts, settings, env, githash, experimentId } = inputs;
  const parameters = {
    env,
    githash,
    experiment_id: experimentId,
    run_id: deploymentId,
    release_path: releasePath,
    artifacts: addresses(artifacts),
  };
  const name = `gate ${env} ${short(githash)}`;
  return execute(
    client,
    tests,
    { name, deploymentId, releasePath, artifacts, parameters, settings },
    {
      started: (ids) =>
        logBatch(client, deploymentId, {
          tags: { [GATE_RUNS]: ids.join(","), message: `running ${tests.length} tests` },
        }),
      interrupted: () => setStatus(client, deploymentId, "failed", "interrupted; the test run was cancelled"),
    },
  );
}

function printOf({ digest, gate, artifacts }: Inputs): string {
  return fingerprint(digest, gate, artifacts);
}

function resultsOf(outcomes: readonly TestOutcome[]): Record<string, TestResult> {
  return Object.fromEntries(
    outcomes.map(({ name, result, seconds, flaky }) => [
      name,
      { result: cutBytes(result, RESULT_BYTES), seconds, ...(flaky ? { flaky } : {}) },
    ]),
  );
}

export default dynamicProvider(handler);
