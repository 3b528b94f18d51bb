/** Errors in what a person gave: Pulumi shows them without a stack trace. */
import type * as pulumi from "@pulumi/pulumi";

/** The RunError to throw. On demand: the operator's commands read the same settings, and do not wait for the package. */
export function refusal(message: string): Error {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- see above.
  const { RunError } = require("@pulumi/pulumi") as typeof pulumi;
  return new RunError(message);
}
