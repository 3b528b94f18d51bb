/** What an environment has tested, as its own workspace tells: the registry, the release that is live, MLflow. */
import type { Client } from "../../databricks/client";
import { findRun, metricsOf, paramsOf, tagOf, type MlflowRun } from "../../databricks/mlflow";
import { Warehouse } from "../../databricks/sql";
import { artifactsDigest, taggedArtifacts } from "../../providers/build/tested";
import { readMoves } from "../../providers/registry/history";
import { readRow, type RegistryEntry } from "../../providers/registry/table";
import { wayBack } from "../../providers/registry/wayBack";
import { readManifest } from "../../providers/release/manifest";
import { readSource } from "../../source";
import { short } from "../../source/githash";
import { attemptOf } from "../deployments";
import { within } from "../limit";
import { checkRelease, type ReleaseState } from "../release";
import { meet, type FoundStack } from "../stack";
import { listed, when } from "../text";
import { tooFewTests, type Answer, type AskOptions, type Tested, type TestResult } from "./tested";

/** @throws where the workspace cannot be asked */
export async function askWorkspace(from: FoundStack, options: AskOptions): Promise<Answer> {
  return within(options.limitMs, ask(from, options), " (--timeout allows more)");
}

async function ask(from: FoundStack, options: AskOptions): Promise<Answer> {
  const { client } = await meet(from);
  const { config, name } = from;
  const { warehouse: id, table } = config.registry;
  const wait = {
    timeoutMs: options.limitMs,
    onWait: (line: string) => options.onProgress(`${name}: ${line}`),
  };
  const warehouse = new Warehouse(client, id);
  const row = await readRow(warehouse, table, config, wait);
  if (!row) {
    const problem = `nothing is live in ${config.app}/${config.env}, by ${table}. Deploy it there first: pulumi up --stack ${name}`;
    return { tested: undefined, problems: [problem] };
  }
  const manifest = await readManifest(client, row.releasePath);
  if (options.wanted && manifest?.digest !== options.wanted.digest) {
    const moves = await readMoves(warehouse, table, config, wait);
    for (const { githash, deploymentId, movedAt, movedBy } of wayBack(moves).slice(0, EARLIER)) {
      if ((await digestOf(from, githash)) === options.wanted.digest) {
        const release = { githash, deploymentId, deployedAt: movedAt, deployedBy: movedBy };
        return earlier(client, from, release, options.wanted.digest, row);
      }
    }
  }
  const [run, release] = await Promise.all([
    findRun(client, row.deploymentId),
    checkRelease(client, row.releasePath, row.githash),
  ]);
  const artifacts = manifest?.artifacts ?? [];
  return {
    tested: {
      ...testedBy(client, row, run),
      digest: manifest?.digest ?? "",
      isLive: true,
      artifactsDigest: artifactsDigest(artifacts),
      artifacts,
      notes: row.hold ? [`${name} is on hold, which stops nothing here: ${row.hold}`] : [],
    },
    problems: [
      ...notItsOwn(from, row),
      ...drifted(name, row, release),
      ...notPassed(from, row, run, ["live", "tested"]),
    ],
  };
}

/** So many releases that were live there before are looked at, newest first. */
const EARLIER = 20;

/** Empty where the commit cannot be had any more. */
async function digestOf({ config }: FoundStack, githash: string): Promise<string> {
  return readSource({ ...config.source, ref: githash }).then(
    ({ digest }) => digest,
    () => "",
  );
}

/** A release that has given way to another one since: its files may be gone, its run has what it was. */
async function earlier(
  client: Client,
  from: FoundStack,
  row: Deployed,
  digest: string,
  live: RegistryEntry,
): Promise<Answer> {
  const run = await findRun(client, row.deploymentId);
  const artifacts = taggedArtifacts(run?.data.tags ?? []);
  return {
    tested: {
      ...testedBy(client, row, run),
      digest,
      isLive: false,
      artifactsDigest: artifactsDigest(artifacts),
      artifacts,
      notes: [`${from.name} has moved on since: ${short(live.githash)} is live there`],
    },
    problems: notPassed(from, row, run, ["live", "superseded"]),
  };
}

type Deployed = Pick<RegistryEntry, "githash" | "deploymentId" | "deployedAt" | "deployedBy">;

function testedBy(client: Client, row: Deployed, run: MlflowRun | undefined) {
  const attempt = run && attemptOf(run, client.host);
  return {
    source: "workspace",
    where: client.host,
    githash: row.githash,
    deploymentId: row.deploymentId,
    deploymentUrl: attempt?.deploymentUrl ?? "",
    since: row.deployedAt,
    by: row.deployedBy,
    passed: attempt?.tests?.passed ?? 0,
    tests: run ? resultsOf(run) : [],
  } satisfies Partial<Tested>;
}

/** A test is a parameter that has a duration. */
function resultsOf(run: MlflowRun): TestResult[] {
  const metrics = metricsOf(run);
  return Object.entries(paramsOf(run))
    .flatMap(([name, result]) => {
      const seconds = metrics[`${name}_dur`];
      return seconds === undefined ? [] : [{ name, result, seconds }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The stack's outputs are those of its last complete deployment. */
function notItsOwn({ name, outputs }: FoundStack, row: RegistryEntry): string[] {
  if (outputs.githash === row.githash && outputs.deploymentId === row.deploymentId) {
    return [];
  }
  const known =
    typeof outputs.githash === "string"
      ? `the last complete deployment of stack ${name} is of ${short(outputs.githash)}`
      : `stack ${name} knows of no deployment of its own in this backend`;
  return [
    `${short(row.githash)} was made live by ${row.deployedBy} at ${when(row.deployedAt)} UTC, but ${known}: somebody else moved ` +
      `it, or an up of it failed after the move. Look, then deploy it anew: pulumi up --refresh --stack ${name}`,
  ];
}

const DIFFERENCES = 5;

function drifted(name: string, row: RegistryEntry, { state, differences }: ReleaseState): string[] {
  if (state === "intact") {
    return [];
  }
  const list = listed(differences, DIFFERENCES);
  const what = state === "unknown" ? "may have been edited, which could not be told" : `is ${state}`;
  return [
    `the release ${short(row.githash)} at ${row.releasePath} ${what}${list ? `: ${list}` : ""}. Put it right: ` +
      `pulumi up --refresh --stack ${name}`,
  ];
}

/** @param good what the run's status may be: `tested` where MLflow could not be told that the release is live. */
function notPassed(
  from: FoundStack,
  row: Deployed,
  run: MlflowRun | undefined,
  good: readonly string[],
): string[] {
  const again = `Deploy it there again: pulumi up --stack ${from.name}`;
  if (!run) {
    return [
      `the MLflow run ${row.deploymentId || "of its deployment"} is gone, so how its tests went is not known. ${again}`,
    ];
  }
  const status = tagOf(run, "status") ?? run.info.status.toLowerCase();
  const message = tagOf(run, "message");
  if (!good.includes(status)) {
    return [`its deployment ${row.deploymentId} is ${status}${message ? `: ${message}` : ""}. ${again}`];
  }
  const { tests_passed: passed = 0, tests_failed: failed = 0 } = metricsOf(run);
  if (failed > 0) {
    return [`${failed} of its ${passed + failed} tests failed (deployment ${row.deploymentId}). ${again}`];
  }
  const few = tooFewTests(from, passed);
  return few ? [few] : [];
}
