/** The lines of `<table>_moves`: each is written once, however often it is tried, and whoever finds one missing adds it. */
import { text, type Row, type Warehouse } from "../../databricks/sql";
import { despiteConflicts } from "./conflicts";
import {
  keyOf,
  moveParameters,
  movesTable,
  orNone,
  WHERE_KEY,
  type Move,
  type MoveKind,
  type RegistryEntry,
  type RowKey,
} from "./table";

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
 * Adds to the history what is missing of this row: the move that wrote it, and that its hold was taken from it. Whoever
 * did that may have been killed since, or have lost the answer. Done before the row is overwritten, so that the history
 * misses none.
 */
export async function recordRow(warehouse: Warehouse, key: RowKey, row: RegistryEntry): Promise<void> {
  if (!row.moveId) {
    return;
  }
  const { table, app, env } = key;
  const known = await linesOf(warehouse, table, row.moveId);
  const move = { ...row, table, app, env, expected: row.version - 1 };
  if (!known.has(row.moveId)) {
    await recordMove(warehouse, { ...move, kind: kindOf(row) });
  } else if (isResumeMissing(known, row)) {
    await recordMove(warehouse, resumeOf(key, row, UNKNOWN_RESUME));
  }
}

/** Whether the row's hold was taken from it by somebody who was killed before the history had a line of it. */
export async function lacksResume(warehouse: Warehouse, table: string, row: RegistryEntry): Promise<boolean> {
  return isResumeMissing(await linesOf(warehouse, table, row.moveId), row);
}

function isResumeMissing(known: ReadonlyMap<string, string>, { moveId, hold }: RegistryEntry): boolean {
  return known.get(moveId) === "rollback" && hold === "" && !known.has(resumeId(moveId));
}

/** Only a rollback goes to another commit and leaves a hold. */
function kindOf({ hold, githash, previousGithash }: RegistryEntry): MoveKind {
  return hold !== "" && githash !== previousGithash ? "rollback" : "deploy";
}

/** A hold is taken from a row once: so its line has an id that follows from the row's move. */
function resumeId(moveId: string): string {
  return `${moveId}/resume`;
}

/** The line of a resume. */
export function resumeOf(
  { table, app, env }: RowKey,
  row: RegistryEntry,
  by: { readonly who: string; readonly note: string },
): Move {
  return {
    ...{ ...row, table, app, env },
    kind: "resume",
    moveId: resumeId(row.moveId),
    expected: row.version - 1,
    previousGithash: row.githash,
    deployedAt: new Date().toISOString(),
    deployedBy: by.who,
    note: by.note,
  };
}

const UNKNOWN = "(unknown)";
const UNKNOWN_RESUME = {
  who: UNKNOWN,
  note: "seen before the next move: whoever resumed left no line, so who and when are not known",
};

/**
 * Adds to the history that an environment's row was removed, where it has no row and the last line does not say so: its
 * `destroy` was killed, or somebody deleted it. Done before a first move, which begins anew at version 1.
 */
export async function recordRemoval(warehouse: Warehouse, { table, app, env }: RowKey): Promise<void> {
  const last = await lastLine(warehouse, table, { app, env });
  if (!last || last.kind === "destroy") {
    return;
  }
  await recordMove(warehouse, {
    ...{ table, app, env, kind: "destroy", moveId: `${last.move_id}/gone`, expected: Number(last.version) },
    ...{ githash: "", releasePath: "", deploymentId: last.deployment_id ?? "" },
    previousGithash: last.githash ?? "",
    deployedAt: new Date().toISOString(),
    deployedBy: UNKNOWN,
    note: "seen before the next move: whoever removed the row left no line, so who and when are not known",
  });
}

/** The kinds of the lines that the history has of a row's move: of the move itself, and of its resume. */
async function linesOf(warehouse: Warehouse, table: string, moveId: string): Promise<Map<string, string>> {
  const statement = `SELECT move_id, kind FROM ${movesTable(table)} WHERE move_id IN (:id, :resume)`;
  const parameters = [text("id", moveId), text("resume", resumeId(moveId))];
  const lines = await orNone(warehouse.select(statement, parameters));
  return new Map(lines.map(({ move_id, kind }) => [move_id ?? "", kind ?? ""]));
}

/** Whether the history holds this move: somebody else may have moved on since it was done. */
export async function hasMove(warehouse: Warehouse, table: string, moveId: string): Promise<boolean> {
  const statement = `SELECT move_id FROM ${movesTable(table)} WHERE move_id = :id`;
  return (await orNone(warehouse.select(statement, [text("id", moveId)]))).length > 0;
}

/** Whether the last thing that happened to this environment is that its stack was destroyed. */
export async function wasDestroyed(
  warehouse: Warehouse,
  table: string,
  key: Pick<RowKey, "app" | "env">,
): Promise<boolean> {
  return (await lastLine(warehouse, table, key))?.kind === "destroy";
}

/** Whether the history knows of nothing that came after this move of the environment. */
export async function isLastMove(
  warehouse: Warehouse,
  table: string,
  key: Pick<RowKey, "app" | "env">,
  moveId: string,
): Promise<boolean> {
  const last = (await lastLine(warehouse, table, key))?.move_id ?? "";
  return last === moveId || last === resumeId(moveId);
}

async function lastLine(
  warehouse: Warehouse,
  table: string,
  key: Pick<RowKey, "app" | "env">,
): Promise<Row | undefined> {
  const statement = `SELECT * FROM ${movesTable(table)} WHERE ${WHERE_KEY} ORDER BY moved_at DESC, version DESC LIMIT 1`;
  return (await orNone(warehouse.select(statement, keyOf(key))))[0];
}
