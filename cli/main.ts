/** `npm run releases -- COMMAND`: the operator's commands. Exit codes: 0 done, 1 a problem, 2 wrong usage. */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { messageOf } from "../databricks/errors";
import type { CheckOptions } from "./check";
import type { GcOptions } from "./gc";
import { tell } from "./output";
import { Problem } from "./problem";
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

  return releases;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1000) {
    throw new InvalidArgumentError("A whole number from 1 to 1000.");
  }
  return value;
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
