/** What an `up` says that refuses what it was given. */
import assert from "node:assert/strict";
import { failed, type PulumiRun, type PulumiStack } from "../support/pulumi";

/** The one error of a run that failed, after a look that it left no stack trace, and nothing in the state. */
export async function onlyError(stack: PulumiStack, run: PulumiRun): Promise<string> {
  const output = failed(run);
  const told = errors(output);
  assert.equal(told.length, 1, output);
  assert.doesNotMatch(output, /\n\s+at .*:\d+:\d+/, "no stack trace");
  const made = (await stack.resources()).filter(({ id, type }) => id && !type.startsWith("pulumi:"));
  assert.deepEqual(
    made.map(({ urn }) => urn),
    [],
    "nothing is in the state",
  );
  return told[0] as string;
}

/** The lines of the run's errors, without the engine's own prefixes. */
function errors(output: string): string[] {
  return [...output.slice(output.indexOf("Diagnostics:")).matchAll(/^ {4}error: (.*(?:\n {6}.*)*)/gm)].map(
    ([, text]) => text as string,
  );
}
