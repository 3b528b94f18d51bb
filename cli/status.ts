/** `releases status`: what is live in each environment of the app, wherever its workspace is. */
import { resolve } from "node:path";
import { messageOf } from "../databricks/errors";
import { distance, type Distance } from "../source/apart";
import { short } from "../source/githash";
import { shownTests } from "./deployments";
import { askEnvironment, type AskOptions, type Environment, type Live } from "./environment";
import { nowAndThen, print, printJson, table, tell } from "./output";
import { Problem } from "./problem";
import { listStacks } from "./pulumi";
import { findStack, shortName, stackFiles, type FoundStack } from "./stack";
import { ago, cut, listed, when } from "./text";

export interface StatusOptions {
  /** Default: every stack of the project that has a file and that the backend knows. */
  readonly stack?: readonly string[];
  readonly cwd: string;
  readonly quick?: boolean;
  /** Seconds, for each stack. */
  readonly timeout: number;
  readonly json?: boolean;
}

/** How an environment's live commit lies to another environment's of the same app. */
export interface Against extends Partial<Distance> {
  readonly env: string;
}

/**
 * One element of `environments` in the JSON. `against` has every other environment of the app that has something live;
 * without `ahead` and `behind` where they cannot be told (another repository, rewritten history, `--quick`).
 */
export interface StatusEntry extends Environment {
  readonly against: readonly Against[];
}

/**
 * Prints a table an app, or as JSON `{ environments: StatusEntry[] }` (see `Environment` and `Live`).
 * @returns the exit code: 1 where a stack could not be asked.
 */
export async function status(options: StatusOptions): Promise<0 | 1> {
  const { json = false, quick = false, timeout, cwd } = options;
  const wanted = options.stack ?? (await ownStacks(cwd));
  if (wanted.length === 0) {
    throw new Problem(
      `${resolve(cwd)} has no stack with a file Pulumi.<stack>.yaml in this backend (\`pulumi stack ls\`). ` +
        "Name one with --stack, or make one with: pulumi stack init",
    );
  }
  const progress = json ? () => undefined : tell;
  const asked = await Promise.all(
    wanted.map((name) =>
      askStack(name, cwd, { quick, limitMs: timeout * 1000, onProgress: nowAndThen(progress) }),
    ),
  );
  const entries = await compareEnvironments(asked, { quick, onProgress: progress });
  if (json) {
    printJson({ environments: entries });
  } else {
    print(showStatus(entries));
  }
  return entries.some(({ problem }) => problem !== "") ? 1 : 0;
}

/** An environment, and the repository that its commits are in. */
export interface Asked {
  readonly environment: Environment;
  readonly repository: string;
}

async function askStack(name: string, cwd: string, options: AskOptions): Promise<Asked> {
  let stack: FoundStack;
  try {
    stack = await findStack(name, cwd);
  } catch (error) {
    const environment = { stack: name, app: "", env: "", host: "", problem: messageOf(error), live: null };
    return { environment, repository: "" };
  }
  return { environment: await askEnvironment(stack, options), repository: stack.config.source.repository };
}

/** The stacks of the project's folder that the backend knows too: a file may be an example, or another backend's. */
async function ownStacks(cwd: string): Promise<string[]> {
  const files = new Set(stackFiles(cwd));
  return (await listStacks(cwd)).filter((name) => files.has(shortName(name))).sort();
}

/** How the live commits of each app lie to each other. */
export async function compareEnvironments(
  asked: readonly Asked[],
  options: Pick<AskOptions, "quick" | "onProgress"> = {},
): Promise<StatusEntry[]> {
  const measure = measurer(options);
  const entries: StatusEntry[] = [];
  for (const one of asked) {
    const others = asked.filter((other) => other !== one && other.environment.app === one.environment.app);
    const against: Against[] = [];
    for (const other of others) {
      if (one.environment.live && other.environment.live) {
        against.push({ env: other.environment.env, ...(await measure(one, other)) });
      }
    }
    entries.push({ ...one.environment, against });
  }
  return entries;
}

/** Measures each pair once, and asks no repository again that did not answer. */
function measurer({ quick, onProgress }: Pick<AskOptions, "quick" | "onProgress">) {
  const known = new Map<string, Distance | undefined>();
  const silent = new Set<string>();
  return async (one: Asked, other: Asked): Promise<Distance | undefined> => {
    const [from = "", to = ""] = [one, other].map(({ environment }) => environment.live?.githash);
    const { repository } = one;
    if (repository !== other.repository || silent.has(repository)) {
      return undefined;
    }
    const mirrored = known.get(`${repository} ${to} ${from}`);
    if (mirrored) {
      return { ahead: mirrored.behind, behind: mirrored.ahead };
    }
    const found = await distance(repository, from, to, { offline: quick, onProgress }).catch(() => {
      silent.add(repository);
      return undefined;
    });
    known.set(`${repository} ${from} ${to}`, found);
    return found;
  };
}

/** For people: a table an app, and under it what does not fit into columns. */
export function showStatus(entries: readonly StatusEntry[], now = Date.now()): string {
  const apps = [...new Set(entries.map(({ app }) => app))].sort();
  return apps
    .map((app) =>
      showApp(
        app,
        entries.filter((entry) => entry.app === app),
        now,
      ),
    )
    .join("\n\n");
}

const SUBJECT_LENGTH = 100;
const NAME_LENGTH = 24;

function showApp(app: string, entries: readonly StatusEntry[], now: number): string {
  const rows = entries.map((entry) => {
    const { live, problem } = entry;
    const env = entry.env || entry.stack;
    if (!live) {
      return [env, problem ? "cannot be asked" : "nothing"];
    }
    return [
      env,
      short(live.githash),
      `${when(live.since)} (${ago(live.since, now)})`,
      cut(live.by, NAME_LENGTH),
      shownTests(live.tests),
      live.release.state,
      live.hold ? "on hold" : "",
    ];
  });
  const head = ["ENV", "LIVE", "SINCE (UTC)", "BY", "TESTS", "RELEASE", "HOLD"];
  const details = entries.flatMap((entry) => [
    `  ${entry.env || entry.stack}`,
    ...detailsOf(entry).map((line) => `    ${line}`),
  ]);
  return [...(app ? [app] : []), table(head, rows), "", ...details].join("\n");
}

function detailsOf({ live, problem, host, against }: StatusEntry): string[] {
  if (problem) {
    return problem.split("\n");
  }
  if (!live) {
    return [`nothing is live; ${host}`];
  }
  return [
    cut(live.subject, SUBJECT_LENGTH),
    live.note && `note: ${cut(live.note, SUBJECT_LENGTH)}`,
    live.hold && `on hold: ${live.hold}`,
    against.map(shownDistance).join("; "),
    ...shownDifferences(live),
    live.deploymentUrl || `deployment ${live.deploymentId} has no MLflow run any more; ${host}`,
  ].filter((line) => line !== "");
}

/** `3 behind staging`, `2 ahead of and 1 behind prod`, `the same as staging`. */
function shownDistance({ env, ahead, behind }: Against): string {
  if (ahead === undefined || behind === undefined) {
    return `how far from ${env} is not known`;
  }
  if (ahead === 0 && behind === 0) {
    return `the same as ${env}`;
  }
  const words = [ahead > 0 ? `${ahead} ahead of` : "", behind > 0 ? `${behind} behind` : ""].filter(Boolean);
  return `${words.join(" and ")} ${env}`;
}

const DIFFERENCES = 5;

function shownDifferences({ release }: Live): string[] {
  const { state, differences } = release;
  if (state === "intact") {
    return [];
  }
  const list = listed(differences, DIFFERENCES);
  const mend = state === "unknown" ? "" : "; pulumi refresh shows it, and the next pulumi up repairs it";
  return [`release ${state}${list ? `: ${list}` : ""}${mend}`];
}
