/** `releases history`: every move of an environment, and the deployments that moved nothing. */
import type { Client } from "../databricks/client";
import { findRun, tagOf } from "../databricks/mlflow";
import { Warehouse } from "../databricks/sql";
import { readMoves, type PastMove } from "../providers/registry/history";
import { short } from "../source/githash";
import {
  attemptOf,
  experimentOf,
  lastAttempts,
  shownTests,
  type Attempt,
  type TestCounts,
} from "./deployments";
import { nowAndThen, print, printJson, table, tell } from "./output";
import { connectTo, findStack, type FoundStack } from "./stack";
import { cut, when } from "./text";

export interface HistoryOptions {
  readonly stack: string;
  readonly cwd: string;
  /** Another environment of the same registry. */
  readonly env?: string;
  readonly limit: number;
  /** Leave out deployments that moved nothing. */
  readonly movesOnly?: boolean;
  /** Seconds. */
  readonly timeout: number;
  readonly json?: boolean;
}

/** One element of `entries` in the JSON. */
export interface HistoryEntry {
  /** ISO 8601, UTC: of the move, or when the deployment that moved nothing began; empty where nobody wrote it down. */
  readonly at: string;
  /** Of the move: `deploy`, `rollback`, `resume`, `destroy`. */
  readonly kind: string;
  /** Whether the registry's row moved; a deployment that failed, or is still under way, moved nothing. */
  readonly moved: boolean;
  /** Empty: nothing was live. */
  readonly from: string;
  /** Empty: nothing is live since. */
  readonly to: string;
  readonly by: string;
  /** Why. */
  readonly note: string;
  readonly deploymentId: string;
  /** Its MLflow run; empty where that is gone. */
  readonly deploymentUrl: string;
  /** What became of the deployment: `live`, `superseded`, `failed`, `running`, `tested`; empty where its run is gone. */
  readonly result: string;
  /** How far it came, or why it failed. */
  readonly message: string;
  readonly tests: TestCounts | null;
}

/** Prints a table, newest first, or as JSON `{ app, env, entries: HistoryEntry[] }`. */
export async function history(options: HistoryOptions): Promise<void> {
  const { json = false, movesOnly = false, limit, timeout } = options;
  const stack = await findStack(options.stack, options.cwd);
  const env = options.env ?? stack.config.env;
  const client = await connectTo(stack);
  const entries = await readHistory(client, stack, env, {
    ...{ limit, movesOnly, timeoutMs: timeout * 1000 },
    onWait: nowAndThen(json ? () => undefined : tell),
  });
  const { app } = stack.config;
  if (json) {
    printJson({ app, env, entries });
  } else {
    print(showHistory(`${app}/${env}`, entries));
  }
}

export interface ReadHistoryOptions {
  readonly limit: number;
  readonly movesOnly?: boolean;
  readonly timeoutMs?: number;
  readonly onWait?: (line: string) => void;
}

/** The last entries of an environment, newest first. */
export async function readHistory(
  client: Client,
  stack: Pick<FoundStack, "config" | "outputs">,
  env: string,
  { movesOnly = false, ...options }: ReadHistoryOptions,
): Promise<HistoryEntry[]> {
  const { app, registry } = stack.config;
  const key = { app, env };
  const moves = await readMoves(new Warehouse(client, registry.warehouse), registry.table, key, options);
  const attempts = await attemptsOf(client, stack, key, moves, options.limit);
  const done = moves.map((move): HistoryEntry => {
    const attempt = attempts.get(move.deploymentId);
    return {
      at: move.movedAt,
      kind: move.kind,
      moved: true,
      from: move.fromGithash,
      to: move.githash,
      by: move.movedBy,
      note: move.note,
      deploymentId: move.deploymentId,
      ...outcome(attempt),
    };
  });
  const oldest = moves.length === options.limit ? (moves.at(-1)?.movedAt ?? "") : "";
  const idle = movesOnly
    ? []
    : [...attempts.values()].filter((attempt) => movedNothing(attempt, moves, oldest));
  return merge(done, idle.map(idleEntry)).slice(0, options.limit);
}

/** The runs of these moves' deployments, and the last ones of their experiment, by their ids. */
async function attemptsOf(
  client: Client,
  stack: Pick<FoundStack, "config" | "outputs">,
  key: { readonly app: string; readonly env: string },
  moves: readonly PastMove[],
  limit: number,
): Promise<Map<string, Attempt>> {
  const own = key.env === stack.config.env ? experimentOf(stack) : undefined;
  const experiment = own ?? (await experimentOfMoves(client, moves));
  // More runs than moves: some moved nothing.
  const listed = experiment ? await lastAttempts(client, experiment, key, 2 * limit + 20) : [];
  const found = new Map(listed.map((attempt) => [attempt.deploymentId, attempt]));
  const others = new Set(moves.map(({ deploymentId }) => deploymentId).filter((id) => id && !found.has(id)));
  await Promise.all(
    [...others].map(async (id) => {
      const run = await findRun(client, id);
      if (run) {
        found.set(id, attemptOf(run, client.host));
      }
    }),
  );
  return found;
}

/** Another environment's experiment is told by its deployments; by the newest one whose run is still there. */
async function experimentOfMoves(client: Client, moves: readonly PastMove[]): Promise<string | undefined> {
  for (const id of [...new Set(moves.map(({ deploymentId }) => deploymentId))].filter(Boolean).slice(0, 5)) {
    const run = await findRun(client, id);
    if (run && tagOf(run, "status") !== undefined) {
      return run.info.experiment_id;
    }
  }
  return undefined;
}

const IDLE = new Set(["failed", "running", "tested", "killed"]);

/** @param oldest of moves that are not all of them: what began before it may have moved the row by one of the others */
function movedNothing(attempt: Attempt, moves: readonly PastMove[], oldest: string): boolean {
  return (
    IDLE.has(attempt.status) &&
    attempt.startedAt > oldest &&
    !moves.some(({ deploymentId }) => deploymentId === attempt.deploymentId)
  );
}

function idleEntry(attempt: Attempt): HistoryEntry {
  const { startedAt, githash, by, note, deploymentId } = attempt;
  const about = {
    at: startedAt,
    kind: "deploy",
    moved: false,
    from: "",
    to: githash,
    by,
    note,
    deploymentId,
  };
  return { ...about, ...outcome(attempt) };
}

function outcome(attempt: Attempt | undefined) {
  return {
    deploymentUrl: attempt?.deploymentUrl ?? "",
    result: attempt?.status ?? "",
    message: attempt?.message ?? "",
    tests: attempt?.tests ?? null,
  };
}

/** Puts what moved nothing where it belongs in time, and leaves the moves in their order. */
function merge(moves: readonly HistoryEntry[], idle: readonly HistoryEntry[]): HistoryEntry[] {
  const merged: HistoryEntry[] = [];
  const rest = [...idle].sort((a, b) => (a.at < b.at ? 1 : -1));
  for (const move of moves) {
    while (rest[0] && move.at && rest[0].at > move.at) {
      merged.push(...rest.splice(0, 1));
    }
    merged.push(move);
  }
  return [...merged, ...rest];
}

const WIDTH = 120;
const NAME_LENGTH = 24;

/** For people: one line each, and the reason under it where it does not fit. */
export function showHistory(place: string, entries: readonly HistoryEntry[]): string {
  if (entries.length === 0) {
    return `${place} has no history: nothing was ever deployed there.`;
  }
  const rows = entries.map((entry) => [
    when(entry.at) || "unknown",
    entry.moved ? entry.kind : `(${entry.kind})`,
    short(entry.from) || "-",
    short(entry.to) || "-",
    cut(entry.by, NAME_LENGTH),
    resultOf(entry),
    whyOf(entry),
  ]);
  const [head, ...lines] = table(["WHEN (UTC)", "MOVE", "FROM", "TO", "BY", "RESULT", "WHY"], rows).split(
    "\n",
  );
  const fitting = lines.map((line, index) => {
    const why = rows[index]?.at(-1) ?? "";
    return line.length <= WIDTH
      ? line
      : `${line.slice(0, line.length - why.length).trimEnd()}\n    ${cut(why, WIDTH - 4)}`;
  });
  const idle = entries.some(({ moved }) => !moved)
    ? ["", "(…) moved nothing: the deployment failed, or is under way."]
    : [];
  return [place, head, ...fitting, ...idle].join("\n");
}

/** What MLflow calls `live` or `superseded` is told by the moves themselves. */
function resultOf({ kind, moved, result, tests }: HistoryEntry): string {
  if (kind === "resume" || kind === "destroy") {
    return "";
  }
  return [moved && result !== "failed" ? "" : result, tests ? shownTests(tests) : ""]
    .filter(Boolean)
    .join(", ");
}

/** Of a failure its first line: the rest is in MLflow. */
function whyOf({ moved, result, message, note }: HistoryEntry): string {
  const [failure = ""] = message.split("\n");
  return ((!moved && result === "failed" && failure) || note).replace(/\s+/g, " ").trim();
}
