/** SQL and Python against the shared local workspace. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { PYTHON_PATH } from "../../workspace/engines/processes";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";

const execute = promisify(execFile);

export interface Parameter {
  readonly name: string;
  readonly value?: string | null;
  readonly type?: string;
}

export type Rows = (string | null)[][];

export class Sql {
  private constructor(readonly workspace: LocalWorkspace) {}

  static async connect(): Promise<Sql> {
    return new Sql(await sharedWorkspace());
  }

  /** Sends a statement and returns the API's answer, whatever the statement's state. */
  send(statement: string, parameters: Parameter[] = [], more: object = {}): Promise<any> {
    const body = {
      warehouse_id: this.workspace.warehouse_id,
      statement,
      parameters,
      wait_timeout: "50s",
      ...more,
    };
    return this.workspace.ok("POST", "/api/2.0/sql/statements", body);
  }

  /** Rows of a statement that must succeed. */
  async rows(statement: string, parameters: Parameter[] = [], more: object = {}): Promise<Rows> {
    const answer = await this.send(statement, parameters, more);
    assert.equal(answer.status.state, "SUCCEEDED", `${statement}: ${JSON.stringify(answer.status)}`);
    return answer.result.data_array ?? [];
  }

  /** Rows as objects by column name. */
  async records(statement: string, parameters: Parameter[] = []): Promise<Record<string, string | null>[]> {
    const { status, manifest, result } = await this.send(statement, parameters);
    assert.equal(status.state, "SUCCEEDED", `${statement}: ${JSON.stringify(status)}`);
    const names: string[] = manifest.schema.columns.map((column: { name: string }) => column.name);
    return (result.data_array ?? []).map((row: Rows[number]) =>
      Object.fromEntries(names.map((name, index) => [name, row[index] ?? null])),
    );
  }

  /** The message of a statement that must fail. */
  async failure(statement: string, parameters: Parameter[] = []): Promise<string> {
    const { status } = await this.send(statement, parameters);
    assert.equal(status.state, "FAILED", statement);
    return status.error.message;
  }

  /** A new, empty schema for one test file. */
  async schema(name: string): Promise<string> {
    await this.rows(`CREATE SCHEMA IF NOT EXISTS main.${name}`);
    return `main.${name}`;
  }
}

/** Runs Python code in the workspace's environment with `localspark` on its path; returns what it printed. */
export async function python(
  workspace: LocalWorkspace,
  code: string,
  env: Record<string, string> = {},
): Promise<string> {
  // From a file: PySpark takes a program without one (`python -c`) for its doctests.
  const folder = await mkdtemp(join(tmpdir(), "engines "));
  try {
    const program = join(folder, "program.py");
    // Leaves as the notebook driver does: threads of native libraries may otherwise end the interpreter with an abort.
    await writeFile(program, `${code}\nimport os, sys\nsys.stdout.flush()\nos._exit(0)\n`);
    const { stdout } = await execute(workspace.workspace.settings.python, ["-W", "ignore", program], {
      env: { ...process.env, PYTHONPATH: PYTHON_PATH, PYTHONIOENCODING: "utf-8", ...env },
      timeout: 120_000,
      maxBuffer: 10_000_000,
    });
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
