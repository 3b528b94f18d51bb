/** The local workspace as a process of its own, so that what it costs is not in what is measured, and can be told. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { killTree, processTable, treeOf } from "./processes";

export const ROOT = join(__dirname, "..");
const READY_SECONDS = 120;
const STOP_SECONDS = 30;

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** From its arrival to its answer. */
  readonly ms: number;
  /** Arrival, in ms since 1970. */
  readonly at: number;
}

/** What it says when it is ready. */
interface Ready {
  readonly host: string;
  readonly token: string;
  readonly warehouse_id: string;
  readonly pid: number;
}

export class BenchWorkspace {
  private constructor(
    private readonly child: ChildProcess,
    private readonly ready: Ready,
  ) {}

  /** @param args as for `npm run workspace`; the port is a free one unless given. */
  static async start(data: string, args: readonly string[], signal: AbortSignal): Promise<BenchWorkspace> {
    const program = ["--import", "tsx", join("workspace", "main.ts"), "--port", "0", "--data", data, ...args];
    const child = spawn(process.execPath, program, {
      cwd: ROOT,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (text: Buffer) => (said = (said + text.toString()).slice(-2_000)));
    const stop = () => child.pid !== undefined && killTree(child.pid);
    signal.addEventListener("abort", stop, { once: true });
    const timer = setTimeout(stop, READY_SECONDS * 1000);
    try {
      const lines = createInterface(child.stdout);
      const line = await Promise.race([
        once(lines, "line").then(([text]) => text as string),
        once(child, "close").then(() => undefined),
      ]);
      if (line === undefined) {
        signal.throwIfAborted();
        throw new Error(`The local workspace did not start: ${said.trim()}`);
      }
      return new BenchWorkspace(child, JSON.parse(line) as Ready);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }

  get warehouse(): string {
    return this.ready.warehouse_id;
  }

  /** What a person would export to work with it. */
  get credentials(): Record<string, string> {
    return { DATABRICKS_HOST: this.ready.host, DATABRICKS_TOKEN: this.ready.token };
  }

  /** The name that belongs to the token. */
  readonly userName = "admin@local.workspace";

  async forgetRequests(): Promise<void> {
    await this.call("DELETE", "/__workspace/requests");
  }

  async requests(): Promise<SeenRequest[]> {
    const { requests, dropped } = await this.call<{ requests: SeenRequest[]; dropped: number }>(
      "GET",
      "/__workspace/requests",
    );
    if (dropped > 0) {
      throw new Error(`The workspace forgot ${dropped} requests: more than it keeps.`);
    }
    return requests;
  }

  async call<T>(method: string, path: string): Promise<T> {
    const response = await fetch(`${this.ready.host}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.ready.token}` },
      signal: AbortSignal.timeout(120_000),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 200)}`);
    }
    return JSON.parse(text) as T;
  }

  /** Processor seconds of the server itself so far: it is one process with one thread that does the work. */
  serverCpuSeconds(): number {
    return processTable().find(({ pid }) => pid === this.ready.pid)?.cpuSeconds ?? 0;
  }

  async stop(): Promise<void> {
    const { pid } = this.child;
    if (pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null) {
      return;
    }
    const started = treeOf(pid).map((each) => each.pid);
    const closed = once(this.child, "close");
    process.kill(pid, "SIGTERM");
    const timer = setTimeout(() => killTree(pid), STOP_SECONDS * 1000);
    await closed;
    clearTimeout(timer);
    for (const each of started) {
      // Its engines end with it; one that did not must not take time from what is measured next.
      if (isAlive(each)) {
        killTree(each);
      }
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
