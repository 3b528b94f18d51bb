/** One statement's life, from PENDING to an end state, and its result cut into chunks. */
import { randomUUID } from "node:crypto";
import type { Workspace } from "../context";
import { SqlFailure, type SqlRequest, type SqlResult } from "./sql";

export type StatementState = "PENDING" | "RUNNING" | "SUCCEEDED" | "FAILED" | "CANCELED" | "CLOSED";

export interface Chunk {
  readonly rowOffset: number;
  readonly rows: SqlResult["rows"];
  readonly bytes: number;
}

/** Databricks' limit of an INLINE result; past it, the statement fails. */
const INLINE_BYTES = 25 * 1024 * 1024;
/** Size of a chunk; Databricks does not document one. */
const CHUNK_BYTES = 1024 * 1024;

export class Statement {
  readonly id = randomUUID();
  readonly done: Promise<void>;
  state: StatementState = "PENDING";
  error: { readonly error_code: string; readonly message: string } | undefined;
  sqlState: string | undefined;
  columns: SqlResult["columns"] = [];
  chunks: readonly Chunk[] = [];
  truncated = false;
  private readonly abort = new AbortController();

  constructor(
    workspace: Workspace,
    /** User name of whoever sent it; nobody else may look at it. */
    readonly owner: string,
    request: SqlRequest,
    byteLimit: number | undefined,
  ) {
    this.done = this.run(workspace, request, byteLimit);
  }

  get ended(): boolean {
    return this.state !== "PENDING" && this.state !== "RUNNING";
  }

  /** Ends it as CANCELED, unless it has ended; what it has committed stays. */
  cancel(): void {
    if (this.ended) return;
    this.state = "CANCELED";
    this.abort.abort();
  }

  /** Lets go of the result; the statement stays known. */
  close(): void {
    if (this.state !== "SUCCEEDED") return;
    this.state = "CLOSED";
    this.chunks = [];
  }

  private async run(workspace: Workspace, request: SqlRequest, byteLimit: number | undefined): Promise<void> {
    try {
      if (!workspace.sql)
        throw new Error("This local workspace was started without its engines, so it has no SQL.");
      const service = await workspace.sql();
      const onRunning = (): void => {
        if (!this.ended) this.state = "RUNNING";
      };
      const result = await service.execute({ ...request, signal: this.abort.signal, onRunning });
      if (this.ended) return;
      const { chunks, cut } = cutChunks(result.rows, byteLimit);
      this.columns = result.columns;
      this.chunks = chunks;
      this.truncated = result.truncated || cut;
      this.state = "SUCCEEDED";
    } catch (error) {
      if (this.ended) return;
      const failure = error instanceof SqlFailure ? error : undefined;
      this.error = {
        error_code: failure && failure.condition !== "INTERNAL_ERROR" ? "BAD_REQUEST" : "INTERNAL_ERROR",
        message: (error as Error).message,
      };
      this.sqlState = failure?.sqlstate;
      this.state = "FAILED";
    }
  }
}

/** Throws `SqlFailure` for a result over the INLINE limit, unless the request has a limit of its own (`byte_limit`). */
function cutChunks(
  rows: SqlResult["rows"],
  byteLimit: number | undefined,
): { chunks: Chunk[]; cut: boolean } {
  const chunks: { rowOffset: number; rows: (readonly (string | null)[])[]; bytes: number }[] = [];
  let total = 0;
  for (const [index, row] of rows.entries()) {
    const bytes = row.reduce(
      (sum, value) => sum + (value === null ? 4 : Buffer.byteLength(value) + 2) + 1,
      1,
    );
    total += bytes;
    if (byteLimit !== undefined && total > byteLimit) return { chunks, cut: true };
    if (total > INLINE_BYTES) {
      throw new SqlFailure(
        `Inline byte limit exceeded. Statements executed with disposition=INLINE can have a result size of at most ` +
          `${INLINE_BYTES} bytes. Set row_limit or byte_limit, or select less.`,
        "INLINE_BYTE_LIMIT_EXCEEDED",
        "54000",
      );
    }
    const last = chunks.at(-1);
    if (last === undefined || last.bytes + bytes > CHUNK_BYTES)
      chunks.push({ rowOffset: index, rows: [row], bytes });
    else {
      last.rows.push(row);
      last.bytes += bytes;
    }
  }
  return { chunks, cut: false };
}
