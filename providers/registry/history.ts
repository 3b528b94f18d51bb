/** What became of an environment, move by move; also of the one whose line is missing because its writer was killed. */
import { quoteName, type Row, type Warehouse } from "../../databricks/sql";
import { keyOf, movesTable, orNone, WHERE_KEY, type RowKey } from "./table";

/** A move as it was done. */
export interface PastMove {
  readonly moveId: string;
  /** Of the row that it wrote; counts from 1 again after a `destroy`. */
  readonly version: number;
  /** `deploy`, `rollback`, `resume` (moved nothing, took the hold of the rollback with the same version), `destroy`. */
  readonly kind: string;
  /** Empty where nothing was live; of a `resume` what was and is live. */
  readonly fromGithash: string;
  /** What is live since; empty after a `destroy`. */
  readonly githash: string;
  readonly releasePath: string;
  /** Of the deployment: its MLflow run's id. */
  readonly deploymentId: string;
  /** ISO 8601, UTC, by the clock of who moved; empty for a `resume` of which only the row tells. */
  readonly movedAt: string;
  readonly movedBy: string;
  readonly note: string;
  /** False: only the row tells of it; its line is still to be written (`recordRow`, before the next move). */
  readonly recorded: boolean;
}

export interface ReadMovesOptions {
  /** Moves at most. @default all */
  readonly limit?: number;
  /** Limit of the statement in ms, a stopped warehouse's start included. @default 15 minutes */
  readonly timeoutMs?: number;
  /** As of `Warehouse.query`. */
  readonly onWait?: (line: string) => void;
}

const COLUMNS =
  "move_id, version, kind, from_githash, githash, release_path, deployment_id, unix_millis(moved_at) AS moved_at, moved_by, note";

/** Of a row; without it, a rollback's hold was taken from it. */
const HELD = "coalesce(hold, '') <> ''";

/**
 * The moves of one environment, newest first; none where there is no table yet. One statement, so that row and lines
 * are of one moment, nearly.
 * @throws SqlError, ApiError, ConnectionError
 */
export async function readMoves(
  warehouse: Warehouse,
  table: string,
  key: Pick<RowKey, "app" | "env">,
  { limit, ...options }: ReadMovesOptions = {},
): Promise<PastMove[]> {
  const lines = `SELECT move_id FROM ${movesTable(table)} WHERE ${WHERE_KEY} AND move_id IS NOT NULL`;
  const newest =
    limit === undefined ? "" : `ORDER BY m.moved_at DESC, m.version DESC LIMIT ${Math.trunc(limit)}`;
  const statement = `SELECT ${COLUMNS}, true AS recorded FROM
       (SELECT * FROM ${movesTable(table)} AS m WHERE ${WHERE_KEY} ${newest}) AS lines
     UNION ALL
     SELECT move_id, version, CASE WHEN ${HELD} AND githash <> previous_githash THEN 'rollback' ELSE 'deploy' END,
       previous_githash, githash, release_path, deployment_id, unix_millis(deployed_at), deployed_by, note, false
     FROM ${quoteName(table)} WHERE ${WHERE_KEY} AND move_id NOT IN (${lines})
     UNION ALL
     SELECT concat(move_id, '/resume'), version, 'resume', githash, githash, release_path, deployment_id, NULL, '', '', false
     FROM ${quoteName(table)} WHERE ${WHERE_KEY} AND NOT (${HELD})
       AND move_id IN (${lines} AND kind = 'rollback') AND concat(move_id, '/resume') NOT IN (${lines})`;
  const rows = await orNone(
    warehouse.query(statement, { ...options, parameters: keyOf(key), repeatable: true }),
  );
  return inOrder(rows.map(pastMove)).slice(0, limit);
}

/**
 * Newest first. Times are of the movers' clocks, which need not agree; from one `destroy` to the next, versions tell
 * the order beyond doubt.
 */
export function inOrder(moves: readonly PastMove[]): PastMove[] {
  const byTime = [...moves].sort((a, b) => compare(timeOf(b), timeOf(a)) || byVersion(a, b));
  const lives: PastMove[][] = [[]];
  for (const move of byTime) {
    if (move.kind === "destroy") {
      lives.push([]);
    }
    lives.at(-1)?.push(move);
  }
  return lives.flatMap((life) => life.sort(byVersion));
}

/** A `resume` comes after the rollback whose version it has. */
function byVersion(a: PastMove, b: PastMove): number {
  return b.version - a.version || Number(b.kind === "resume") - Number(a.kind === "resume");
}

/** What has no time is of the row as it is now. */
function timeOf({ movedAt }: PastMove): string {
  return movedAt || "9999";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function pastMove(row: Row): PastMove {
  const millis = Number(row.moved_at ?? NaN);
  return {
    moveId: row.move_id ?? "",
    version: Number(row.version),
    kind: row.kind ?? "",
    fromGithash: row.from_githash ?? "",
    githash: row.githash ?? "",
    releasePath: row.release_path ?? "",
    deploymentId: row.deployment_id ?? "",
    movedAt: Number.isFinite(millis) ? new Date(millis).toISOString() : "",
    movedBy: row.moved_by ?? "",
    note: row.note ?? "",
    recorded: row.recorded === "true",
  };
}
