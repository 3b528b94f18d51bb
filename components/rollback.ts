/** A rollback as `releases rollback` hands it to the stack's program: one variable of the environment, valid for one `pulumi up`. */
import { z } from "zod";
import { GITHASH } from "../source/githash";
import { refusal } from "./refusal";

/** Its value is the JSON of a `Rollback`. */
export const ROLLBACK_VARIABLE = "NOTEBOOK_RELEASES_ROLLBACK";

const githash = z.string().regex(GITHASH, "a full commit id");
const schema = z.strictObject({
  /** The Pulumi stack that it was asked for. */
  stack: z.string().min(1),
  /** The commit to go back to, in place of `source.ref`. */
  githash,
  /** The commit that is live. */
  from: githash,
  /** The version of the registry's row that says so: where somebody has moved it since, nothing is moved. */
  version: z.number().int().min(1),
  /** In place of `deployNote`. */
  note: z.string(),
  /** Run the tests again, whatever has passed before. */
  retest: z.boolean(),
});

export type Rollback = z.output<typeof schema>;

/**
 * The rollback that this run of the program is; undefined where it is an ordinary deployment.
 * @throws RunError where the variable is not what `releases rollback` writes, or is another stack's.
 */
export function readRollback(stack: string, env: NodeJS.ProcessEnv = process.env): Rollback | undefined {
  const text = env[ROLLBACK_VARIABLE];
  if (!text) {
    return undefined;
  }
  const advice = `Nothing was changed. The variable is set by \`npm run releases -- rollback\` alone: unset ${ROLLBACK_VARIABLE}.`;
  const result = schema.safeParse(parse(text));
  if (!result.success) {
    const problems = result.error.issues.map(
      ({ path, message }) => `  - ${path.join(".") || "it"}: ${message}`,
    );
    throw refusal(`${ROLLBACK_VARIABLE} is no rollback:\n${problems.join("\n")}\n${advice}`);
  }
  if (result.data.stack !== stack) {
    throw refusal(
      `${ROLLBACK_VARIABLE} is a rollback of stack ${result.data.stack}; this is ${stack}. ${advice}`,
    );
  }
  return result.data;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * The branch whose tests (`gate.branchTests`) a rollback's release must have passed: the one that the stack deploys. The
 * commit itself no longer tells of which branch it was.
 * @param ref `source.ref` of the configuration.
 */
export function branchOfRef(ref: string): string | undefined {
  const name = ref.replace(/^refs\/heads\//, "");
  return /^[0-9a-f]{7,40}$/.test(name) || name === "HEAD" || name.startsWith("refs/") ? undefined : name;
}
