/** One server per data folder: a lock file that names its owner, with detection of one that died. */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/** Takes the data folder, or throws an error that names the process that has it. Returns how to give it back. */
export function lockDataDir(dataDir: string): () => void {
  const file = path.join(dataDir, "server.lock");
  const mine = `${process.pid} ${startOf(process.pid) ?? ""}`;
  for (let attempt = 0; attempt < 3; attempt++) {
    if (tryCreate(file, mine)) return () => release(file, mine);
    const owner = readOwner(file);
    if (owner && isAlive(owner)) {
      throw new Error(
        `The data folder ${dataDir} is in use by another local workspace (process ${owner.pid}). ` +
          "Stop that one (npm stop), or give this one a folder of its own with --data DIR.",
      );
    }
    rmSync(file, { force: true });
  }
  throw new Error(
    `The lock ${file} could not be taken: another local workspace is starting right now. Try again.`,
  );
}

interface Owner {
  readonly pid: number;
  /** When that process started, in whatever form the system tells; guards against a number that was used again. */
  readonly start: string;
}

function tryCreate(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function release(file: string, mine: string): void {
  try {
    if (readFileSync(file, "utf8") === mine) rmSync(file, { force: true });
  } catch {
    // Gone already, with the folder.
  }
}

function readOwner(file: string): Owner | undefined {
  try {
    const [, pid, start = ""] = /^(\d+) ?(.*)$/.exec(readFileSync(file, "utf8").trim()) ?? [];
    return pid === undefined ? undefined : { pid: Number(pid), start };
  } catch {
    return undefined;
  }
}

function isAlive({ pid, start }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const now = startOf(pid);
  return start === "" || now === undefined || now === start;
}

/** When a process started: from Linux's /proc, elsewhere from `ps`; undefined where neither tells. */
function startOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return fields[19];
  } catch {
    try {
      const started = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
        encoding: "utf8",
        timeout: 2_000,
      });
      return started.trim() || undefined;
    } catch {
      return undefined;
    }
  }
}
