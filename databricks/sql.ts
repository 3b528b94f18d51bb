/** SQL on a warehouse with typed, bound parameters. API: /api/2.0/sql/statements. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "./client";
import { whileInterruptible } from "./interruption";
import { wake } from "./warehouses";

export type SqlType = "STRING" | "BIGINT" | "INT" | "BOOLEAN" | "TIMESTAMP" | "DOUBLE";
export interface Parameter {
  readonly name: string;
  /** Always text on the wire; null binds NULL. */
  readonly value: string | null;
  readonly type: SqlType;
}
/** Rows by column name; every value is text or null, as the API sends it (`JSON_ARRAY`). */
export type Row = Readonly<Record<string, string | null>>;

export interface StatementOptions {
  readonly parameters?: readonly Parameter[];
  /** Limit in ms, a stopped warehouse's start included. Default: 15 minutes. */
  readonly timeoutMs?: number;
  /**
   * Whether a repeat does no harm, so that a lost connection or a 5xx may be retried: true for a SELECT and for
   * statements that change nothing the second time. Default: false, as the API has no idempotency token.
   */
  readonly repeatable?: boolean;
  /**
   * Called now and then while the statement waits, with a line for people: the statement's state (the warehouse's, while
   * that is the reason) and the seconds so far. Default: the warehouse's own.
   */
  readonly onWait?: (line: string) => void;
}

/** A column of an answer. */
export interface Column {
  readonly name: string;
  /** As in SQL, upper case: `STRING`, `BIGINT`; empty where the server does not say. */
  readonly type: string;
}

export interface WarehouseOptions {
  /** For statements that have none of their own. */
  readonly onWait?: StatementOptions["onWait"];
  /** How long a statement is pending before the warehouse is looked after, in ms. Default: 10,000. */
  readonly patienceMs?: number;
}

interface Statement {
  statement_id: string;
  status: { state: string; error?: { error_code?: string; message?: string } };
  manifest?: { schema?: { columns?: { name: string; type_text?: string }[] }; truncated?: boolean };
  result?: { data_array?: (string | null)[][]; next_chunk_index?: number };
}

/** The statement failed in the engine; `conflict` says whether a repeat may succeed (Delta's commit conflicts). */
export class SqlError extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
    readonly statement: string,
  ) {
    super(`SQL failed (${code}): ${detail}`);
    this.name = "SqlError";
  }

  /** SQLSTATE 2D521 and the DELTA_CONCURRENT_* family: another writer committed first. */
  get conflict(): boolean {
    return /DELTA_CONCURRENT|ConcurrentAppend|ConcurrentModification|2D521|DELTA_METADATA_CHANGED/i.test(
      this.detail,
    );
  }

  get tableMissing(): boolean {
    return /TABLE_OR_VIEW_NOT_FOUND|SCHEMA_NOT_FOUND|42P01|42704/i.test(this.detail);
  }
}

const STATEMENTS = "/api/2.0/sql/statements";
/** How long the API itself waits before it answers with a statement still running: then people are told. */
const SERVER_WAIT = "10s";
const RUNNING = new Set(["PENDING", "RUNNING"]);

/** By default; a serverless warehouse is there by then, another one takes minutes. */
const PATIENCE_MS = 10_000;

interface Waiting extends Pick<StatementOptions, "onWait"> {
  readonly statement: string;
  /** Epoch ms. */
  readonly started: number;
  /** Ms. */
  readonly limit: number;
}

export class Warehouse {
  constructor(
    private readonly client: Client,
    readonly id: string,
    private readonly options: WarehouseOptions = {},
  ) {}

  /**
   * Runs one statement and answers all of its rows. A caller who writes must be able to tell whether its write was
   * done: where the answer is lost, only a `repeatable` statement is sent again. A statement that is waited for is
   * cancelled where the process is interrupted.
   * @throws SqlError, ApiError, ConnectionError
   */
  async query(statement: string, options: StatementOptions = {}): Promise<Row[]> {
    return this.rows(await this.run(statement, options));
  }

  /** The columns of a statement that only reads. */
  async columns(statement: string): Promise<Column[]> {
    const { manifest } = await this.run(statement, { repeatable: true });
    return (manifest?.schema?.columns ?? []).map(({ name, type_text = "" }) => ({
      name,
      type: type_text.toUpperCase(),
    }));
  }

  private async run(statement: string, options: StatementOptions): Promise<Statement> {
    const started = Date.now();
    const limit = options.timeoutMs ?? 15 * 60_000;
    const first = await this.client.call<Statement>("POST", STATEMENTS, {
      body: {
        warehouse_id: this.id,
        statement,
        parameters: options.parameters?.map(({ value, ...rest }) =>
          value === null ? rest : { ...rest, value },
        ),
        wait_timeout: SERVER_WAIT,
        on_wait_timeout: "CONTINUE",
        disposition: "INLINE",
        format: "JSON_ARRAY",
      },
      timeoutMs: 90_000,
      repeatable: options.repeatable,
    });
    const answer = RUNNING.has(first.status.state)
      ? await whileInterruptible(
          () =>
            this.wait(first, { statement, started, limit, onWait: options.onWait ?? this.options.onWait }),
          () => this.cancel(first.statement_id),
        )
      : first;
    if (answer.status.state !== "SUCCEEDED") {
      const { error_code, message } = answer.status.error ?? {};
      throw new SqlError(error_code ?? answer.status.state, message ?? "no reason was given", statement);
    }
    return answer;
  }

  /** Asks until the statement is done. */
  private async wait(first: Statement, { statement, started, limit, onWait }: Waiting): Promise<Statement> {
    let answer = first;
    let wakeAt = started + (this.options.patienceMs ?? PATIENCE_MS);
    let reason = "";
    for (let pause = 200; RUNNING.has(answer.status.state); pause = Math.min(pause * 1.5, 5000)) {
      if (Date.now() - started > limit) {
        await this.cancel(answer.statement_id);
        throw new SqlError(
          "TIMEOUT",
          `not done after ${Math.round(limit / 1000)} s; it was cancelled`,
          statement,
        );
      }
      if (answer.status.state === "PENDING" && Date.now() >= wakeAt) {
        wakeAt = Date.now() + (this.options.patienceMs ?? PATIENCE_MS);
        reason = await wake(this.client, this.id);
      }
      const state = (answer.status.state === "PENDING" && reason) || answer.status.state;
      const seconds = Math.round((Date.now() - started) / 1000);
      onWait?.(`waiting for the SQL warehouse ${this.id}: ${state.toLowerCase()} for ${seconds} s`);
      await sleep(pause);
      answer = await this.client.call<Statement>("GET", `${STATEMENTS}/${answer.statement_id}`);
    }
    return answer;
  }

  /** As `query`, for statements that only read. */
  async select(
    statement: string,
    parameters: readonly Parameter[],
    options: Pick<StatementOptions, "onWait" | "timeoutMs"> = {},
  ): Promise<Row[]> {
    return this.query(statement, { ...options, parameters, repeatable: true });
  }

  private async rows(answer: Statement): Promise<Row[]> {
    const names = answer.manifest?.schema?.columns?.map((column) => column.name) ?? [];
    const data = [...(answer.result?.data_array ?? [])];
    let next = answer.result?.next_chunk_index;
    while (typeof next === "number") {
      const path = `${STATEMENTS}/${answer.statement_id}/result/chunks/${next}`;
      const chunk: Statement["result"] = await this.client.call("GET", path);
      data.push(...(chunk?.data_array ?? []));
      next = chunk?.next_chunk_index;
    }
    return data.map((values) =>
      Object.fromEntries(names.map((name, index) => [name, values[index] ?? null])),
    );
  }

  private async cancel(statementId: string): Promise<void> {
    await this.client
      .call("POST", `${STATEMENTS}/${statementId}/cancel`, { repeatable: true })
      .catch(() => undefined);
  }
}

/** `main.deployments.registry` as `` `main`.`deployments`.`registry` ``, safe to stand in a statement. */
export function quoteName(name: string): string {
  return quoteParts(splitName(name));
}

/** The parts of a name, each in backticks, joined by dots. */
export function quoteParts(parts: readonly string[]): string {
  return parts.map((part) => "`" + part.replaceAll("`", "``") + "`").join(".");
}

/**
 * The parts of a table's name; a part may itself be quoted with backticks.
 * @throws Error unless it has two parts (`schema.table`) or three (`catalog.schema.table`).
 */
export function splitName(name: string): string[] {
  const parts: string[] = [];
  const part = /(?:`((?:[^`]|``)+)`|([^.`\s]+))(\.|$)/y;
  for (let more = true; more;) {
    const match = part.exec(name);
    if (!match) {
      parts.length = 0;
      break;
    }
    parts.push((match[1] ?? match[2] ?? "").replaceAll("``", "`"));
    more = match[3] === ".";
  }
  if (parts.length !== 2 && parts.length !== 3) {
    throw new Error(`"${name}" is not a table's name. Expected catalog.schema.table, or schema.table.`);
  }
  return parts;
}

export const text = (name: string, value: string | null): Parameter => ({ name, value, type: "STRING" });
export const bigint = (name: string, value: number): Parameter => ({
  name,
  value: String(value),
  type: "BIGINT",
});
