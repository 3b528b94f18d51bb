/** Runs one command, to the end or to its limit, and says how long it took and what it and its processes used. */
import { spawn } from "node:child_process";
import { killTree, memoryByRole, treeOf } from "./processes";

export interface CommandOptions {
  readonly cwd?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly limitSeconds: number;
  /** Ends the command and all that it started. */
  readonly signal: AbortSignal;
  /** Looks at the memory of all its processes meanwhile, every 50 ms. This costs some time: for runs that measure nothing else. */
  readonly memory?: boolean;
}

export interface CommandResult {
  readonly seconds: number;
  readonly stdout: string;
  /** Highest sum over all processes at one moment, and the highest of each kind. Only with `memory`. */
  readonly memory: Readonly<Record<string, number>>;
}

/** A command that ended badly; the message has the end of what it said. */
export class CommandFailed extends Error {}

/** A command that was stopped at its limit. */
export class TookTooLong extends Error {
  constructor(readonly limitSeconds: number) {
    super(`took longer than ${limitSeconds} s`);
  }
}

const SAMPLE_MS = 50;
const TAIL = 2_000;

/** @throws CommandFailed, TookTooLong; the signal's reason where it was interrupted. */
export async function command(
  program: string,
  args: readonly string[],
  { cwd, env, limitSeconds, signal, memory = false }: CommandOptions,
): Promise<CommandResult> {
  signal.throwIfAborted();
  const started = performance.now();
  // A group of its own: Ctrl-C reaches us alone, and we end it.
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  let stdout = "";
  let tail = "";
  child.stdout.on("data", (data: Buffer) => {
    stdout += data.toString();
    tail = (tail + data.toString()).slice(-TAIL);
  });
  child.stderr.on("data", (data: Buffer) => (tail = (tail + data.toString()).slice(-TAIL)));

  let late = false;
  const end = () => child.pid !== undefined && killTree(child.pid);
  const limit = setTimeout(() => {
    late = true;
    end();
  }, limitSeconds * 1000);
  signal.addEventListener("abort", end);
  const peak: Record<string, number> = {};
  const sampler = memory
    ? setInterval(() => {
        for (const [role, megabytes] of Object.entries(memoryByRole(treeOf(child.pid ?? 0)))) {
          peak[role] = Math.max(peak[role] ?? 0, megabytes);
        }
      }, SAMPLE_MS)
    : undefined;
  try {
    const { code, seconds } = await new Promise<{ code: number | string | null; seconds: number }>(
      (resolve, reject) => {
        let ended = 0;
        child.on("error", (error) => reject(new CommandFailed(`cannot be started: ${error.message}`)));
        child.on("exit", () => (ended = performance.now()));
        child.on("close", (status, name) =>
          resolve({ code: status ?? name, seconds: (ended - started) / 1000 }),
        );
      },
    );
    signal.throwIfAborted();
    if (late) {
      throw new TookTooLong(limitSeconds);
    }
    if (code !== 0) {
      throw new CommandFailed(`ended with ${code}: ${tail.trim()}`);
    }
    return { seconds, stdout, memory: peak };
  } finally {
    clearTimeout(limit);
    clearInterval(sampler);
    signal.removeEventListener("abort", end);
  }
}
