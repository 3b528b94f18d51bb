/** What people read of a gate: the table in the terminal, and `summary.md` in the deployment's MLflow run. */
import { shorten, type Verdict } from "./limits";
import type { TestOutcome } from "./results";

export interface Report {
  readonly app: string;
  readonly env: string;
  readonly githash: string;
  readonly deploymentUrl: string;
  readonly runUrls: readonly string[];
  readonly outcomes: readonly TestOutcome[];
  readonly verdicts: readonly Verdict[];
  /** How often the gate tries a failed test again. */
  readonly retries: number;
}

const RESULT_LENGTH = 100;
const ERROR_LINES = 5;

export function isOpen({ outcomes, verdicts }: Pick<Report, "outcomes" | "verdicts">): boolean {
  return outcomes.every(({ passed }) => passed) && verdicts.every(({ kept }) => kept);
}

/** `2 of 3 tests failed, 1 not run here, 1 limit broken`, or `3 tests passed, 1 flaky`. */
export function headline({ outcomes, verdicts }: Pick<Report, "outcomes" | "verdicts">): string {
  const notRun = outcomes.filter((outcome) => outcome.notRun).length;
  const failed = outcomes.filter(({ passed }) => !passed).length - notRun;
  const flaky = outcomes.filter((outcome) => outcome.flaky).length;
  const broken = verdicts.filter(({ kept }) => !kept).length;
  if (outcomes.length + verdicts.length === 0) {
    return "no tests are configured";
  }
  return [
    ...(failed > 0 ? [`${failed} of ${outcomes.length} tests failed`] : []),
    ...(notRun > 0 ? [`${failed > 0 ? notRun : `${notRun} of ${outcomes.length} tests`} not run here`] : []),
    ...(failed + notRun === 0 ? [`${count(outcomes.length, "test")} passed`] : []),
    ...(flaky > 0 ? [`${flaky} flaky`] : []),
    ...(broken > 0 ? [`${count(broken, "limit")} broken`] : []),
  ].join(", ");
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** The table for the terminal: a line a test, a line a limit, then each failure's first lines. */
export function table({ outcomes, verdicts }: Pick<Report, "outcomes" | "verdicts">): string {
  const names = [...outcomes.map(({ notebook }) => notebook), ...verdicts.map(({ name }) => name)];
  const width = Math.max(0, ...names.map(({ length }) => length));
  const tests = outcomes.map((outcome) => {
    const { notebook, seconds, passed, flaky, attempts } = outcome;
    const extra = flaky ? `  (flaky: passed at attempt ${attempts})` : "";
    return `  ${mark(passed)} ${notebook.padEnd(width)}  ${seconds.toFixed(1).padStart(6)} s  ${resultLine(outcome)}${extra}`;
  });
  const limits = verdicts.map(
    (verdict) => `  ${mark(verdict.kept)} ${verdict.name.padEnd(width)}  ${comparison(verdict)}`,
  );
  const failures = outcomes
    .filter(({ passed }) => !passed)
    .flatMap(({ notebook, error, url }) => [
      `  ${notebook}: ${(error ?? "").split("\n").slice(0, ERROR_LINES).join("\n    ")}`,
      ...(url ? [`    ${url}`] : []),
    ]);
  return [...tests, ...limits, ...failures].join("\n");
}

function mark(good: boolean): string {
  return good ? "✓" : "✗";
}

function comparison({ before, now, limit, note }: Verdict): string {
  const values = `${now === undefined ? "missing" : shorten(now)} (before: ${number(before)}; limit: ${limit})`;
  return note ? `${values}  ${note}` : values;
}

function number(value: number | undefined): string {
  return value === undefined ? "–" : shorten(value);
}

/** A test's result in one line; of one that was not run, why. */
function resultLine({ result, notRun, error = "" }: TestOutcome): string {
  return firstLine(notRun ? error : result);
}

function firstLine(result: string): string {
  const line = result.split("\n")[0] ?? "";
  return line.length > RESULT_LENGTH ? `${line.slice(0, RESULT_LENGTH)}…` : line;
}

/** The message of a gate that is closed. */
export function failure(report: Report): string {
  return [
    `The gate is closed: ${headline(report)}. What was live in ${report.env} is live still.`,
    table(report),
    `  deployment: ${report.deploymentUrl}`,
    ...report.runUrls.map((url) => `  test run:   ${url}`),
    "Mend the notebooks and commit, or run pulumi up again to try the same commit in a new deployment.",
  ].join("\n");
}

export function summaryMarkdown(report: Report): string {
  const { app, env, githash, outcomes, verdicts } = report;
  const failures = outcomes.filter(({ error }) => error);
  return [
    `# ${cell(app)} in ${cell(env)}: ${isOpen(report) ? "the gate is open" : "the gate is closed"}`,
    "",
    `${headline(report)}. Commit \`${githash}\`, [deployment](${report.deploymentUrl})` +
      `${report.runUrls.map((url) => `, [test run](${url})`).join("")}.`,
    "",
    ...(outcomes.length > 0
      ? ["| | test | seconds | result |", "|---|---|---:|---|", ...outcomes.map(testRow)]
      : ["No tests are configured."]),
    ...(verdicts.length > 0
      ? [
          "",
          "## Limits",
          "",
          "| | of | before | now | limit | |",
          "|---|---|---:|---:|---|---|",
          ...verdicts.map(limitRow),
        ]
      : []),
    ...failures.flatMap(({ notebook, error, trace, passed }) => [
      "",
      `## ${cell(notebook)}${passed ? " (passed when it was tried again)" : ""}`,
      "",
      fenced(trace || error || ""),
    ]),
    "",
  ].join("\n");
}

function testRow(outcome: TestOutcome): string {
  const { passed, notebook, url, seconds, flaky, truncated } = outcome;
  const name = url ? `[${cell(notebook)}](${url})` : cell(notebook);
  const notes = `${flaky ? " (flaky)" : ""}${truncated ? " (cut by Databricks)" : ""}`;
  return `| ${mark(passed)} | ${name} | ${seconds.toFixed(1)} | ${cell(resultLine(outcome))}${notes} |`;
}

function limitRow({ kept, name, before, now, limit, note }: Verdict): string {
  const shown = now === undefined ? "missing" : shorten(now);
  return `| ${mark(kept)} | ${cell(name)} | ${number(before)} | ${shown} | ${limit} | ${cell(note)} |`;
}

/** Text that neither ends a table's cell nor becomes markup. */
function cell(text: string): string {
  return text.replace(/[\\`*_|<>[\]]/g, "\\$&").replace(/\s+/g, " ");
}

/** A code block whose fence is longer than any in the text. Colours of a terminal are left out. */
function fenced(text: string): string {
  // eslint-disable-next-line no-control-regex
  const plain = text.replace(/\u001b\[[0-9;]*m/g, "");
  const longest = Math.max(2, ...[...plain.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${plain}\n${fence}`;
}
