/** `npm run releases -- COMMAND`: the operator's commands. Exit codes: 0 done, 1 a problem, 2 wrong usage; 3 of `rollback` and `promote`: live, but not complete. */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { messageOf } from "../databricks/errors";
import type { CheckOptions } from "./check";
import type { DiffOptions } from "./diff";
import type { DoctorOptions } from "./doctor";
import type { DriftOptions } from "./drift";
import type { GcOptions } from "./gc";
import type { HistoryOptions } from "./history";
import { tell } from "./output";
import type { PreviewCommandOptions } from "./preview";
import { Problem } from "./problem";
import type { PromoteOptions } from "./promote";
import type { ResumeOptions } from "./resume";
import type { RollbackOptions } from "./rollback";
import type { StatusOptions } from "./status";
import type { TestsOptions } from "./tests";

function program(): Command {
  const releases = new Command("releases")
    .description("Looks at the releases of a stack, and changes what is live. Credentials: as for pulumi up.")
    .exitOverride();

  releases
    .command("gc")
    .description("delete the releases that nothing needs any more; say why each other one stays")
    .requiredOption("--stack <name>", "the Pulumi stack")
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--dry-run", "only say what would be deleted")
    .option("--yes", "do not ask")
    .option("--json", "print JSON")
    .action(async (options: GcOptions) => {
      const { gc } = await import("./gc.js");
      process.exitCode = await gc(options);
    });

  releases
    .command("tests")
    .description("show results and durations of the gate's tests, by deployment")
    .requiredOption("--stack <name>", "the Pulumi stack")
    .option("--env <name>", "another environment that logs to the same experiment")
    .option("--test <name>", "only this one, a line a deployment")
    .option("--limit <number>", "the last so many deployments", wholeNumber, 20)
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--json", "print JSON")
    .action(async (options: TestsOptions) => {
      const { tests } = await import("./tests.js");
      await tests(options);
    });

  releases
    .command("check")
    .description("run the watch now: tests of the live release, and its model against fresh data")
    .requiredOption("--stack <name>", "the Pulumi stack")
    .option("--timeout <minutes>", "how long to wait for its end", wholeNumber, 60)
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--json", "print JSON")
    .action(async (options: CheckOptions) => {
      const { check } = await import("./check.js");
      process.exitCode = await check(options);
    });

  releases
    .command("status")
    .description("show what is live in each environment, since when, by whom, and whether it is intact")
    .option(
      "--stack <name...>",
      "only these stacks; default: all of the project that have a file",
      stackNames,
    )
    .option("--quick", "leave out the contents of releases, and what must be fetched from git")
    .option("--timeout <seconds>", "how long to wait for each stack's workspace", wholeNumber, 300)
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--json", "print JSON")
    .action(async (options: StatusOptions) => {
      const { status } = await import("./status.js");
      process.exitCode = await status(options);
      endSoon();
    });

  releases
    .command("history")
    .description("show every move of an environment, and the deployments that failed before theirs")
    .requiredOption("--stack <name>", "the Pulumi stack")
    .option("--env <name>", "another environment of the same registry")
    .option("--limit <number>", "the last so many", wholeNumber, 20)
    .option("--moves-only", "leave out deployments that moved nothing")
    .option("--timeout <seconds>", "how long to wait for the warehouse", wholeNumber, 300)
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--json", "print JSON")
    .action(async (options: HistoryOptions) => {
      const { history } = await import("./history.js");
      await history(options);
    });

  releases
    .command("diff")
    .description(
      "show what changed from one commit to another: githashes, or environments for what is live there",
    )
    .argument("<from>", "a githash, a short one, an environment or a stack; also a branch or a tag")
    .argument("<to>", "the same")
    .requiredOption("--stack <name>", "the Pulumi stack")
    .option("--content", "show the text as well, as git does")
    .option("--timeout <seconds>", "how long to wait for the warehouse", wholeNumber, 300)
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--json", "print JSON")
    .action(async (from: string, to: string, options: DiffOptions) => {
      const { diff } = await import("./diff.js");
      await diff(from, to, options);
    });

  releases
    .command("preview")
    .description("show what a deployment would change: commits, notebooks, tests, jobs, secrets' names, ACLs")
    .option("--stack <name...>", "the Pulumi stacks, or a JSON list of them", stackNames)
    .option("--ref <ref>", "a branch, a tag or a commit; default: the stack's source.ref")
    .option("--refresh", "look for what somebody changed by hand, too")
    .option("--markdown", "print the pull request's comment")
    .option("--key <name>", "with --markdown: tells the comments of several programs apart")
    .option("--comment <pull>", "OWNER/REPOSITORY#NUMBER: write or update the pull request's comment")
    .option("--status <commit>", "OWNER/REPOSITORY@GITHASH: set its status notebook-releases/preview")
    .option("--summary <file>", "add the Markdown to it, too")
    .option("--from <folder>", "show what --json --out has written there, and ask nobody")
    .option("--out <file>", "write there, in place of standard output")
    .option("--timeout <seconds>", "how long to wait for each stack's workspace and engine", wholeNumber, 900)
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--json", "print JSON")
    .action(async (options: PreviewCommandOptions) => {
      const { preview } = await import("./preview.js");
      process.exitCode = await preview(options);
      endSoon();
    });

  releases
    .command("drift")
    .description("say whether what is live is still what was deployed, and what was moved by somebody else")
    .requiredOption("--stack <name...>", "the Pulumi stacks, or a JSON list of them", stackNames)
    .option("--summary <file>", "add the Markdown to it, such as $GITHUB_STEP_SUMMARY")
    .option("--timeout <seconds>", "how long to wait for each stack's workspace and engine", wholeNumber, 900)
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--json", "print JSON")
    .addHelpText("after", "\nExit code 3: something is not as it was deployed.")
    .action(async (options: DriftOptions) => {
      const { drift } = await import("./drift.js");
      process.exitCode = await drift(options);
      endSoon();
    });

  releases
    .command("rollback")
    .description("make an earlier release live again, by pulumi up, and put the environment on hold")
    .requiredOption("--stack <name>", "the Pulumi stack")
    .option(
      "--to <githash>",
      "a commit that was live; default: the last one that was not itself rolled back from",
    )
    .option("--note <text>", "why; in the registry, its history and the deployment's MLflow run")
    .option("--retest", "run the tests again, also where they have passed on that release")
    .option("--yes", "do not ask")
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--json", "print JSON")
    .addHelpText("after", "\nExit code 3: the release is live again, but jobs may not all have followed.")
    .action(async (options: RollbackOptions) => {
      const { rollback } = await import("./rollback.js");
      process.exitCode = await rollback(options);
    });

  releases
    .command("promote")
    .description(
      "make what one stack has tested live in another one, by pulumi up; the other's own gate runs",
    )
    .requiredOption("--from <stack>", "the stack that has tested it, such as staging")
    .requiredOption("--to <stack>", "the stack that it goes to, such as prod")
    .option(
      "--ref <ref>",
      "a commit with the same contents, such as a merge's; default: what is live in --from",
    )
    .option("--from-github", "read what --from has tested from GitHub, in place of its workspace")
    .option("--other-artifacts", "also where the build makes other artifacts than the tested ones")
    .option("--note <text>", "why; in the registry, its history and the deployment's MLflow run")
    .option("--yes", "do not ask")
    .option("--timeout <seconds>", "how long to wait for each of the two", wholeNumber, 300)
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--json", "print JSON")
    .addHelpText("after", PROMOTE_HELP)
    .action(async (options: PromoteOptions) => {
      const { promote } = await import("./promote.js");
      process.exitCode = await promote(options);
      endSoon();
    });

  releases
    .command("resume")
    .description("end the hold that a rollback has set: the next pulumi up moves the environment again")
    .requiredOption("--stack <name>", "the Pulumi stack")
    .option("--note <text>", "why; in the registry's history")
    .option("--yes", "do not ask")
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--json", "print JSON")
    .action(async (options: ResumeOptions) => {
      const { resume } = await import("./resume.js");
      process.exitCode = await resume(options);
    });

  releases
    .command("doctor")
    .description("look at everything that a deployment needs, and say how to mend what is wrong")
    .requiredOption("--stack <name>", "the Pulumi stack")
    .option("--cwd <folder>", "the project's folder", process.cwd())
    .option("--json", "print JSON")
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import("./doctor.js");
      process.exitCode = await doctor(options);
      endSoon();
    });

  return releases;
}

const PROMOTE_HELP = `
Refused, with all reasons, where --from has nothing live, what is live there was edited, was moved by somebody else or has
not passed its tests, where --ref has other contents, and where --to is on hold. With --ref, a release that --from has
passed on from since counts as well, but none that it was rolled back from.
Without credentials for the workspace of --from, what it has tested is read from GitHub (github in its configuration).

Exit code 0: it is live, now or already; 1: refused, or not live; 3: it is live, but jobs may not all have followed.`;

/** A workspace that did not answer in time is not waited for any longer. */
function endSoon(): void {
  setTimeout(() => process.exit(), 1000).unref();
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1000) {
    throw new InvalidArgumentError("A whole number from 1 to 1000.");
  }
  return value;
}

/** `--stack a b`, `--stack a --stack b`, `--stack '["a", "b"]'`: a workflow's variable holds a list as JSON. */
function stackNames(text: string, before: readonly string[] = []): string[] {
  if (!text.startsWith("[")) {
    return [...before, text];
  }
  try {
    const names: unknown = JSON.parse(text);
    if (Array.isArray(names) && names.every((name) => typeof name === "string")) {
      return [...before, ...names];
    }
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError("A stack's name, or a JSON list of names.");
}

async function main(): Promise<void> {
  try {
    await program().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // It has said what is wrong by itself; asking for help is no mistake.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    tell(`Error: ${messageOf(error)}`);
    process.exitCode = error instanceof Problem ? error.exitCode : 1;
  }
}

void main();
