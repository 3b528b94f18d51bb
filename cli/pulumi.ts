/** Asks the real `pulumi` about a stack. Secret values are never asked for: where there is one, it shows none. */
import { execFile } from "node:child_process";
import { Problem } from "./problem";

const LIMIT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** A value of a stack's configuration; a secret one has none. */
export interface ConfigValue {
  readonly value?: string;
  readonly secret?: boolean;
}

/** @param cwd the project's folder, where Pulumi.yaml lies. */
export async function readConfig(stack: string, cwd: string): Promise<Record<string, ConfigValue>> {
  return (await pulumiJson(["config", "--json"], stack, cwd)) as Record<string, ConfigValue>;
}

/** The stack's outputs; empty where it was never deployed. */
export async function readOutputs(stack: string, cwd: string): Promise<Record<string, unknown>> {
  return (await pulumiJson(["stack", "output", "--json"], stack, cwd)) as Record<string, unknown>;
}

/** The project's stacks in the backend that is logged in to, as it names them. */
export async function listStacks(cwd: string): Promise<string[]> {
  const stacks = (await pulumiJson(["stack", "ls", "--json"], undefined, cwd)) as { name: string }[];
  return stacks.map(({ name }) => name);
}

async function pulumiJson(
  command: readonly string[],
  stack: string | undefined,
  cwd: string,
): Promise<unknown> {
  const chosen = stack === undefined ? [] : ["--stack", stack];
  const args = [...command, ...chosen, "--cwd", cwd, "--non-interactive", "--color", "never"];
  const stdout = await new Promise<string>((resolve, reject) => {
    const options = { timeout: LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES };
    execFile("pulumi", args, options, (error, out, errors) =>
      error ? reject(explain(error, errors, stack, cwd)) : resolve(out),
    );
  });
  try {
    return JSON.parse(stdout);
  } catch {
    const of = stack === undefined ? "" : ` for stack ${stack}`;
    throw new Problem(`pulumi ${command.join(" ")} answered something else than JSON${of}.`);
  }
}

export function pulumiMissing(): Problem {
  return new Problem('pulumi is not on PATH. In this repository: eval "$(npm run --silent env)"');
}

function explain(
  error: Error & { code?: unknown; killed?: boolean },
  errors: string,
  stack: string | undefined,
  cwd: string,
): Problem {
  if (error.code === "ENOENT") {
    return pulumiMissing();
  }
  if (error.killed) {
    return new Problem(`pulumi did not answer within ${LIMIT_MS / 1000} s.`);
  }
  if (stack !== undefined && /no stack named/i.test(errors)) {
    return new Problem(
      `There is no stack ${stack} in ${cwd}. \`pulumi stack ls\` shows those that there are; is it the backend that you mean (\`pulumi whoami -v\`)?`,
    );
  }
  const said = errors.trim().split("\n").slice(-5).join("\n");
  const what = stack === undefined ? `the stacks of ${cwd}` : `stack ${stack}`;
  return new Problem(`pulumi could not read ${what}:\n${said || error.message}`);
}
