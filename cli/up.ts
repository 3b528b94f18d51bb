/** Runs the real `pulumi up` for a command; everything that it prints goes to standard error. */
import { spawn } from "node:child_process";
import { pulumiMissing } from "./pulumi";

export interface UpOptions {
  readonly stack: string;
  /** The project's folder. */
  readonly cwd: string;
  /** More variables than this process has; undefined takes one away. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Look at what is really there first (`--refresh`). */
  readonly refresh?: boolean;
}

/** @returns Pulumi's exit code. */
export async function pulumiUp({ stack, cwd, env, refresh = false }: UpOptions): Promise<number> {
  const args = ["up", "--stack", stack, "--cwd", cwd, "--yes", "--skip-preview", "--non-interactive"];
  // A terminal's Ctrl-C reaches Pulumi too, which ends in its own time; what became of it is said afterwards. A workflow
  // that is cancelled tells this process alone.
  const isTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  let pass: (signal: "SIGINT" | "SIGTERM") => void = () => undefined;
  const interrupt = () => (isTerminal ? undefined : pass("SIGINT"));
  // The second word of such a workflow, which leaves Pulumi seconds to end its tests' run and to write its state.
  const terminate = () => pass("SIGTERM");
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", terminate);
  try {
    return await new Promise<number>((resolve, reject) => {
      const child = spawn("pulumi", [...args, ...(refresh ? ["--refresh"] : [])], {
        env: { ...process.env, ...env },
        stdio: ["ignore", process.stderr, process.stderr],
      });
      pass = (signal) => void child.kill(signal);
      child.on("error", (error: NodeJS.ErrnoException) =>
        reject(error.code === "ENOENT" ? pulumiMissing() : error),
      );
      child.on("close", (code) => resolve(code ?? 1));
    });
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", terminate);
  }
}
