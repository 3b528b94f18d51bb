/** The registry's tables: `<table>`, one row an app and environment, and `<table>_moves`, every move there ever was. */
import {
  quoteName,
  quoteParts,
  splitName,
  text,
  bigint,
  type Parameter,
  type Row,
  type StatementOptions,
  type Warehouse,
} from "../../databricks/sql";
import { despiteConflicts } from "./conflicts";
import { holdOf } from "./hold";

export interface RowKey {
  /** `catalog.schema.table`, or `schema.table` in the Hive metastore. */
  table: string;
  app: string;
  env: string;
}

export interface RegistryEntry {
  readonly githash: string;
  readonly releasePath: string;
  readonly deploymentId: string;
  readonly moveId: string;
  readonly version: number;
  readonly deployedAt: string;
  readonly deployedBy: string;
  readonly previousGithash: string;
  readonly note: string;
  /** Why the environment is on hold; empty where it is not. */
  readonly hold: string;
}

export function movesTable(table: string): string {
  const parts = splitName(table);
  return quoteParts([...parts.slice(0, -1), `${parts.at(-1)}_moves`]);
}

/** The columns of `<table>`, as SQL. */
export const ROW_COLUMNS = `app STRING, env STRING, githash STRING, release_path STRING, deployment_id STRING, move_id STRING,
      version BIGINT, deployed_at TIMESTAMP, deployed_by STRING, previous_githash STRING, note STRING, hold STRING`;
/** The columns of `<table>_moves`. */
export const MOVE_COLUMNS = `app STRING, env STRING, move_id STRING, version BIGINT, kind STRING, from_githash STRING, githash STRING,
      release_path STRING, deployment_id STRING, moved_at TIMESTAMP, moved_by STRING, note STRING`;

/** Serializable, because under Delta's default two first inserts at once may both succeed. */
const PROPERTIES =
  "TBLPROPERTIES ('delta.isolationLevel' = 'Serializable', 'delta.enableDeletionVectors' = 'false')";

/** Creates schema and tables where they are absent; what exists is never altered. */
export async function createTables(warehouse: Warehouse, table: string): Promise<void> {
  const schema = quoteParts(splitName(table).slice(0, -1));
  // Two first deployments at once both get here.
  const create = (statement: string) =>
    despiteConflicts(() => warehouse.query(statement, { repeatable: true }));
  await create(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await create(
    `CREATE TABLE IF NOT EXISTS ${quoteName(table)} (
      ${ROW_COLUMNS}
    ) USING DELTA COMMENT 'notebook-releases: which release is live in which environment' ${PROPERTIES}`,
  );
  await create(
    `CREATE TABLE IF NOT EXISTS ${movesTable(table)} (
      ${MOVE_COLUMNS}
    ) USING DELTA COMMENT 'notebook-releases: every move of the registry, append-only' ${PROPERTIES}`,
  );
}

export const WHERE_KEY = "app = :app AND env = :env";

export function keyOf({ app, env }: Pick<RowKey, "app" | "env">): Parameter[] {
  return [text("app", app), text("env", env)];
}

/**
 * The environment's row; undefined where there is none, or no table yet.
 * @throws Error if there is more than one: the table is not what it must be, and nothing may be concluded from it.
 */
export async function readRow(
  warehouse: Warehouse,
  table: string,
  key: Pick<RowKey, "app" | "env">,
  options: Pick<StatementOptions, "onWait" | "timeoutMs"> = {},
): Promise<RegistryEntry | undefined> {
  const statement = `SELECT * FROM ${quoteName(table)} WHERE ${WHERE_KEY}`;
  const rows = await orNone(warehouse.select(statement, keyOf(key), options));
  if (rows.length > 1) {
    throw new Error(
      `The registry ${table} has ${rows.length} rows for app "${key.app}", env "${key.env}". Exactly one is allowed; delete the wrong ones.`,
    );
  }
  return rows[0] && entry(rows[0]);
}

/**
 * What a line of the history tells of. A `resume` moves nothing: it takes the hold from the row that a `rollback` wrote,
 * so its line has that row's version and releases.
 */
export type MoveKind = "deploy" | "rollback" | "resume" | "destroy";

/** A move as it is written: the new row, and the version that it expects to find. */
export interface Move extends RowKey {
  readonly moveId: string;
  readonly kind: MoveKind;
  /** The row's version that this stack wrote or saw last; 0: there is no row. */
  readonly expected: number;
  readonly githash: string;
  readonly releasePath: string;
  readonly deploymentId: string;
  readonly deployedAt: string;
  readonly deployedBy: string;
  readonly previousGithash: string;
  readonly note: string;
}

export function moveParameters(move: Move): Parameter[] {
  return [
    ...keyOf(move),
    text("githash", move.githash),
    text("release_path", move.releasePath),
    text("deployment_id", move.deploymentId),
    text("move_id", move.moveId),
    bigint("version", move.expected + 1),
    { name: "deployed_at", value: move.deployedAt, type: "TIMESTAMP" },
    text("deployed_by", move.deployedBy),
    text("previous_githash", move.previousGithash),
    text("note", move.note),
  ];
}

/**
 * One compare-and-swap. Whether it won is told by reading the row (`applyMove`), not by the answer. A rollback puts the
 * row on hold; a row on hold takes no other move, unless the same commit stays live.
 */
export async function swap(warehouse: Warehouse, move: Move): Promise<void> {
  const table = quoteName(move.table);
  const parameters = moveParameters(move);
  if (move.expected === 0) {
    await warehouse.query(
      `MERGE INTO ${table} AS r USING (SELECT :app AS app, :env AS env) AS n ON r.app = n.app AND r.env = n.env
       WHEN NOT MATCHED THEN INSERT (app, env, githash, release_path, deployment_id, move_id, version, deployed_at,
         deployed_by, previous_githash, note, hold)
       VALUES (n.app, n.env, :githash, :release_path, :deployment_id, :move_id, :version, :deployed_at,
         :deployed_by, :previous_githash, :note, NULL)`,
      { parameters },
    );
    return;
  }
  const isRollback = move.kind === "rollback";
  await warehouse.query(
    `UPDATE ${table} SET githash = :githash, release_path = :release_path, deployment_id = :deployment_id,
       move_id = :move_id, version = :version, deployed_at = :deployed_at, deployed_by = :deployed_by,
       previous_githash = :previous_githash, note = :note${isRollback ? ", hold = :hold" : ""}
     WHERE ${WHERE_KEY} AND version = :expected
       ${isRollback ? "" : "AND (hold IS NULL OR hold = '' OR githash = :githash)"}`,
    {
      parameters: [
        ...parameters,
        bigint("expected", move.expected),
        ...(isRollback ? [text("hold", holdOf(move))] : []),
      ],
    },
  );
}

/** Removes the row if it is still the one with this move's expected version. */
export async function removeRow(warehouse: Warehouse, move: Move): Promise<void> {
  const statement = `DELETE FROM ${quoteName(move.table)} WHERE ${WHERE_KEY} AND version = :expected`;
  const parameters = [...keyOf(move), bigint("expected", move.expected)];
  await despiteConflicts(() => warehouse.query(statement, { parameters, repeatable: true }));
}

/** Takes the hold from the row, if it is still the row of this move. What is live stays, and so do version and move. */
export async function clearHold(warehouse: Warehouse, key: RowKey, row: RegistryEntry): Promise<void> {
  await warehouse.query(
    `UPDATE ${quoteName(key.table)} SET hold = NULL WHERE ${WHERE_KEY} AND version = :expected AND move_id = :move_id`,
    { parameters: [...keyOf(key), bigint("expected", row.version), text("move_id", row.moveId)] },
  );
}

function entry(row: Row): RegistryEntry {
  return {
    githash: row.githash ?? "",
    releasePath: row.release_path ?? "",
    deploymentId: row.deployment_id ?? "",
    moveId: row.move_id ?? "",
    version: Number(row.version),
    deployedAt: row.deployed_at ?? "",
    deployedBy: row.deployed_by ?? "",
    previousGithash: row.previous_githash ?? "",
    note: row.note ?? "",
    hold: row.hold ?? "",
  };
}

/** A query's rows; none where there is no table. */
export async function orNone(rows: Promise<Row[]>): Promise<Row[]> {
  try {
    return await rows;
  } catch (error) {
    if (error instanceof Error && "tableMissing" in error && error.tableMissing) {
      return [];
    }
    throw error;
  }
}
