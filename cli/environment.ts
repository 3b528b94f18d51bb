/** One environment as its own workspace tells of it: the registry's row, its deployment's run, its release. */
import type { Client } from "../databricks/client";
import { messageOf } from "../databricks/errors";
import { findRun } from "../databricks/mlflow";
import { Warehouse } from "../databricks/sql";
import { readRow, type RegistryEntry } from "../providers/registry/table";
import { describeCommit } from "../source/apart";
import { attemptOf, type TestCounts } from "./deployments";
import { within } from "./limit";
import { checkRelease, type ReleaseState } from "./release";
import { meet, type FoundStack } from "./stack";

/** What is live. */
export interface Live {
  readonly githash: string;
  /** The commit's subject; empty where its repository could not be asked. */
  readonly subject: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly by: string;
  readonly note: string;
  /** Why the environment is on hold; empty where it is not. */
  readonly hold: string;
  readonly releasePath: string;
  readonly deploymentId: string;
  /** Its MLflow run; empty where that is gone. */
  readonly deploymentUrl: string;
  /** Of the deployment's run; null: none was run, or the run is gone. */
  readonly tests: TestCounts | null;
  readonly release: ReleaseState;
}

export interface Environment {
  readonly stack: string;
  readonly app: string;
  readonly env: string;
  readonly host: string;
  /** Why it could not be asked; empty where it was. */
  readonly problem: string;
  /** null: nothing is live, or it could not be asked. */
  readonly live: Live | null;
}

export interface AskOptions {
  /** No contents of releases, and nothing is fetched from the repository. */
  readonly quick?: boolean;
  /** For all of it; a warehouse may have to start first. */
  readonly limitMs: number;
  readonly onProgress?: (line: string) => void;
}

/** Asks the stack's workspace, and never fails: what went wrong is the answer's `problem`. */
export async function askEnvironment(stack: FoundStack, options: AskOptions): Promise<Environment> {
  const { name, host, config } = stack;
  const about = { stack: name, app: config.app, env: config.env, host };
  try {
    return {
      ...about,
      problem: "",
      live: await within(options.limitMs, askLive(stack, options), " (--timeout allows more)"),
    };
  } catch (error) {
    return { ...about, problem: messageOf(error), live: null };
  }
}

async function askLive(stack: FoundStack, options: AskOptions): Promise<Live | null> {
  const { config } = stack;
  const { client } = await meet(stack);
  const row = await readRow(new Warehouse(client, config.registry.warehouse), config.registry.table, config, {
    timeoutMs: options.limitMs,
    onWait: (line) => options.onProgress?.(`${stack.name}: ${line}`),
  });
  if (!row) {
    return null;
  }
  const [run, release, subject] = await Promise.all([
    row.deploymentId ? findRun(client, row.deploymentId) : undefined,
    releaseState(client, row, options),
    describeCommit(config.source.repository, row.githash, { offline: options.quick }).then(
      (commit) => commit.subject,
      () => "",
    ),
  ]);
  const attempt = run && attemptOf(run, client.host);
  return {
    githash: row.githash,
    subject,
    since: row.deployedAt,
    by: row.deployedBy,
    note: row.note,
    hold: row.hold,
    releasePath: row.releasePath,
    deploymentId: row.deploymentId,
    deploymentUrl: attempt?.deploymentUrl ?? "",
    tests: attempt?.tests ?? null,
    release,
  };
}

/** Who may read the registry need not be able to read the release. */
async function releaseState(client: Client, row: RegistryEntry, options: AskOptions): Promise<ReleaseState> {
  try {
    return await checkRelease(client, row.releasePath, row.githash, options);
  } catch (error) {
    return { state: "unknown", differences: [messageOf(error)] };
  }
}
