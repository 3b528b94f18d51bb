/** When releases are collected: after a move, and when a stack is destroyed. And what is said about it. */
import type { Client } from "../../databricks/client";
import { messageOf } from "../../databricks/errors";
import { Warehouse } from "../../databricks/sql";
import { short } from "../../source/githash";
import { say } from "../progress";
import { wasDestroyed } from "../registry/lines";
import type { RowKey } from "../registry/table";
import { collect, OthersLiveHere, type Ground, type Outcome } from "./collect";
import { DEFAULT_RETENTION, type Retention } from "./plan";

/** Jobs follow the row only after this: what takes longer is left for the next time. */
const AFTER_MOVE_MS = 30_000;
const DESTROY_MS = 10 * 60_000;

/** What a registry row and a release know of where they are. */
export interface Deployed extends RowKey {
  readonly warehouse: string;
  /** Absent in a state of before there was a retention. */
  readonly retention?: Retention;
}

/**
 * Collects the releases of the root in which `live` lies. Never fails: the deployment is done.
 * @param replaced the release that was live until the move.
 */
export async function collectAfterMove(
  client: Client,
  deployed: Deployed,
  live: string,
  replaced: string | undefined,
): Promise<void> {
  const ground = groundOf(deployed, live);
  if (!ground) {
    return;
  }
  try {
    const policy = { ...(deployed.retention ?? DEFAULT_RETENTION), replaced };
    const outcomes = await collect(client, ground, policy, { live, limitMs: AFTER_MOVE_MS });
    sayAll(
      ground.root,
      outcomes.filter(({ path }) => path !== live),
    );
  } catch (error) {
    say(`warning: old releases were not collected: ${messageOf(error)}`);
  }
}

/**
 * Deletes the release of a resource that is deleted while its environment has no row; where the environment was
 * destroyed, every other one of the root too that nothing else needs.
 * @throws Error if the release itself should go and could not be deleted.
 */
export async function collectAfterDestroy(client: Client, deployed: Deployed, own: string): Promise<void> {
  const ground = groundOf(deployed, own);
  if (!ground) {
    say(`${own} stays: it is not named after a commit, so it is not taken for a release`);
    return;
  }
  const gone = await wasDestroyed(new Warehouse(client, ground.warehouse), ground.table, ground);
  const policy = {
    ...(deployed.retention ?? DEFAULT_RETENTION),
    own,
    ...(gone && { gone: { app: ground.app, env: ground.env } }),
  };
  const githash = own.slice(ground.root.length + 1);
  const only = gone ? {} : { only: new Set([githash]) };
  const outcomes = await collect(client, ground, policy, { limitMs: DESTROY_MS, ...only }).catch(
    (error: unknown) => {
      if (error instanceof OthersLiveHere) {
        say(`warning: ${own} stays: ${error.message}`);
        return [];
      }
      throw error;
    },
  );
  const ours = outcomes.find((outcome) => outcome.githash === githash);
  if (ours?.outcome === "failed" || ours?.outcome === "left") {
    throw new Error(`${own} could not be deleted: ${ours.reason}`);
  }
  sayAll(
    ground.root,
    outcomes.filter(({ outcome, path }) => gone || path === own || outcome === "deleted"),
  );
}

/** undefined where the path's last part is no commit. */
function groundOf({ warehouse, table, app, env }: Deployed, releasePath: string): Ground | undefined {
  const [, root] = /^(.+)\/[0-9a-f]{40}$/.exec(releasePath) ?? [];
  return root === undefined ? undefined : { root, warehouse, table, app, env };
}

function sayAll(root: string, outcomes: readonly Outcome[]): void {
  if (outcomes.length > 0) {
    say([`releases in ${root}`, ...describe(outcomes).map((line) => `  ${line}`)].join("\n"));
  }
}

/** A line for all releases that have the same outcome for the same reason. */
export function describe(outcomes: readonly Outcome[]): string[] {
  const groups = new Map<string, { first: Outcome; githashes: string[] }>();
  for (const outcome of outcomes) {
    const key = `${outcome.outcome}\n${outcome.reason}`;
    const group = groups.get(key) ?? { first: outcome, githashes: [] };
    group.githashes.push(short(outcome.githash));
    groups.set(key, group);
  }
  const word = { failed: "warning: could not delete", left: "left" } as Record<Outcome["outcome"], string>;
  return [...groups.values()].map(
    ({ first, githashes }) =>
      `${word[first.outcome] ?? first.outcome} ${githashes.join(", ")}: ${first.reason}`,
  );
}
