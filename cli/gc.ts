/** `releases gc`: deletes the releases that nothing needs any more, and says why each other one stays. */
import { collect, type CollectOptions, type Outcome } from "../providers/retention/collect";
import { short } from "../source/githash";
import { canAsk, confirm, print, printJson, table, tell } from "./output";
import { Problem } from "./problem";
import { connectTo, readStack } from "./stack";

export interface GcOptions {
  readonly stack: string;
  readonly cwd: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** A release of thousands of notebooks can take a workspace a while to delete. */
const LIMIT_MS = 30 * 60_000;

/** @returns the exit code: 1 where a release could not be deleted. */
export async function gc({
  stack: name,
  cwd,
  dryRun = false,
  yes = false,
  json = false,
}: GcOptions): Promise<0 | 1> {
  const mustAsk = !dryRun && !yes;
  if (mustAsk && (json || !canAsk())) {
    throw new Problem(
      "There is nobody to ask: add --yes to delete, or --dry-run to see what would be deleted.",
      2,
    );
  }
  const stack = await readStack(name, cwd);
  const { config, releaseRoot: root } = stack;
  const client = await connectTo(stack);
  const ground = { root, ...config.registry, app: config.app, env: config.env };
  const run = (options: CollectOptions) =>
    collect(client, ground, config.retention, {
      limitMs: LIMIT_MS,
      onProgress: json ? undefined : tell,
      ...options,
    });

  let outcomes = await run({ dryRun: !yes || dryRun });
  if (mustAsk) {
    const doomed = outcomes.flatMap(({ outcome, githash }) => (outcome === "would delete" ? [githash] : []));
    if (doomed.length > 0) {
      show(root, outcomes);
      if (!(await confirm(`Delete ${count(doomed.length)} of ${root}?`))) {
        tell("Nothing was deleted.");
        return 0;
      }
      outcomes = await run({ only: new Set(doomed) });
    }
  }
  if (json) {
    printJson({ stack: name, releaseRoot: root, dryRun, releases: outcomes });
  } else {
    show(root, outcomes);
  }
  return outcomes.some(({ outcome }) => outcome === "failed") ? 1 : 0;
}

function show(root: string, outcomes: readonly Outcome[]): void {
  if (outcomes.length === 0) {
    print(`There are no releases in ${root}.`);
    return;
  }
  print(root);
  print(
    table(
      ["RELEASE", "", "WHY"],
      outcomes.map(({ githash, outcome, reason }) => [short(githash), outcome, reason]),
    ),
  );
}

function count(releases: number): string {
  return releases === 1 ? "one release" : `${releases} releases`;
}
