/** One shell command in a process group of its own, which ends as a whole: with its limit, with us, or with its shell. */
import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly cwd: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Called with each line as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface CommandResult {
  /** Exit code, or the name of the signal that ended its shell. */
  readonly status: number | string;
  readonly timedOut: boolean;
  /** Standard output and error as one; of more than `OUTPUT_BYTES` the last, with a note before it. */
  readonly output: string;
}

/** Output that is kept. A build's reasons stand at its end. */
export const OUTPUT_BYTES = 1024 * 1024;
/** Between the request to end and the end. The engine leaves a provider 5 seconds. */
const GRACE_MS = 2000;

/**
 * `$1` in a shell of its own. File 3 is a pipe from us: a guard in the same group reads it to its end, which comes when
 * we are gone, however we went, and then ends the group. A fixed mask of modes: they are part of archives.
 */
const GUARDED = '(cat <&3; kill -KILL 0) >/dev/null 2>&1 & exec 3<&-; umask 022; exec /bin/sh -c "$1" 2>&1';

/** Runs a command by `/bin/sh`, without standard input. Rejects with the signal's reason where that ends it. */
export function runCommand(command: string, options: CommandOptions): Promise<CommandResult> {
  const { cwd, env, timeoutMs, signal, onLine = () => undefined } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = spawn("/bin/sh", ["-c", GUARDED, "sh", command], {
      cwd,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "ignore", "pipe"],
    });
    const kill = (name: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name);
      } catch {
        // The group is gone already.
      }
    };
    let grace: NodeJS.Timeout | undefined;
    const end = () => {
      kill("SIGTERM");
      grace = setTimeout(() => kill("SIGKILL"), GRACE_MS);
    };
    let timedOut = false;
    const limit = setTimeout(() => {
      timedOut = true;
      end();
    }, timeoutMs);
    signal?.addEventListener("abort", end, { once: true });
    const settle = (outcome: () => void) => {
      clearTimeout(limit);
      clearTimeout(grace);
      signal?.removeEventListener("abort", end);
      outcome();
    };
    const output = new Tail(onLine);
    child.stdout?.on("data", (data: Buffer) => output.add(data));
    // A pipe that the other side closed first is no failure of ours.
    child.stdio[3]?.on("error", () => undefined);
    child.on("error", (error) => settle(() => reject(error)));
    // What a command leaves running in its group would hold its output open, and outlive the checkout.
    child.on("exit", () => kill("SIGKILL"));
    child.on("close", (code, name) =>
      settle(() => {
        if (signal?.aborted) reject(signal.reason as Error);
        else resolve({ status: code ?? name ?? "an unknown signal", timedOut, output: output.text() });
      }),
    );
  });
}

/** The end of a stream of bytes. */
class Tail {
  private readonly chunks: Buffer[] = [];
  private kept = 0;
  private dropped = 0;
  private line = "";

  constructor(private readonly onLine: (line: string) => void) {}

  add(data: Buffer): void {
    this.chunks.push(data);
    this.kept += data.length;
    while (this.chunks.length > 1 && this.kept - (this.chunks[0]?.length ?? 0) >= OUTPUT_BYTES) {
      const oldest = this.chunks.shift()?.length ?? 0;
      this.kept -= oldest;
      this.dropped += oldest;
    }
    const lines = (this.line + data.toString("utf8")).split(/[\r\n]+/);
    this.line = (lines.pop() ?? "").slice(-1000);
    const last = lines.filter((line) => line.trim() !== "").at(-1);
    if (last !== undefined) this.onLine(last);
  }

  text(): string {
    const all = Buffer.concat(this.chunks);
    const cut = Math.max(0, all.length - OUTPUT_BYTES);
    const left = this.dropped + cut;
    const text = all.subarray(cut).toString("utf8");
    return left === 0 ? text : `… (the first ${left} bytes were left out)\n${text}`;
  }
}
