/** `releases doctor`: what a deployment of the stack needs, looked at one by one, each with the way to mend it. */
import { resolve } from "node:path";
import { messageOf } from "../databricks/errors";
import { examine, notChecked, ok, problem, type Finding, type Mark } from "./doctor/finding";
import { checkGround, type Ground } from "./doctor/ground";
import { checkEngine, checkGit, checkPlugins, checkPython, checkSource } from "./doctor/machine";
import { checkExperiment, checkJobs, checkRegistry, checkSecrets, checkWarehouse } from "./doctor/rights";
import { checkImport, checkOpen } from "./doctor/root";
import { print, printJson } from "./output";
import { Problem } from "./problem";
import { findStack, type FoundStack } from "./stack";
import { wrap } from "./text";

export interface DoctorOptions {
  readonly stack: string;
  readonly cwd: string;
  readonly json?: boolean;
}

/**
 * Prints a line a check, or as JSON `{ stack, healthy, findings: Finding[] }`.
 * @returns the exit code: 1 where something is wrong; a warning is not.
 */
export async function doctor({ stack: name, cwd, json = false }: DoctorOptions): Promise<0 | 1> {
  const findings = await diagnose(name, cwd);
  const healthy = findings.every(({ mark }) => mark !== "problem");
  if (json) {
    printJson({ stack: name, healthy, findings });
  } else {
    print(showFindings(findings));
  }
  return healthy ? 0 : 1;
}

async function diagnose(name: string, cwd: string): Promise<Finding[]> {
  const folder = resolve(cwd);
  const engine = await examine("engine", checkEngine, "Install pulumi again.");
  const hasEngine = engine.mark !== "problem";
  const { stack, finding } = hasEngine
    ? await readConfiguration(name, folder)
    : { stack: undefined, finding: { check: "configuration", ...notChecked("pulumi comes first") } };
  const [machine, ground] = await Promise.all([examineMachine(folder, stack, hasEngine), checkGround(stack)]);
  const [plugins, ...others] = machine;
  return [
    engine,
    ...(plugins ? [plugins] : []),
    finding,
    ...others,
    ...ground.findings,
    ...(await examineWorkspace(ground, stack)),
  ];
}

async function readConfiguration(
  name: string,
  cwd: string,
): Promise<{ stack?: FoundStack; finding: Finding }> {
  const check = "configuration";
  try {
    const stack = await findStack(name, cwd);
    const { app, env } = stack.config;
    return { stack, finding: { check, ...ok(`stack ${name} is ${app}/${env}`) } };
  } catch (error) {
    // A problem says what to do by itself; the program's own check of the values only says what is allowed.
    const mend = error instanceof Problem ? "" : 'Correct the stack\'s file: README.md, "Configuration".';
    return { finding: { check, ...problem(messageOf(error), mend) } };
  }
}

const NO_CONFIGURATION = "the configuration comes first";

function examineMachine(cwd: string, stack: FoundStack | undefined, hasEngine: boolean): Promise<Finding[]> {
  return Promise.all([
    examine(
      "plugins",
      () => (hasEngine ? checkPlugins(cwd) : notChecked("pulumi comes first")),
      "Run npm install in the project's folder.",
    ),
    examine("git", checkGit, "Install git 2.30 or later."),
    examine(
      "source",
      () => (stack ? checkSource(stack) : notChecked(NO_CONFIGURATION)),
      "Correct source in the stack's configuration, or the repository.",
      120_000,
    ),
    examine("python", () => checkPython(cwd), "Run npm start."),
  ]);
}

/** What can only be asked with a token that works; some of it is tried on own objects, which are removed again. */
export async function examineWorkspace(
  { met }: Pick<Ground, "met">,
  stack: FoundStack | undefined,
): Promise<Finding[]> {
  const checks = ["release root", "import", "jobs", "secrets", "warehouse", "registry", "experiment"];
  if (!met || !stack) {
    const why = met ? NO_CONFIGURATION : "host and token come first";
    return checks.map((check) => ({ check, ...notChecked(why) }));
  }
  const { client, userName } = met;
  const { app, env, experiment } = stack.config;
  const home = `/Users/${userName}`;
  const root = stack.releaseRoot ?? `${home}/releases/${app}`;
  const warehouse = examine(
    "warehouse",
    () => checkWarehouse(client, stack),
    permission("CAN_USE on the warehouse"),
  );
  return Promise.all([
    examine("release root", () => checkOpen(client, root), permission(`CAN_MANAGE on ${root}`)),
    examine(
      "import",
      () => checkImport(client, root),
      permission(`CAN_EDIT on ${root} or the folder above it`),
    ),
    examine("jobs", () => checkJobs(client), permission("the right to create jobs")),
    examine(
      "secrets",
      () => checkSecrets(client, stack),
      permission("MANAGE on the scope, or the right to create scopes"),
    ),
    warehouse,
    examine(
      "registry",
      async () => checkRegistry(client, stack, (await warehouse).mark === "ok"),
      permission("SELECT and MODIFY on the table, USE on its schema and catalog"),
    ),
    examine(
      "experiment",
      () => checkExperiment(client, experiment.path ?? `${home}/deployments/${app}-${env}`),
      permission("CAN_EDIT on the experiment, or on its folder"),
    ),
  ]);
}

function permission(what: string): string {
  return `Give the deployer ${what}.`;
}

const MARKS: Readonly<Record<Mark, string>> = { ok: "✓", warning: "!", problem: "✗", "not checked": "–" };
const WIDTH = 120;

/** For people: a line a check with its mark, and below it how to mend what is not right. */
export function showFindings(findings: readonly Finding[]): string {
  const indent = 2 + Math.max(...findings.map(({ check }) => check.length)) + 2;
  const block = (text: string) => wrap(text, WIDTH - indent).join(`\n${" ".repeat(indent)}`);
  const lines = findings.map(({ check, mark, found, mend }) => {
    const head = `${MARKS[mark]} ${check}`.padEnd(indent);
    const text = mark === "not checked" ? `not checked: ${found}` : found;
    return `${head}${block(text)}${mend ? `\n${" ".repeat(indent)}${block(`→ ${mend}`)}` : ""}`;
  });
  return lines.join("\n");
}
