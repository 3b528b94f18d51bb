/** `bench/results.json`: the releases' results as they are, and each other benchmark's, of the same form, below its name. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Environment } from "./environment";
import type { CaseResult, JudgedGoal } from "./results";

export interface Measured {
  readonly environment: Environment;
  readonly settings: object;
  readonly goals: readonly JudgedGoal[];
  readonly cases: readonly CaseResult[];
}

const FIRST = "release";
const FIELDS = new Set(["environment", "settings", "goals", "cases"]);

/** Writes what one benchmark measured; what others have measured stays. */
export function writeResults(file: string, benchmark: string, measured: Measured): void {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>) : {};
  const others = Object.fromEntries(Object.entries(before).filter(([name]) => !FIELDS.has(name)));
  const after = benchmark === FIRST ? { ...measured, ...others } : { ...before, [benchmark]: measured };
  writeFileSync(file, `${JSON.stringify(after, undefined, 1)}\n`);
}
