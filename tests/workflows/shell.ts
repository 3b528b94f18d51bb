/** Runs a step's script as GitHub's runner does, and ends it as GitHub does where the run is cancelled. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";

export interface Script {
  readonly text: string;
  /** Where the text is kept, for bash to read. */
  readonly file: string;
  /** As in the workflow; GitHub's own where it has none. */
  readonly shell?: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** The run is cancelled. */
  readonly signal?: AbortSignal;
  readonly limitMs: number;
}

export interface Ended {
  readonly code: number;
  /** Standard output and error, in the order of arrival. */
  readonly output: string;
}

/** https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax, `jobs.<job_id>.steps[*].shell` */
const SHELLS: Readonly<Record<string, readonly string[]>> = {
  "": ["-e"],
  bash: ["--noprofile", "--norc", "-eo", "pipefail"],
};
/** https://docs.github.com/actions/reference/workflows-and-actions/workflow-cancellation */
const TO_SIGTERM_MS = 7500;
const TO_SIGKILL_MS = 2500;

export async function runScript({
  text,
  file,
  shell = "",
  cwd,
  env,
  signal,
  limitMs,
}: Script): Promise<Ended> {
  const options = SHELLS[shell];
  if (!options) {
    throw new Error(`the tests do not know the shell ${shell}`);
  }
  writeFileSync(file, text);
  return await new Promise<Ended>((resolve, reject) => {
    // A group of its own, of which GitHub leaves nothing.
    const child = spawn("bash", [...options, file], {
      cwd,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (data: string) => (output += data));
    }
    const killAll = () => {
      try {
        process.kill(-(child.pid ?? 0), "SIGKILL");
      } catch {
        // All have ended.
      }
    };
    const timers = [setTimeout(killAll, limitMs)];
    const cancel = () => {
      child.kill("SIGINT");
      timers.push(
        setTimeout(() => child.kill("SIGTERM"), TO_SIGTERM_MS),
        setTimeout(killAll, TO_SIGTERM_MS + TO_SIGKILL_MS),
      );
    };
    signal?.addEventListener("abort", cancel, { once: true });
    child.on("error", reject);
    // What a cancelled job leaves is cleaned up.
    child.on("exit", () => signal?.aborted && killAll());
    child.on("close", (code) => {
      timers.forEach(clearTimeout);
      signal?.removeEventListener("abort", cancel);
      resolve({ code: code ?? -1, output });
    });
  });
}
