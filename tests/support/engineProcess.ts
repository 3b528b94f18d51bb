/** The processes of a running engine: the engine itself, the program, the plugins. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

/** Kills the engine that works in this folder and everything that it started, as the machine's end would; its plugins have groups of their own. */
export function killEngine(folder: string): void {
  const table = processes();
  const tree = [engineOf(folder, table)];
  for (const parent of tree) {
    tree.push(...table.filter((row) => row.parent === parent).map(({ pid }) => pid));
  }
  for (const member of tree) {
    try {
      process.kill(member, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

/** Sends the engine alone a signal, as Ctrl-C in a terminal does: its plugins have groups of their own. */
export function interruptEngine(folder: string): void {
  process.kill(engineOf(folder, processes()), "SIGINT");
}

interface Row {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function processes(): Row[] {
  return execFileSync("ps", ["-A", "-ww", "-o", "pid=,ppid=,args="], { encoding: "utf8" })
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .flatMap((match) =>
      match ? [{ pid: Number(match[1]), parent: Number(match[2]), command: match[3] as string }] : [],
    );
}

function engineOf(folder: string, table: readonly Row[]): number {
  const engine = table.find(({ command }) => command.startsWith(`pulumi --cwd ${folder} up`));
  assert.ok(engine, "the engine runs");
  return engine.pid;
}
