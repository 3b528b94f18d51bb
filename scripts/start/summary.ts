/** The last words of `npm start`: what is live, how its tests went, where to look, what to try. */
import type { JobResult } from "./api";
import type { Outputs } from "./stack";

export interface Story {
  readonly outputs: Outputs;
  /** First line of the live commit's message. */
  readonly subject: string;
  readonly env: string;
  readonly app: string;
  readonly job: { readonly name: string; readonly result: JobResult };
  /** Why the Scala tests are not run here. @default they are */
  readonly noScala?: string;
  readonly host: string;
  readonly mlflow: string;
  /** Seconds since `npm start` had everything installed. */
  readonly seconds: number;
}

const TRY = [
  ["npm run example -- commit", "commit a change to the example and deploy it"],
  ["npm run example -- back", "go back to the commit before"],
  ["npm run example -- drift", "edit a live notebook by hand, and see it found"],
] as const;

/** @param color whether the terminal shows it */
export function summary(story: Story, color: boolean): string {
  const paint = (code: number) => (text: string) => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
  const [bold, green, red, dim] = [paint(1), paint(32), paint(31), paint(2)];
  const { outputs, job } = story;
  const tests = Object.entries(outputs.tests ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max(0, ...tests.map(([name]) => name.length));
  const wide = Math.max(...TRY.map(([command]) => command.length));

  const testLines = tests.map(([name, { result, seconds }]) => {
    const mark = result === "Failed" ? red("✗") : green("✓");
    const said = result === "passed" ? "" : `  ${result}`;
    return `    ${mark} ${name.padEnd(width)}  ${dim(`${seconds.toFixed(1)} s`)}${said}`;
  });
  const notRun = story.noScala ? [`    – Scala tests are not run here: ${story.noScala}`] : [];
  return [
    "",
    `${bold(`${story.app} is live in ${story.env}`)}: commit ${bold(outputs.githash.slice(0, 12))}, "${story.subject}"`,
    `  release  ${outputs.releasePath}`,
    ...(tests.length > 0 ? ["  tests", ...testLines, ...notRun] : []),
    `  job      ${job.name}, ${job.result.seconds.toFixed(1)} s: ${job.result.output}`,
    "",
    bold("Look at it"),
    `  MLflow     ${story.mlflow}`,
    ...(outputs.deploymentUrl ? [`  this run   ${outputs.deploymentUrl}`] : []),
    `  workspace  ${story.host}`,
    "",
    bold("Try next"),
    ...TRY.map(([command, what]) => `  ${command.padEnd(wide)}   ${dim(what)}`),
    "",
    dim(`${story.seconds.toFixed(0)} s. npm stop ends the local workspace; its data stays.`),
    "",
  ].join("\n");
}
