/** The registry's tables: `<table>`, one row an app and environment, and `<table>_moves`, every move there ever was. */
import {
  quoteName,
  quoteParts,
  splitName,
  text,
  bigint,
  type Parameter,
  type Row,
  type Warehouse,
} from "../../databricks/sql";
import { despiteConflicts } from "./conflicts";

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
      app STRING, env STRING, githash STRING, release_path STRING, deployment_id STRING, move_id STRING,
      version BIGINT, deployed_at TIMESTAMP, deployed_by STRING, previous_githash STRING, note STRING, hold STRING
    ) USING DELTA COMMENT 'notebook-releases: which release is live in which environment' ${PROPERTIES}`,
  );
  await create(
    `CREATE TABLE IF NOT EXISTS ${movesTable(table)} (
      app STRING, env STRING, move_id STRING, version BIGINT, kind STRING, from_githash STRING, githash STRING,
      release_path STRING, deployment_id STRING, moved_at TIMESTAMP, moved_by STRING, note STRING
    ) USING DELTA COMMENT 'notebook-releases: every move of the registry, append-only' ${PROPERTIES}`,
  );
}

const WHERE_KEY = "app = :app AND env = :env";

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
): Promise<RegistryEntry | undefined> {
  const statement = `SELECT * FROM ${quoteName(table)} WHERE ${WHERE_KEY}`;
  const rows = await orNone(warehouse.select(statement, keyOf(key)));
  if (rows.length > 1) {
    throw new Error(
      `The registry ${table} has ${rows.length} rows for app "${key.app}", env "${key.env}". Exactly one is allowed; delete the wrong ones.`,
    );
  }
  return rows[0] && entry(rows[0]);
}

/** What the registry says of the releases under one root: rows as they are, and moves as they were. */
export interface RegistryView {
  readonly rows: readonly { app: string; env: string; releasePath: string }[];
  /** Those of the app, and of every other app that had a release under the root. `movedAt`: epoch ms. */
  readonly moves: readonly {
    app: string;
    env: string;
    kind: string;
    releasePath: string;
    movedAt: number;
    version: number;
  }[];
}

/**
 * All rows, and the moves that tell of a root's releases, in one statement: so they are of one moment, nearly.
 * @throws SqlError, also where there is no table: who deletes by it must not take that for an empty registry.
 */
export async function readView(
  warehouse: Warehouse,
  table: string,
  { app, root }: { readonly app: string; readonly root: string },
  timeoutMs?: number,
): Promise<RegistryView> {
  const statement = `SELECT 'row' AS kind, app, env, release_path, version, 0L AS moved_at FROM ${quoteName(table)}
     UNION ALL SELECT kind, app, env, release_path, version, unix_millis(moved_at) FROM ${movesTable(table)}
     WHERE app = :app OR app IN (SELECT app FROM ${movesTable(table)} WHERE instr(release_path, :root) > 0)`;
  const parameters = [text("app", app), text("root", `${root}/`)];
  const lines = await warehouse.query(statement, { parameters, repeatable: true, timeoutMs });
  const read = lines.map((line) => ({
    app: line.app ?? "",
    env: line.env ?? "",
    kind: line.kind ?? "",
    releasePath: line.release_path ?? "",
    movedAt: Number(line.moved_at ?? NaN),
    version: Number(line.version),
  }));
  const odd = read.find(({ movedAt }) => !Number.isFinite(movedAt));
  if (odd) {
    throw new Error(
      `The registry's history ${table}_moves has a line of ${odd.app}/${odd.env} without a time.`,
    );
  }
  return {
    rows: read.filter(({ kind }) => kind === "row"),
    moves: read.filter(({ kind }) => kind !== "row"),
  };
}

/** Whether the last thing that happened to this environment is that its stack was destroyed. */
export async function wasDestroyed(
  warehouse: Warehouse,
  table: string,
  key: Pick<RowKey, "app" | "env">,
): Promise<boolean> {
  const statement = `SELECT kind FROM ${movesTable(table)} WHERE ${WHERE_KEY} ORDER BY moved_at DESC, version DESC LIMIT 1`;
  return (await orNone(warehouse.select(statement, keyOf(key))))[0]?.kind === "destroy";
}

/** A move as it is written: the new row, and the version that it expects to find. */
export interface Move extends RowKey {
  readonly moveId: string;
  readonly kind: "deploy" | "destroy";
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

function moveParameters(move: Move): Parameter[] {
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

/** One compare-and-swap. Whether it won is told by reading the row (`applyMove`), not by the answer. */
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
  await warehouse.query(
    `UPDATE ${table} SET githash = :githash, release_path = :release_path, deployment_id = :deployment_id,
       move_id = :move_id, version = :version, deployed_at = :deployed_at, deployed_by = :deployed_by,
       previous_githash = :previous_githash, note = :note
     WHERE ${WHERE_KEY} AND version = :expected`,
    { parameters: [...parameters, bigint("expected", move.expected)] },
  );
}

/** Removes the row if it is still the one with this move's expected version. */
export async function removeRow(warehouse: Warehouse, move: Move): Promise<void> {
  const statement = `DELETE FROM ${quoteName(move.table)} WHERE ${WHERE_KEY} AND version = :expected`;
  const parameters = [...keyOf(move), bigint("expected", move.expected)];
  await despiteConflicts(() => warehouse.query(statement, { parameters, repeatable: true }));
}

/** Adds the move to the history, once, however often it is called. */
export async function recordMove(warehouse: Warehouse, move: Move): Promise<void> {
  const parameters = [...moveParameters(move), text("kind", move.kind)];
  const statement = `MERGE INTO ${movesTable(move.table)} AS m USING (SELECT :move_id AS move_id) AS n ON m.move_id = n.move_id
     WHEN NOT MATCHED THEN INSERT (app, env, move_id, version, kind, from_githash, githash, release_path, deployment_id,
       moved_at, moved_by, note)
     VALUES (:app, :env, n.move_id, :version, :kind, :previous_githash, :githash, :release_path, :deployment_id,
       :deployed_at, :deployed_by, :note)`;
  await despiteConflicts(() => warehouse.query(statement, { parameters, repeatable: true }));
}

/**
 * Adds the move that wrote this row to the history, where it is missing: who wrote the row may have been killed since,
 * or have lost the answer. Done before the row is overwritten, so that the history misses none.
 */
export async function recordRow(warehouse: Warehouse, key: RowKey, row: RegistryEntry): Promise<void> {
  if (row.moveId && !(await hasMove(warehouse, key.table, row.moveId))) {
    const { table, app, env } = key;
    await recordMove(warehouse, { ...row, table, app, env, kind: "deploy", expected: row.version - 1 });
  }
}

/** Whether the history holds this move: somebody else may have moved on since it was done. */
export async function hasMove(warehouse: Warehouse, table: string, moveId: string): Promise<boolean> {
  const statement = `SELECT move_id FROM ${movesTable(table)} WHERE move_id = :id`;
  return (await orNone(warehouse.select(statement, [text("id", moveId)]))).length > 0;
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

async function orNone(rows: Promise<Row[]>): Promise<Row[]> {
  try {
    return await rows;
  } catch (error) {
    if (error instanceof Error && "tableMissing" in error && error.tableMissing) {
      return [];
    }
    throw error;
  }
}
