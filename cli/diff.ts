/** `releases diff`: the notebooks that are added, changed and removed from one commit to another. */
import { messageOf } from "../databricks/errors";
import { Warehouse } from "../databricks/sql";
import { readRow } from "../providers/registry/table";
import { describeCommit } from "../source/apart";
import { diffCommits, resolveCommit, type CommitDiff } from "../source/diff";
import { short } from "../source/githash";
import { nowAndThen, print, printJson, tell } from "./output";
import { Problem } from "./problem";
import { connectTo, findStack, stackFiles, type FoundStack } from "./stack";
import { cut } from "./text";

export interface DiffOptions {
  readonly stack: string;
  readonly cwd: string;
  /** The text of the files too. */
  readonly content?: boolean;
  /** Seconds, for each environment that is named. */
  readonly timeout: number;
  readonly json?: boolean;
}

/** One of the two commits. */
export interface Side {
  readonly githash: string;
  /** As it was named: a githash, `live in prod`, or a ref. */
  readonly name: string;
  readonly subject: string;
}

/** Prints the paths, or as JSON `{ app, from: Side, to: Side, added, changed, removed, text? }`: lists of paths in the release. */
export async function diff(from: string, to: string, options: DiffOptions): Promise<void> {
  const { cwd, content = false, json = false } = options;
  const stack = await findStack(options.stack, cwd);
  const [before, after] = await Promise.all(
    [from, to].map((name) => findSide(name, stack, cwd, { limitMs: options.timeout * 1000 })),
  );
  if (!before || !after) {
    return;
  }
  const text = content ? { color: !json && process.stdout.isTTY && !process.env.NO_COLOR } : undefined;
  const changes = await diffCommits(before.githash, after.githash, stack.config.source, {
    text,
    onProgress: json ? undefined : tell,
  });
  const { app } = stack.config;
  if (json) {
    printJson({ app, from: before, to: after, ...changes });
  } else {
    print(showDiff(app, before, after, changes));
  }
}

interface FindOptions {
  readonly limitMs: number;
}

/** What people call a commit: an id, an environment or a stack (what is live there), or what git calls so. */
export async function findSide(
  name: string,
  stack: FoundStack,
  cwd: string,
  options: FindOptions,
): Promise<Side> {
  const { source } = stack.config;
  const { githash, shown } = await findCommit(name, stack, cwd, options);
  const subject = await describeCommit(source.repository, githash).then(
    (commit) => commit.subject,
    () => "",
  );
  return { githash, name: shown, subject };
}

async function findCommit(name: string, stack: FoundStack, cwd: string, options: FindOptions) {
  const { source } = stack.config;
  if (/^[0-9a-f]{7,40}$/i.test(name)) {
    return { githash: await resolveCommit(source, name.toLowerCase()), shown: short(name) };
  }
  const own = name === stack.name || name === stack.config.env;
  if (!own && stackFiles(cwd).includes(name)) {
    const other = await findStack(name, cwd);
    refuseOtherApp(stack, other);
    return requireLive(await liveIn(other, other.config.env, options), other.config.env);
  }
  const env = own ? stack.config.env : name;
  const live = await liveIn(stack, env, options).catch((error: Error) => error);
  if (live instanceof Error && own) {
    throw live;
  }
  if (!(live instanceof Error) && (live || own)) {
    return requireLive(live, env);
  }
  try {
    const githash = await resolveCommit(source, name);
    if (live instanceof Error) {
      tell(`${name} is taken for git's: the registry could not be asked (${live.message})`);
    }
    return { githash, shown: name };
  } catch (error) {
    const registry =
      live instanceof Error
        ? `the registry could not be asked for an environment ${name}: ${live.message}`
        : `${stack.config.registry.table} has no environment ${name} of ${stack.config.app}`;
    throw new Problem(`${name} is no environment, stack or commit: ${registry}; ${messageOf(error)}`);
  }
}

async function liveIn(stack: FoundStack, env: string, { limitMs }: FindOptions): Promise<string | undefined> {
  const { app, registry } = stack.config;
  const row = await readRow(
    new Warehouse(await connectTo(stack), registry.warehouse),
    registry.table,
    { app, env },
    { timeoutMs: limitMs, onWait: nowAndThen(tell) },
  );
  return row?.githash;
}

function requireLive(githash: string | undefined, env: string) {
  if (!githash) {
    throw new Problem(`Nothing is live in ${env}.`);
  }
  return { githash, shown: `live in ${env}` };
}

function refuseOtherApp(stack: FoundStack, other: FoundStack): void {
  if (stack.config.app !== other.config.app) {
    throw new Problem(
      `Stack ${other.name} is of app ${other.config.app}, and stack ${stack.name} of ${stack.config.app}: they have no commits in common.`,
    );
  }
}

const SUBJECT_LENGTH = 60;

/** For people: a line a path, as `pulumi preview` marks them, then the text where it was asked for. */
export function showDiff(app: string, from: Side, to: Side, changes: CommitDiff): string {
  const { added, changed, removed, text } = changes;
  const side = ({ githash, name, subject }: Side): string => {
    const named = name === short(githash) ? "" : ` (${name})`;
    return `${short(githash)}${named}${subject ? `  ${cut(subject, SUBJECT_LENGTH)}` : ""}`;
  };
  const paths = [
    ...added.map((path) => [path, "+"] as const),
    ...changed.map((path) => [path, "~"] as const),
    ...removed.map((path) => [path, "-"] as const),
  ].sort(([a], [b]) => (a < b ? -1 : 1));
  const counts =
    paths.length === 0
      ? "no differences"
      : `${added.length} added, ${changed.length} changed, ${removed.length} removed`;
  return [
    `${app}: from ${side(from)}`,
    `${" ".repeat(app.length)}    to ${side(to)}`,
    ...paths.map(([path, mark]) => `  ${mark} ${path}`),
    counts,
    ...(text ? ["", text.replace(/\n$/, "")] : []),
  ].join("\n");
}
