/** What a rollback is going to do: to which release, whether that one is fit to be live, and how it is told to whoever is asked. */
import type { Client } from "../databricks/client";
import { messageOf } from "../databricks/errors";
import { Warehouse } from "../databricks/sql";
import { readMoves, type PastMove } from "../providers/registry/history";
import { readRow, type RegistryEntry } from "../providers/registry/table";
import { wayBack } from "../providers/registry/wayBack";
import { readManifest } from "../providers/release/manifest";
import { readSource, type Source } from "../source";
import { describeCommit } from "../source/apart";
import { short } from "../source/githash";
import { nowAndThen, tell } from "./output";
import { Problem } from "./problem";
import { checkRelease } from "./release";
import type { OperatedStack } from "./stack";
import { ago, when } from "./text";

/** What is live, and what is to be. */
export interface Plan {
  readonly row: RegistryEntry;
  readonly target: string;
  /** When the target was made live the last time. */
  readonly last: PastMove | undefined;
  /** An earlier rollback to the target moved the row, and then did not come to its end. */
  readonly isRest: boolean;
}

/** Names of a list that an error shows. */
const NAMED = 5;

/**
 * Finds what to go back to.
 * @param to as a person gives it; undefined: the last release that was live and was not itself rolled back from
 * @throws Problem where there is none
 */
export async function makePlan(client: Client, stack: OperatedStack, to: string | undefined): Promise<Plan> {
  const { config, outputs, name } = stack;
  const { app, env } = config;
  const { warehouse: id, table } = config.registry;
  const warehouse = new Warehouse(client, id);
  const onWait = nowAndThen(tell);
  const row = await readRow(warehouse, table, config, { onWait });
  if (!row) {
    throw new Problem(
      `Nothing is live in ${app}/${env}, by ${table}: there is nothing to roll back. Run pulumi up.`,
    );
  }
  const moves = (await readMoves(warehouse, table, config, { onWait })).filter(
    ({ githash }) => githash !== "",
  );
  const before = wayBack(moves);
  // The stack's outputs are those of its last complete deployment.
  const isInterrupted = row.hold !== "" && outputs.githash !== row.githash;
  const target =
    to === undefined ? (isInterrupted ? row : before[0])?.githash : resolve(to, moves, `${app}/${env}`);
  if (target === undefined) {
    throw new Problem(
      `${app}/${env} has no release to go back to: before ${short(row.githash)} none was live that was not itself rolled ` +
        "back from. Name one that was live with --to.",
    );
  }
  if (target === row.githash && !isInterrupted) {
    throw new Problem(
      `${short(target)} is live in ${app}/${env} already. Stack ${name} has nothing to go back from.`,
    );
  }
  return {
    row,
    target,
    last: moves.find(({ githash, kind }) => githash === target && kind !== "resume"),
    isRest: target === row.githash,
  };
}

/** The commit of the history that a person means. */
function resolve(to: string, moves: readonly PastMove[], place: string): string {
  const wanted = to.toLowerCase();
  if (!/^[0-9a-f]{4,40}$/.test(wanted)) {
    throw new Problem(`--to ${to}: expected a commit's id, or at least its first 4 digits.`, 2);
  }
  const all = [...new Set(moves.map(({ githash }) => githash))];
  const found = all.filter((githash) => githash.startsWith(wanted));
  if (found.length !== 1) {
    const list = (githashes: readonly string[]) => githashes.slice(0, NAMED).map(short).join(", ");
    throw new Problem(
      found.length > 1
        ? `--to ${to} stands for several releases: ${list(found)}. Write more of its id.`
        : `${to} was never live in ${place}. Live there were, the last one first: ${list(all)}. Another commit is deployed by source.ref.`,
    );
  }
  return found[0] as string;
}

/**
 * The files of the commit to go back to: everything that `up` does with a release begins with them.
 * @throws Problem where the commit cannot be had
 */
export async function readTarget({ config }: OperatedStack, target: string): Promise<Source> {
  try {
    return await readSource({ ...config.source, ref: target }, { onProgress: tell });
  } catch (error) {
    throw new Problem(
      `The commit ${short(target)} cannot be had, so its release cannot be made live:\n${messageOf(error)}\n` +
        "Nothing was changed. Of a repository on a server, commits that this machine has read before are in its cache and need no " +
        "connection: where the release was deployed from, the rollback may work. Or name another release with --to.",
    );
  }
}

/** @throws Problem where the release is not complete and unedited, or is not what the stack would make of the commit today. */
export async function refuseUnfit(
  client: Client,
  stack: OperatedStack,
  target: string,
  source: Source,
): Promise<void> {
  const path = `${stack.releaseRoot}/${target}`;
  const elsewhere =
    "Nothing was changed. Name another release with --to, or deploy this commit anew: source.ref.";
  const [{ state, differences }, manifest] = await Promise.all([
    checkRelease(client, path, target),
    readManifest(client, path),
  ]);
  if (state === "unknown") {
    tell(`warning: whether ${path} was edited could not be told: ${differences.slice(0, NAMED).join(", ")}`);
  } else if (state !== "intact") {
    const more = differences.length > NAMED ? [`… and ${differences.length - NAMED} more`] : [];
    const lines = [...differences.slice(0, NAMED), ...more].map((line) => `  ${line}\n`).join("");
    throw new Problem(`The release ${path} is ${state}.\n${lines}${elsewhere}`);
  }
  if (manifest && manifest.digest !== source.digest) {
    throw new Problem(
      `The release ${path} was made with other settings (path "${manifest.path}", exclude [${manifest.exclude.join(", ")}]) ` +
        `than the stack has now. ${elsewhere}`,
    );
  }
}

/** What is about to be done, for whoever is asked. */
export async function describe(
  stack: OperatedStack,
  { row, target, last, isRest }: Plan,
  source: Source,
  { note, retest }: { readonly note: string; readonly retest: boolean },
): Promise<string[]> {
  const { app, env, gate } = stack.config;
  const subject = await describeCommit(stack.config.source.repository, row.githash, { offline: true }).then(
    (commit) => commit.subject,
    () => "",
  );
  const shown = (githash: string, text: string) => `${short(githash)}${text ? ` ${text}` : ""}`;
  const isReused = gate.reuse !== "never" && !retest;
  return [
    `${app}/${env} on ${stack.host}:`,
    ...(isRest
      ? [`  the rollback to ${shown(target, source.commit.subject)} did not come to its end; it goes on`]
      : [
          `  from   ${shown(row.githash, subject)}, live since ${when(row.deployedAt)} (${ago(row.deployedAt)}) by ${row.deployedBy}`,
          `  to     ${shown(target, source.commit.subject)}${last ? `, made live ${when(last.movedAt)} by ${last.movedBy}` : ""}`,
        ]),
    ...(note ? [`  note   ${note}`] : []),
    `  tests  ${isReused ? "taken over where they passed on this release" : "run again"}`,
    `  hold   pulumi up of another commit is refused until: npm run releases -- resume --stack ${stack.name}`,
  ];
}
