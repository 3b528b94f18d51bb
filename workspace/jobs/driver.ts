/** One driver process: started with a specification, heard through its events, and ended together with its children. */
import { spawn, type ChildProcess } from "node:child_process";
import path from "node:path";
import { StringDecoder } from "node:string_decoder";
import type { Duplex, Readable } from "node:stream";
import type { ErrorCode } from "../errors";
import type { NoScala, ScalaCommand } from "./scala";

const DRIVER = path.resolve(__dirname, "..", "python", "driver");

/** What the driver gets; the fields are those that `workspace/python/driver` reads. */
export interface DriverSpec {
  run_id: string;
  parent_run_id: string;
  job_id: string;
  task_key: string;
  notebook: { path: string; language: string; source: string };
  parameters: Record<string, string>;
  host: string;
  token: string;
  user: string;
  workspace_id: string;
  environment: Record<string, string>;
  run_directory: string;
  working_directory: string;
  workspace_copies: string;
  dbfs_directory: string;
  volumes_directory: string;
  python_path: string[];
  /** Folders of the task's installed wheels, before the shared packages. */
  library_path: string[];
  /** Local paths of the task's jars, for Scala cells. */
  jars: string[];
  scala: ScalaCommand | NoScala;
  output_limit: number;
}

export type DriverEvent =
  | { type: "started"; pid: number }
  | { type: "cell"; notebook: string; number: number; language: string; title: string; source: string }
  | { type: "cell_end"; state: "success" | "failed" | "exit"; seconds: number }
  | { type: "output"; stream: "stdout" | "stderr" | "display"; text: string; html?: string }
  | EndEvent;

export interface EndEvent {
  type: "end";
  result: "success" | "failed";
  exit_value?: string | null;
  error?: { name: string; message: string; trace: string };
  seconds: number;
}

interface CallEvent {
  type: "call";
  id: number;
  method: string;
  arguments: Record<string, unknown>;
}

export interface DriverHandlers {
  event(event: DriverEvent): void;
  /** Text that a child process wrote to the inherited standard output or error. */
  direct(stream: "stdout" | "stderr", text: string): void;
  /** Answers a question of the notebook; what it throws becomes an exception there. */
  call(method: string, args: Record<string, unknown>): Promise<object>;
}

/** How a driver ended: `end` is absent where the process died without a word. */
export interface DriverEnd {
  end?: EndEvent;
  exit: string;
}

/** Milliseconds beyond the grace after which the server kills by itself what the guardian should have killed. */
const GUARDIAN_LIMIT_MS = 7_000;
/** Milliseconds that pipes may stay open after the process has ended. */
const CLOSE_LIMIT_MS = 2_000;

/** Starts a driver in `folder`; it waits for its specification. `name` is for those who look at the list of processes. */
export function startDriver(python: string, name: string, folder: string): ChildProcess {
  const child = spawn(python, ["-X", "utf8", DRIVER, name], {
    cwd: folder,
    env: {
      ...inheritedEnvironment(),
      PATH: `${path.dirname(python)}${path.delimiter}${process.env.PATH ?? ""}`,
    },
    stdio: ["pipe", "pipe", "pipe", "pipe", "pipe"],
    detached: true,
  });
  for (const stream of child.stdio) stream?.on("error", () => undefined);
  return child;
}

export class DriverProcess {
  /** Resolves when the process and everything that it started are gone. */
  readonly done: Promise<DriverEnd>;
  private notebookPid: number | undefined;
  private end: EndEvent | undefined;
  private queue: Promise<void> = Promise.resolve();
  private stopping: NodeJS.Timeout | undefined;

  /** Gives a started driver its run. */
  constructor(
    private readonly child: ChildProcess,
    spec: DriverSpec,
    private readonly handlers: DriverHandlers,
  ) {
    this.hear(this.child.stdio[3] as Readable);
    this.hearDirect("stdout", this.child.stdout!);
    this.hearDirect("stderr", this.child.stderr!);
    this.done = this.waitForEnd();
    this.child.stdin!.write(`${JSON.stringify(spec)}\n`);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Interrupts the notebook, and kills it with all of its children when `graceMs` are over. */
  stop(graceMs: number): void {
    if (this.stopping) return;
    (this.child.stdio[4] as Duplex).write(`stop ${Math.round(graceMs)}\n`);
    this.stopping = setTimeout(() => this.kill(), graceMs + GUARDIAN_LIMIT_MS);
  }

  /** Kills the guardian's and the notebook's process groups at once. */
  private kill(): void {
    for (const pid of [this.notebookPid, this.child.pid]) {
      if (pid === undefined) continue;
      try {
        process.kill(-pid, "SIGKILL");
      } catch {
        // Gone already.
      }
    }
  }

  private hear(events: Readable): void {
    const decoder = new StringDecoder("utf8");
    let rest: string[] = [];
    events.on("data", (chunk: Buffer) => {
      const lines = decoder.write(chunk).split("\n");
      // Long lines come in many chunks: joined once, when they end.
      rest.push(lines[0]!);
      for (const next of lines.slice(1)) {
        const line = rest.join("");
        rest = [next];
        this.take(line);
      }
    });
  }

  private take(line: string): void {
    let event: DriverEvent | CallEvent;
    try {
      event = JSON.parse(line) as DriverEvent | CallEvent;
    } catch {
      return; // Only a notebook that writes into descriptor 3 itself gets here.
    }
    if (event.type === "call") return void this.answer(event);
    if (event.type === "started") this.notebookPid = event.pid;
    this.queue = this.queue.then(async () => {
      // What a child process wrote during the cell lies in another pipe: let it be read before the cell ends.
      if (event.type === "cell_end" || event.type === "end") await turn();
      if (event.type === "end") this.end = event;
      this.handlers.event(event);
    });
  }

  private async answer({ id, method, arguments: args }: CallEvent): Promise<void> {
    let answer: object;
    try {
      answer = { id, ok: await this.handlers.call(method, args ?? {}) };
    } catch (error) {
      const { code = "INTERNAL_ERROR", message } = error as Error & { code?: ErrorCode };
      answer = { id, error: { code, message } };
    }
    if (!this.child.stdin!.destroyed) this.child.stdin!.write(`${JSON.stringify(answer)}\n`);
  }

  private hearDirect(name: "stdout" | "stderr", stream: Readable): void {
    const decoder = new StringDecoder("utf8");
    stream.on("data", (chunk: Buffer) => this.handlers.direct(name, decoder.write(chunk)));
  }

  private waitForEnd(): Promise<DriverEnd> {
    return new Promise((resolve) => {
      let exit = "";
      let timer: NodeJS.Timeout | undefined;
      const finish = () => {
        clearTimeout(timer);
        clearTimeout(this.stopping);
        void this.queue.then(() => resolve({ end: this.end, exit }));
      };
      this.child.once("error", (error) => {
        exit = `it could not be started: ${error.message}`;
        finish();
      });
      this.child.once("exit", (code, signal) => {
        exit = signal
          ? `it was killed by ${signal}`
          : code !== null && code > 128
            ? `it was killed by signal ${code - 128}`
            : `it ended with status ${code}`;
        this.kill();
        timer = setTimeout(() => {
          for (const stream of this.child.stdio) stream?.destroy();
        }, CLOSE_LIMIT_MS);
      });
      this.child.once("close", finish);
    });
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

/** The server's environment may hold credentials that are none of a notebook's business: only what programs need passes. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  const allowed =
    /^(HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TERM|JAVA_HOME|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|PIP_\w+|UV_\w+|(https?|all|no)_proxy|(HTTPS?|ALL|NO)_PROXY|OMP_NUM_THREADS)$/;
  const entries = Object.entries(process.env).filter(([name]) => allowed.test(name));
  return Object.fromEntries(entries);
}
