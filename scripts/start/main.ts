/** What `npm start` and `npm run example` do once everything is installed and the local workspace runs. */
import { join } from "node:path";
import { editNotebook, runJob } from "./api";
import { addCommit, makeExample, parentOf, subjectOf } from "./example";
import { StartError } from "./run";
import { findScala } from "./scala";
import { APP, JOB, Stack, STACK } from "./stack";
import { summary } from "./summary";

const ROOT = join(__dirname, "..", "..");
const EXAMPLE = join(ROOT, ".local", "example.git");
const BRANCH = "main";
const UP = ["up", "--yes", "--skip-preview", "--suppress-outputs"];

async function start(stack: Stack): Promise<void> {
  const started = performance.now();
  const scala = await findScala(ROOT, say);
  const jar = "jar" in scala ? scala.jar : undefined;
  await makeExample(join(ROOT, "notebooks"), EXAMPLE, join(ROOT, "testkit", "python"), jar);
  const source = { repository: EXAMPLE, ref: BRANCH };
  await stack.prepare(source, setting("NOTEBOOK_RELEASES_WAREHOUSE"), jar !== undefined);
  say(`Deploying ${APP} with pulumi ${UP.join(" ")} --stack ${STACK}`);
  await stack.show(UP);
  say(`Running the job ${JOB} once`);
  const result = await runJob(JOB);
  const outputs = await stack.outputs();
  const story = {
    outputs,
    subject: await subjectOf(EXAMPLE, outputs.githash),
    env: STACK,
    app: APP,
    ...("missing" in scala ? { noScala: scala.missing } : {}),
    job: { name: JOB, result },
    host: setting("DATABRICKS_HOST"),
    mlflow: setting("NOTEBOOK_RELEASES_MLFLOW"),
    seconds: (performance.now() - started) / 1000,
  };
  process.stdout.write(summary(story, process.stdout.isTTY && !process.env.NO_COLOR));
}

async function commit(stack: Stack): Promise<void> {
  say(`A new commit on ${BRANCH}: ${await addCommit(EXAMPLE)}`);
  stack.setRef(BRANCH);
  await deploy(stack);
}

async function back(stack: Stack): Promise<void> {
  const { githash } = await stack.outputs();
  const earlier = await parentOf(EXAMPLE, githash);
  if (!earlier)
    throw new StartError("The first commit is live; there is none before it. Try npm run example -- commit");
  say(`Back to ${earlier.slice(0, 12)}, "${await subjectOf(EXAMPLE, earlier)}"`);
  stack.setRef(earlier);
  await deploy(stack);
}

async function deploy(stack: Stack): Promise<void> {
  await stack.show(UP);
  say(`Running the job ${JOB} once, on the release that is live now`);
  const { output, seconds } = await runJob(JOB);
  process.stdout.write(`  ${output} (${seconds.toFixed(1)} s)\n`);
}

async function drift(stack: Stack): Promise<void> {
  const { releasePath } = await stack.outputs();
  const notebook = `${releasePath}/pipeline/score`;
  await editNotebook(notebook);
  say(`Edited ${notebook} behind Pulumi's back. What pulumi refresh finds:`);
  await stack.show(["refresh", "--preview-only", "--diff"]);
  say("Put it right with: npm run example -- repair");
}

async function repair(stack: Stack): Promise<void> {
  await stack.show([...UP, "--refresh"]);
}

function say(text: string): void {
  process.stdout.write(`\n${text}\n`);
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new StartError(`${name} is not set: run npm start, which sets it.`);
  return value;
}

const COMMANDS: Readonly<Record<string, (stack: Stack) => Promise<void>>> = {
  start,
  commit,
  back,
  drift,
  repair,
};

COMMANDS[process.argv[2] ?? ""]?.(new Stack(ROOT)).catch((error: Error) => {
  process.stderr.write(`\n${error instanceof StartError ? error.message : error.stack}\n`);
  process.exitCode = 1;
});
