/** What a promotion is going to do, and everything that speaks against it, gathered before anything is asked or changed. */
import { branchOf } from "../../components/branch";
import { branchOfRef } from "../../components/rollback";
import type { Client } from "../../databricks/client";
import { environmentFor } from "../../databricks/hosts";
import { CredentialsError, messageOf } from "../../databricks/errors";
import { Warehouse } from "../../databricks/sql";
import { artifactsDigest } from "../../providers/build/tested";
import { readRow, type RegistryEntry } from "../../providers/registry/table";
import { readSource, type Source } from "../../source";
import { short } from "../../source/githash";
import { within } from "../limit";
import { nowAndThen, tell } from "../output";
import { Problem } from "../problem";
import { findStack, meet, type FoundStack } from "../stack";
import { readStackFile } from "../stackFile";
import { compareContents, readAs } from "./contents";
import { askGitHub } from "./gitHub";
import type { Answer, AskOptions, From, Tested } from "./tested";
import { askWorkspace } from "./workspace";

export interface PlanOptions {
  readonly from: string;
  readonly to: string;
  readonly cwd: string;
  readonly ref?: string;
  readonly fromGithub?: boolean;
  readonly otherArtifacts?: boolean;
  /** Seconds, for each of the two. */
  readonly timeout: number;
}

export interface Plan {
  readonly from: From;
  readonly to: FoundStack;
  readonly client: Client;
  readonly tested: Tested;
  /** The commit that is to be live, as the to-stack releases it. */
  readonly target: Source;
  /** Whose tests the to-stack's gate adds (`gate.branchTests`); empty for none. */
  readonly branch: string;
  /** What is live in the to-stack. */
  readonly row: RegistryEntry | undefined;
  /** Files that were tested, and that the to-stack leaves out. */
  readonly leftOut: number;
}

/** @throws Problem with everything that speaks against it */
export async function makePlan(options: PlanOptions): Promise<Plan> {
  const { cwd, ref } = options;
  const limitMs = options.timeout * 1000;
  const to = await findStack(options.to, cwd);
  const { from, ask } = await findFrom(options, to);
  refuseOtherApp(from, to);
  const [fromSpec, toSpec] = [from.config.source, to.config.source];
  const wanted = ref === undefined ? undefined : await had(readAs(fromSpec, toSpec, ref));
  const [answer, { client, row }] = await Promise.all([
    ask({ wanted, limitMs, onProgress: nowAndThen(tell) }),
    within(limitMs, askTo(to, limitMs), " (--timeout allows more)"),
  ]);
  const { tested } = answer;
  const githash = wanted?.commit.githash ?? tested?.githash;
  const problems = [...answer.problems, ...onHold(to, row, githash)];
  if (!tested || githash === undefined) {
    throw refusal(from, to, problems);
  }
  const [source, target] = await Promise.all([
    wanted ?? had(readAs(fromSpec, toSpec, githash)),
    had(readSource({ ...toSpec, ref: githash }, { onProgress: tell })),
  ]);
  const contents = await compareContents(from, to, tested, source, target);
  problems.push(...contents.problems, ...(options.otherArtifacts ? [] : otherBuild(from, to, tested)));
  if (problems.length > 0) {
    throw refusal(from, to, problems);
  }
  const branch = branchOf(wanted ?? target) ?? branchOfRef(toSpec.ref) ?? "";
  return { from, to, client, tested, target, branch, row, leftOut: contents.leftOut };
}

/** Who is going to tell what was tested; which of the two it is, is always said. */
async function findFrom(
  { from: name, cwd, fromGithub = false }: PlanOptions,
  to: FoundStack,
): Promise<{ from: From; ask: (options: AskOptions) => Promise<Answer> }> {
  if (fromGithub) {
    const from = { name, config: readStackFile(name, cwd) };
    return { from, ask: (options) => askGitHub(from, options) };
  }
  const from = await findStack(name, cwd).catch((error: unknown) => {
    throw new Problem(
      `${messageOf(error)}\nWhere stack ${name} cannot be asked from here, --from-github reads what it has tested from GitHub.`,
    );
  });
  try {
    environmentFor(from.host);
  } catch (error) {
    if (!(error instanceof CredentialsError)) {
      throw error;
    }
    if (!from.config.github) {
      throw new Problem(
        `${error.message}\nOr let stack ${name} report to GitHub (github in its configuration), from where it is read then.`,
      );
    }
    const { owner, repository } = from.config.github;
    tell(
      `There are no credentials for ${from.host} here: what ${name} has tested is read from GitHub (${owner}/${repository}).`,
    );
    return { from, ask: (options) => askGitHub(from, options) };
  }
  if (from.config.env === to.config.env && from.host === to.host && from.config.app === to.config.app) {
    throw new Problem(`Stacks ${name} and ${to.name} are of the same environment, ${from.config.env}.`, 2);
  }
  return { from, ask: (options) => askWorkspace(from, options) };
}

async function askTo(to: FoundStack, limitMs: number) {
  const { client } = await meet(to);
  const { warehouse: id, table } = to.config.registry;
  const say = nowAndThen(tell);
  const onWait = (line: string) => say(`${to.name}: ${line}`);
  const row = await readRow(new Warehouse(client, id), table, to.config, { timeoutMs: limitMs, onWait });
  return { client, row };
}

/** Whose commits are made of what was never committed (source/local.ts). */
const NOBODY = "<uncommitted@localhost>";

/** The commit, or why it cannot be promoted. */
async function had(reading: Promise<Source>): Promise<Source> {
  const source = await reading.catch((error: unknown) => {
    throw new Problem(`The commit cannot be had, so it is not promoted:\n${messageOf(error)}`);
  });
  if (source.commit.author.endsWith(NOBODY)) {
    throw new Problem(
      `${short(source.commit.githash)} is made of uncommitted changes and in no repository: commit them, and deploy that first.`,
    );
  }
  return source;
}

function refuseOtherApp(from: From, to: FoundStack): void {
  if (from.config.app !== to.config.app) {
    throw new Problem(
      `Stack ${from.name} is of app ${from.config.app}, and stack ${to.name} of ${to.config.app}: nothing of the one is the other's.`,
    );
  }
}

function onHold(to: FoundStack, row: RegistryEntry | undefined, githash: string | undefined): string[] {
  return row?.hold && row.githash !== githash
    ? [
        `${to.config.app}/${to.config.env} is on hold: ${row.hold}. Once it may move again: npm run releases -- resume --stack ${to.name}`,
      ]
    : [];
}

const NONE = artifactsDigest([]);

/** Where only one of the two builds anything, the artifacts cannot be the same. */
function otherBuild(from: From, to: FoundStack, { artifacts, artifactsDigest: digest }: Tested): string[] {
  const wasBuilt = artifacts === undefined ? digest !== NONE : artifacts.length > 0;
  if (wasBuilt === (to.config.build !== undefined)) {
    return [];
  }
  const [builds, does] = wasBuilt ? [from, to] : [to, from];
  return [
    `stack ${builds.name} builds artifacts and ${does.name} does not, so what goes live is not what was tested (build). ` +
      "Where that is meant: --other-artifacts",
  ];
}

function refusal(from: From, to: FoundStack, problems: readonly string[]): Problem {
  const { app, env } = to.config;
  const count = problems.length === 1 ? "" : ` for ${problems.length} reasons`;
  return new Problem(
    `${from.name} is not promoted to ${app}/${env}${count}; nothing was changed:\n` +
      problems.map((problem) => `  - ${problem}`).join("\n"),
  );
}
