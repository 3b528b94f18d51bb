/** What the registry says of a release root: which releases are needed there, and since when others are not. */
import { quoteName, text, type Warehouse } from "../../databricks/sql";
import { movesTable } from "./table";

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
