/** Runs the operator's commands as a person does, as a process of their own. */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT, type PulumiStack } from "../support/pulumi";

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** The stack whose project, backend and credentials it works with. */
  readonly stack: Pick<PulumiStack, "program" | "environment">;
  /** More variables, or none of a name. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly onStart?: (child: ChildProcess) => void;
  /** What a person types; then there is a terminal, and all that is printed is in `stdout`. Default: there is none. */
  readonly typed?: string;
}

/** Runs a program in a terminal of its own, with what comes in as what is typed. */
const TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

/** `releases ARGS` on the stack; ended after three minutes. */
export function releases(
  args: readonly string[],
  { stack, env, onStart, typed }: CliOptions,
): Promise<CliRun> {
  const main = join(ROOT, "cli", "main.ts");
  const tsx = pathToFileURL(require.resolve("tsx")).href;
  return new Promise((resolve, reject) => {
    const command = [process.execPath, "--import", tsx, main, ...args];
    const python = join(ROOT, ".local", "python", "bin", "python");
    const [program = "", ...rest] = typed === undefined ? command : [python, "-c", TERMINAL, ...command];
    const child = spawn(program, rest, {
      cwd: stack.program,
      env: { ...stack.environment(), ...env },
      stdio: ["pipe", "pipe", "pipe"],
      timeout: 180_000,
      killSignal: "SIGKILL",
    });
    child.stdin.end(typed);
    onStart?.(child);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}
