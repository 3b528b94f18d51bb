/** The benchmark's tables, as text. */
import { medianOf, type CaseResult, type JudgedGoal, type Results } from "./results";
import { short } from "./statistics";

/** Above this share of one core the workspace's server itself may be what a command waits for. */
const SATURATED = 0.8;

/** One table a group and value (seconds, requests, …): ways down, sizes across, medians with lowest and highest. */
export function resultTables(results: Results, units: Readonly<Record<string, string>>): string {
  const groups = [...new Set(results.cases.map(({ group }) => group))];
  return groups
    .map((group) => {
      const cases = results.cases.filter((each) => each.group === group);
      const names = Object.keys(units).filter((name) =>
        cases.some(({ runs }) => runs.some((run) => run[name] !== undefined)),
      );
      // A group in which everything failed still has a table that says so.
      const shown = names.length > 0 ? names : ["seconds"];
      return shown.map((name) => table(`${group}: ${units[name] ?? name}`, cases, name)).join("\n");
    })
    .join("\n");
}

function table(title: string, cases: readonly CaseResult[], name: string): string {
  const relevant = cases.filter(
    ({ runs, failed, over }) =>
      runs.some((run) => run[name] !== undefined) || (name === "seconds" && (failed ?? over) !== undefined),
  );
  const sizes = [...new Set(relevant.map(({ size }) => size))].sort((a, b) => a - b);
  const ways = [...new Set(relevant.map(({ way }) => way))];
  const rows = ways.map((way) => [
    way,
    ...sizes.map((size) => {
      const found = relevant.find((each) => each.way === way && each.size === size);
      return found ? cell(found, name) : "";
    }),
  ]);
  const header = ["", ...sizes.map((size) => size.toLocaleString("en"))];
  const failures = name === "seconds" ? cases.flatMap(failure) : [];
  return `${title}\n${aligned([header, ...rows])}\n${failures.map((line) => `  ${line}\n`).join("")}`;
}

function cell({ runs, failed, over }: CaseResult, name: string): string {
  const values = runs.flatMap((run) => (run[name] === undefined ? [] : [run[name]]));
  const middle = medianOf(runs, name);
  if (middle === undefined) {
    return over === undefined ? (failed === undefined ? "" : "failed") : `over ${short(over)}`;
  }
  const spread =
    values.length > 1 ? ` (${short(Math.min(...values))}–${short(Math.max(...values))})` : " (1 run)";
  const busy = name === "seconds" && (medianOf(runs, "serverCores") ?? 0) > SATURATED ? " *" : "";
  return `${short(middle)}${spread}${busy}`;
}

function failure({ way, size, failed }: CaseResult): string[] {
  return failed === undefined ? [] : [`failed: ${way}, ${size}: ${failed}`];
}

/** Every goal with what was reached, whether good or bad. */
export function goalTable(goals: readonly JudgedGoal[]): string {
  const rows = goals.map(({ text, basis, limit, value, reached }) => [
    text,
    `≤ ${short(limit)}`,
    value === undefined ? "not measured" : short(value),
    reached === undefined ? "" : reached ? "reached" : "not reached",
    basis,
  ]);
  return aligned([["goal", "", "measured", "", "what"], ...rows]);
}

/** Columns padded to their widest cell; two blanks before each row. */
function aligned(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows
    .map((row) => `  ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd())
    .join("\n");
}
