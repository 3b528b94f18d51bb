/** The SQL warehouse's engine: a Python process (`sqlservice`) that runs statements on Spark, over JSON lines. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Log } from "../context";
import { Engine } from "./engine";
import { PYTHON_PATH, supervise, tail } from "./processes";
import type { SparkAddress } from "./spark";

export interface SqlParameter {
  readonly name: string;
  /** Null or absent binds NULL. */
  readonly value?: string | null;
  /** Databricks' name of the type, `STRING` where absent. */
  readonly type?: string;
}

export interface SqlRequest {
  readonly statement: string;
  readonly parameters?: readonly SqlParameter[];
  /** Default: `main`. */
  readonly catalog?: string;
  /** Default: `default`. */
  readonly schema?: string;
  /** What `current_user()` gives. */
  readonly user: string;
  readonly rowLimit?: number;
  /** Cancels the statement: best effort, as on Databricks; a commit already under way may still succeed. */
  readonly signal?: AbortSignal;
  /** Called when the statement leaves the queue. */
  readonly onRunning?: () => void;
}

/** A column as the Statement Execution API describes it. */
export interface SqlColumn {
  readonly name: string;
  readonly type_text: string;
  readonly type_name: string;
  readonly position: number;
  readonly type_precision?: number;
  readonly type_scale?: number;
}

export interface SqlResult {
  readonly columns: readonly SqlColumn[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** True where `rowLimit` cut rows off. */
  readonly truncated: boolean;
}

/** The statement failed; the message is `[CONDITION] … SQLSTATE: state`. */
export class SqlFailure extends Error {
  constructor(
    message: string,
    readonly condition: string,
    readonly sqlstate: string,
  ) {
    super(message);
  }
}

/** The statement was cancelled through its signal. */
export class SqlCanceled extends Error {
  constructor() {
    super("The statement was cancelled");
  }
}

interface Message {
  readonly id?: string;
  readonly ready?: boolean;
  readonly state?: string;
  readonly columns?: SqlColumn[];
  readonly rows?: (string | null)[][];
  readonly truncated?: boolean;
  readonly error?: { condition: string; sqlstate: string; message: string };
}

interface Pending {
  readonly resolve: (result: SqlResult) => void;
  readonly reject: (error: Error) => void;
  readonly onRunning?: () => void;
}

interface Process {
  readonly send: (message: unknown) => void;
  readonly pending: Map<string, Pending>;
}

const READY_LIMIT_MS = 60_000;
/** The first session's user: PySpark's import and first connection take most of a second. */
const WARM_UP_USER = "warm-up";

/** What runs statements. */
export interface SqlService {
  /** Runs one statement. Throws `SqlFailure`, `SqlCanceled`, or an Error where the engine is not there. */
  execute(request: SqlRequest): Promise<SqlResult>;
}

export class SqlEngine implements SqlService {
  private readonly service: Engine<Process>;
  private warm: Promise<SqlResult> | undefined;

  constructor(
    settings: { dataDir: string; python: string },
    log: Log,
    private readonly spark: () => Promise<SparkAddress>,
  ) {
    this.service = new Engine("SQL service", log, () => launch(settings));
  }

  /** Resolves when statements can be run at once, the first session made. */
  async ready(): Promise<SqlService> {
    this.warm ??= this.execute({ statement: "SELECT 1", user: WARM_UP_USER });
    try {
      await this.warm;
    } catch (error) {
      this.warm = undefined;
      throw error;
    }
    return this;
  }

  async execute(request: SqlRequest): Promise<SqlResult> {
    const [service, address] = await Promise.all([this.service.ready(), this.spark()]);
    if (request.signal?.aborted) throw new SqlCanceled();
    const id = randomUUID();
    return new Promise<SqlResult>((resolve, reject) => {
      const abort = (): void => {
        service.pending.delete(id);
        service.send({ id, cancel: true });
        reject(new SqlCanceled());
      };
      const settled = (): void => {
        service.pending.delete(id);
        request.signal?.removeEventListener("abort", abort);
      };
      service.pending.set(id, {
        resolve: (result) => (settled(), resolve(result)),
        reject: (error) => (settled(), reject(error)),
        onRunning: request.onRunning,
      });
      request.signal?.addEventListener("abort", abort, { once: true });
      service.send({
        id,
        statement: request.statement,
        parameters: request.parameters ?? [],
        catalog: request.catalog,
        schema: request.schema,
        user: request.user,
        row_limit: request.rowLimit,
        remote: address.remote,
        warehouse: address.warehouse,
      });
    });
  }

  stop(): Promise<void> {
    return this.service.stop();
  }
}

async function launch(settings: { dataDir: string; python: string }) {
  const logFile = join(settings.dataDir, "logs", "sql.log");
  mkdirSync(join(settings.dataDir, "logs"), { recursive: true });
  const logFd = openSync(logFile, "w");
  const child = spawn(settings.python, ["-m", "sqlservice"], {
    cwd: settings.dataDir,
    env: { ...process.env, PYTHONPATH: PYTHON_PATH, PYTHONDONTWRITEBYTECODE: "1" },
    stdio: ["pipe", "pipe", logFd],
    // A group of its own: a Ctrl-C in the terminal reaches the server only. It ends when its standard input does.
    detached: true,
  }) as ChildProcessByStdio<Writable, Readable, null>;
  closeSync(logFd);
  const supervised = supervise(child, 3000, () => tail(logFile));
  const pending = new Map<string, Pending>();
  let ready = false;
  const started = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout, crlfDelay: Infinity }).on("line", (line) => {
      const message = JSON.parse(line) as Message;
      if (message.ready) {
        ready = true;
        resolve();
      } else if (message.id !== undefined) {
        deliver(pending.get(message.id), message);
      }
    });
    void supervised.ended.then(() => resolve());
  });
  void supervised.ended.then(() => {
    const reason = new Error(
      "The SQL service ended while the statement ran; whether the statement was done is not known",
    );
    for (const each of pending.values()) each.reject(reason);
  });
  const timer = setTimeout(() => void supervised.stop(), READY_LIMIT_MS);
  await started;
  clearTimeout(timer);
  if (!ready) throw new Error(`The SQL service did not start. The end of its log:\n${supervised.logTail()}`);
  const send = (message: unknown): void => void child.stdin.write(`${JSON.stringify(message)}\n`);
  return { process: supervised, value: { send, pending } };
}

function deliver(pending: Pending | undefined, message: Message): void {
  if (pending === undefined) return;
  if (message.error) {
    pending.reject(new SqlFailure(message.error.message, message.error.condition, message.error.sqlstate));
  } else if (message.rows) {
    const { columns = [], rows, truncated = false } = message;
    pending.resolve({ columns, rows, truncated });
  } else {
    pending.onRunning?.();
  }
}
