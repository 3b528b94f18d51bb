/** Runs git and pulumi, and reads what they say. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

/** An error shown without a stack trace. */
export class StartError extends Error {
  override readonly name = "StartError";
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What its standard input gets; without it there is none. */
  readonly input?: string | Uint8Array;
  /** Each line of output and errors as it comes. */
  readonly onLine?: (line: string) => void;
}

/** A program's standard output. @throws StartError with what it said, when it fails. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { cwd, env, input, onLine = () => undefined } = options;
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  child.stdin?.end(input);
  const out: string[] = [];
  const all: string[] = [];
  const take = (line: string) => {
    all.push(line);
    onLine(line);
  };
  createInterface(child.stderr!).on("line", take);
  createInterface(child.stdout!).on("line", (line) => {
    out.push(line);
    take(line);
  });
  const status = await ended(child, command);
  if (status === 0) return out.join("\n");
  throw new StartError(`${command} ${args.join(" ")} ended with ${status}.\n${all.slice(-20).join("\n")}`);
}

/** Runs a program on our terminal, which it may paint. @throws StartError when it fails */
export async function runOnTerminal(command: string, args: readonly string[], cwd: string): Promise<void> {
  const status = await ended(spawn(command, args, { cwd, stdio: "inherit" }), command);
  if (status !== 0) throw new StartError(`${command} ${args.join(" ")} ended with ${status}.`);
}

/** The exit status, or the signal that ended it. */
function ended(child: ChildProcess, command: string): Promise<number | string> {
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new StartError(`${command} cannot be started: ${error.message}`)));
    child.on("close", (code, signal) => resolve(code ?? signal ?? "an unknown signal"));
  });
}
