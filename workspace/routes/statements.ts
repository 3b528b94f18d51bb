/** The Statement Execution API, `/api/2.0/sql/statements`. https://docs.databricks.com/api/workspace/statementexecution */
import { optionalString, readJson, requiredString, type Json } from "../body";
import type { App, RouteContext, Workspace } from "../context";
import { startSpark } from "../engines/spark";
import { SqlEngine, type SqlParameter, type SqlRequest } from "../engines/sql";
import { Statement } from "../engines/statement";
import { ApiError } from "../errors";
import { firstWarehouse, useWarehouse } from "./warehouses";

const API = "/api/2.0/sql/statements";
/** Statements that can be asked for; Databricks keeps them an hour after their end. */
const KEPT = 1000;
/** Of these, the ones whose results are kept too; older ones become CLOSED. */
const KEPT_WITH_RESULT = 100;

export function statementsRoutes(app: App, workspace: Workspace): void {
  const statements = new Map<string, Statement>();

  app.post(API, async (c) => {
    const body = await readJson(c);
    const user = c.get("identity").userName;
    const { request, byteLimit, waitMs, cancelLate } = readRequest(body, user);
    useWarehouse(workspace, requiredString(body, "warehouse_id"));
    const statement = new Statement(workspace, user, request, byteLimit);
    remember(statements, statement);
    const inTime = await within(statement.done, waitMs);
    if (!inTime && cancelLate) statement.cancel();
    return c.json(view(statement));
  });

  app.get(`${API}/:id`, (c) => c.json(view(find(statements, c))));

  app.post(`${API}/:id/cancel`, (c) => {
    find(statements, c).cancel();
    return c.json({});
  });

  app.get(`${API}/:id/result/chunks/:index`, (c) => {
    const statement = find(statements, c);
    const index = c.req.param("index");
    if (!/^\d+$/.test(index) || Number(index) >= statement.chunks.length) {
      throw new ApiError(
        "RESOURCE_DOES_NOT_EXIST",
        `Statement ${statement.id} has no chunk ${index}: it is ${statement.state} with ${statement.chunks.length} chunks.`,
      );
    }
    return c.json(viewChunk(statement, Number(index)));
  });
}

/** Starts Spark and SQL with the server, and announces the warehouse. */
export async function sqlEngine(workspace: Workspace): Promise<void> {
  const spark = startSpark(workspace.settings, workspace.log);
  const sql = new SqlEngine(workspace.settings, workspace.log, () => spark.ready());
  workspace.onStop("Spark", () => spark.stop());
  workspace.onStop("SQL", () => sql.stop());
  workspace.spark = () => spark.ready();
  workspace.sql = () => sql.ready();
  workspace.announcement.warehouse_id = firstWarehouse(workspace.store).id;
  await sql.ready();
}

function readRequest(body: Json, user: string) {
  const wait = optionalString(body, "wait_timeout") ?? "10s";
  const seconds = Number(/^(\d+)s$/.exec(wait)?.[1] ?? Number.NaN);
  if (!(seconds === 0 || (seconds >= 5 && seconds <= 50))) {
    throw invalid(`The wait_timeout must be 0s, or from 5s to 50s. Got ${wait}.`);
  }
  const late = oneOf(body, "on_wait_timeout", ["CONTINUE", "CANCEL"]);
  if (seconds === 0 && late === "CANCEL")
    throw invalid("on_wait_timeout cannot be CANCEL where wait_timeout is 0s.");
  oneOf(body, "disposition", ["INLINE"], "EXTERNAL_LINKS");
  oneOf(body, "format", ["JSON_ARRAY"], "ARROW_STREAM and CSV");
  const request: SqlRequest = {
    statement: requiredString(body, "statement"),
    parameters: readParameters(body.parameters),
    catalog: optionalString(body, "catalog"),
    schema: optionalString(body, "schema"),
    user,
    rowLimit: positive(body, "row_limit"),
  };
  return {
    request,
    byteLimit: positive(body, "byte_limit"),
    waitMs: seconds * 1000,
    cancelLate: late === "CANCEL",
  };
}

function readParameters(given: unknown): SqlParameter[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given))
    throw new ApiError("MALFORMED_REQUEST", "Could not parse request object: parameters must be a list");
  const names = new Set<string>();
  return given.map((each: Json) => {
    const name = requiredString(each, "name");
    if (names.has(name)) throw invalid(`The parameter ${name} is given twice.`);
    names.add(name);
    const { value = null } = each;
    if (value !== null && typeof value !== "string") {
      throw new ApiError(
        "MALFORMED_REQUEST",
        `Could not parse request object: the value of the parameter ${name} must be a string`,
      );
    }
    return { name, value, type: optionalString(each, "type") };
  });
}

function oneOf(body: Json, field: string, allowed: readonly string[], lacking?: string): string | undefined {
  const value = optionalString(body, field) ?? allowed[0];
  if (value !== undefined && allowed.includes(value)) return value;
  const hint = lacking === undefined ? "" : ` The local workspace lacks ${lacking}.`;
  throw invalid(`${field} must be ${allowed.join(" or ")}. Got ${value}.${hint}`);
}

function positive(body: Json, field: string): number | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  // 64-bit numbers may come as text.
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1)
    throw invalid(`${field} must be a number from 1. Got ${JSON.stringify(value)}.`);
  return number;
}

const invalid = (message: string): ApiError => new ApiError("INVALID_PARAMETER_VALUE", message);

function find(statements: Map<string, Statement>, c: RouteContext): Statement {
  const id = c.req.param("id") ?? "";
  const statement = statements.get(id);
  if (statement === undefined || statement.owner !== c.get("identity").userName) {
    throw new ApiError(
      "RESOURCE_DOES_NOT_EXIST",
      `The statement ${id} was not found, or its result is no longer kept.`,
    );
  }
  return statement;
}

function remember(statements: Map<string, Statement>, statement: Statement): void {
  statements.set(statement.id, statement);
  let index = statements.size;
  for (const [id, each] of statements) {
    if (index > KEPT && each.ended) statements.delete(id);
    else if (index > KEPT_WITH_RESULT) each.close();
    else break;
    index--;
  }
}

async function within(done: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  const inTime = await Promise.race([done.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}

function view(statement: Statement) {
  const { id, state, error, sqlState, columns, chunks, truncated } = statement;
  const status = { state, error, sql_state: sqlState };
  if (state !== "SUCCEEDED") return { statement_id: id, status };
  const manifest = {
    format: "JSON_ARRAY",
    schema: { column_count: columns.length, columns },
    total_chunk_count: chunks.length,
    chunks: chunks.map(({ rowOffset, rows, bytes }, index) => ({
      chunk_index: index,
      row_offset: rowOffset,
      row_count: rows.length,
      byte_count: bytes,
    })),
    total_row_count: chunks.reduce((sum, { rows }) => sum + rows.length, 0),
    total_byte_count: chunks.reduce((sum, { bytes }) => sum + bytes, 0),
    truncated,
  };
  const result = chunks.length > 0 ? viewChunk(statement, 0) : columns.length > 0 ? { data_array: [] } : {};
  return { statement_id: id, status, manifest, result };
}

function viewChunk({ id, chunks }: Statement, index: number) {
  const { rowOffset, rows } = chunks[index]!;
  const next = index + 1 < chunks.length ? index + 1 : undefined;
  return {
    chunk_index: index,
    row_offset: rowOffset,
    row_count: rows.length,
    data_array: rows,
    next_chunk_index: next,
    next_chunk_internal_link:
      next === undefined
        ? undefined
        : `${API}/${id}/result/chunks/${next}?row_offset=${rowOffset + rows.length}`,
  };
}
