/** What was measured, and what it says about the goals. Written to `bench/results.json` as it is. */
import { median } from "./statistics";

/** What one run gave, by name: `seconds`, `requests`, `peakMB`, … */
export type Values = Readonly<Record<string, number>>;

/** One way of doing something at one size, measured several times. */
export interface CaseResult {
  readonly group: string;
  readonly way: string;
  /** Notebooks. */
  readonly size: number;
  readonly runs: Values[];
  /** Why there are fewer runs than asked for; the first line of what was said. */
  failed?: string;
  /** Seconds after which the command was stopped: it takes longer than that. */
  over?: number;
}

export interface Goal {
  readonly text: string;
  /** The ratio or number that is reached at or below this. */
  readonly limit: number;
  /** What `value` is of, in words. */
  readonly basis: string;
  /** Undefined where what it needs was not measured. */
  readonly value: (results: Results) => number | undefined;
}

export interface JudgedGoal {
  readonly text: string;
  readonly basis: string;
  readonly limit: number;
  readonly value?: number;
  readonly reached?: boolean;
}

export class Results {
  readonly cases: CaseResult[] = [];

  add(result: CaseResult): void {
    this.cases.push(result);
  }

  find(group: string, way: string, size: number): CaseResult | undefined {
    return this.cases.find((each) => each.group === group && each.way === way && each.size === size);
  }

  /** The median of one value over a case's runs; undefined where no run gave it. */
  median(group: string, way: string, size: number, name = "seconds"): number | undefined {
    return medianOf(this.find(group, way, size)?.runs ?? [], name);
  }
}

export function medianOf(runs: readonly Values[], name: string): number | undefined {
  const values = runs.flatMap((run) => (run[name] === undefined ? [] : [run[name]]));
  return values.length === 0 ? undefined : median(values);
}

/** `a / b`, where both are known and `b` is something. */
export function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}

/** The smallest of those that are known. */
export function best(...values: (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

export function judge(goals: readonly Goal[], results: Results): JudgedGoal[] {
  return goals.map(({ text, limit, basis, value: valueOf }) => {
    const value = valueOf(results);
    return value === undefined
      ? { text, basis, limit }
      : { text, basis, limit, value, reached: value <= limit };
  });
}
