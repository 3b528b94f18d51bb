/** What commands print: a table for people, or JSON for programs, on standard output; all else goes to standard error. */
import { createInterface } from "node:readline/promises";
import { Problem } from "./problem";

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Says a line at once, and any further one only when ten seconds have passed since the last. */
export function nowAndThen(say: (line: string) => void, everyMs = 10_000): (line: string) => void {
  let last = -Infinity;
  return (line) => {
    if (Date.now() - last >= everyMs) {
      last = Date.now();
      say(line);
    }
  };
}

/** Columns as wide as their widest value; the last one as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === head.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Whether somebody is there to be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** @throws Problem (wrong usage) where nobody can be asked. */
export async function confirm(question: string): Promise<boolean> {
  if (!canAsk()) {
    throw new Problem(
      "There is no terminal to ask in. Add --yes to do it, or --dry-run to see what it would do.",
      2,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
