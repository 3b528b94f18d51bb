/**
 * Which releases under one root may be deleted, and why each other one stays. Pure: it decides by the facts that it is
 * given (read.ts), and whoever deletes asks again with fresh ones right before (collect.ts).
 */
import { plainPath } from "../../databricks/objects";

/** How long releases are kept that are not live any more. */
export interface Retention {
  /** Releases of each environment, the live one counted, that a rollback must find. At least 1. */
  readonly keep: number;
  /** Hours for which a release stays after it was live last, or was written last. */
  readonly graceHours: number;
}
export const DEFAULT_RETENTION: Retention = { keep: 5, graceHours: 72 };

export interface Environment {
  readonly app: string;
  readonly env: string;
}
export interface Release {
  readonly githash: string;
  /** `<root>/<githash>`. */
  readonly path: string;
  /** Epoch ms of the last write into it; 0 where nobody has looked yet. */
  readonly writtenAt: number;
  /** A deletion of it had begun, and was interrupted. */
  readonly isMarked?: boolean;
}
/** A row of the registry, of any app. */
export interface LiveRow extends Environment {
  readonly releasePath: string;
}
/** A line of the registry's history. */
export interface PastMove extends Environment {
  readonly kind: string;
  /** Empty where the environment was destroyed. */
  readonly releasePath: string;
  /** Epoch ms. */
  readonly movedAt: number;
  readonly version: number;
}
/** An active run, and which releases it may need. */
export interface RunUse {
  /** For messages: its id and name. */
  readonly name: string;
  /** Epoch ms; 0 where the workspace does not say: before everything. */
  readonly startedAt: number;
  /** Every commit that stands anywhere in the run: in a task's path, a parameter, a library. */
  readonly githashes: ReadonlySet<string>;
  /** Whether it asks the registry which release to run: nothing in it says which one it was told. */
  readonly dispatches: boolean;
}

export interface Facts {
  /** Epoch ms. */
  readonly now: number;
  readonly rows: readonly LiveRow[];
  readonly moves: readonly PastMove[];
  readonly runs: readonly RunUse[];
}

export interface Policy extends Retention {
  /** The environment that is being destroyed: it needs nothing any more. */
  readonly gone?: Environment;
  /** The release of a resource that is being destroyed: no grace for it, live once or not. */
  readonly own?: string;
  /** What was live until the move that has just been done: jobs pinned to it are moved next. */
  readonly replaced?: string;
}

export interface Decision {
  readonly release: Release;
  readonly action: "keep" | "delete";
  /** The same text for all that stay, or go, for the same reason. */
  readonly reason: string;
}

/** Clocks differ: the history has the deployers' times, a run its workspace's. */
const CLOCKS_MS = 5 * 60_000;
const HOUR_MS = 3_600_000;
/** A deletion that was interrupted is gone on with soon, but not while a deployment makes the release anew. */
const MARKED_HOURS = 1;

/**
 * Decides for each release, in the order in which they are given:
 * - what a row names, what is among the last `keep` of an environment, and what a run uses, stays;
 * - so does what was live when a dispatching run began that has not ended: it may have been told to run it;
 * - so does what was live, or written, within `graceHours`: an unfinished one may be an upload that is under way.
 * An environment that was destroyed needs no last releases, and none for a while after they were live. While it is
 * being destroyed, what only it had live goes at once; where it is the root's last one, all goes that no run uses:
 * nobody is left who would collect later.
 */
export function decide(releases: readonly Release[], facts: Facts, policy: Policy): Decision[] {
  const histories = historiesOf(facts, policy);
  const existing = new Set(releases.map(({ path }) => plainPath(path)));
  const rollbacks = histories
    .filter(({ gone }) => !gone)
    .map((history) => ({ history, last: new Set(lastReleases(history, existing).slice(0, policy.keep)) }));
  const isAlone = policy.gone !== undefined && histories.every(({ gone }) => gone);

  return releases.map((release): Decision => {
    const path = plainPath(release.path);
    const keep = (reason: string): Decision => ({ release, action: "keep", reason });

    const live = facts.rows.filter(({ releasePath }) => plainPath(releasePath) === path);
    if (live.length > 0) {
      return keep(`live in ${live.map(named).join(", ")}`);
    }
    if (policy.replaced !== undefined && plainPath(policy.replaced) === path) {
      return keep("live until this move: jobs that are pinned to it follow now");
    }
    const needed = rollbacks.filter(({ last }) => last.has(path));
    if (needed.length > 0) {
      return keep(
        `among the last ${policy.keep} of ${needed.map(({ history }) => named(history)).join(", ")}`,
      );
    }
    const user = facts.runs.find(({ githashes }) => githashes.has(release.githash));
    if (user) {
      return keep(`used by ${user.name}`);
    }
    const ends = histories.flatMap(({ gone, ended }) => {
      const at = ended.get(path);
      return at === undefined ? [] : [{ gone, at }];
    });
    const lastEnd = Math.max(0, ...ends.map(({ at }) => at));
    const dispatcher = facts.runs.find(
      ({ dispatches, startedAt }) => dispatches && lastEnd > 0 && startedAt < lastEnd + CLOCKS_MS,
    );
    if (dispatcher) {
      return keep(`perhaps used by ${dispatcher.name}, which began while it was live`);
    }
    const isOfGone = policy.gone !== undefined && ends.length > 0 && ends.every(({ gone }) => gone);
    const hasGrace = !isAlone && !isOfGone && (policy.own === undefined || plainPath(policy.own) !== path);
    const lastEndThatCounts = Math.max(0, ...ends.filter(({ gone }) => !gone).map(({ at }) => at));
    const since = Math.max(lastEndThatCounts, release.writtenAt);
    const hours = release.isMarked ? Math.min(MARKED_HOURS, policy.graceHours) : policy.graceHours;
    if (hasGrace && hours > 0 && facts.now - since < hours * HOUR_MS) {
      return keep(`${release.writtenAt > lastEndThatCounts ? "written" : "live"} within the last ${hours} h`);
    }
    return { release, action: "delete", reason: ends.length > 0 ? "not live any more" : "never live" };
  });
}

interface History extends Environment {
  /** Destroyed: no row, and its last move says so; or it is being destroyed. */
  readonly gone: boolean;
  /** Releases that were live, the latest first, each once. */
  readonly releases: readonly string[];
  /** Release → epoch ms when it stopped being live, the last time. */
  readonly ended: ReadonlyMap<string, number>;
}

function historiesOf({ now, rows, moves }: Facts, { gone }: Policy): History[] {
  const keys = new Map([...rows, ...moves].map((item) => [JSON.stringify([item.app, item.env]), item]));
  return [...keys.values()].map(({ app, env }) => {
    const isThis = (item: Environment) => item.app === app && item.env === env;
    const own = moves.filter(isThis).sort((a, b) => a.movedAt - b.movedAt || a.version - b.version);
    const row = rows.find(isThis);
    const ended = new Map<string, number>();
    own.forEach(({ releasePath }, index) => {
      // Without a move after it, and yet no row: somebody removed the row by hand, nobody knows when.
      ended.set(plainPath(releasePath), own[index + 1]?.movedAt ?? now);
    });
    ended.delete("");
    const latestFirst = [row?.releasePath, ...own.map(({ releasePath }) => releasePath).reverse()];
    return {
      app,
      env,
      gone: (gone !== undefined && isThis(gone)) || (!row && own.at(-1)?.kind === "destroy"),
      releases: [...new Set(latestFirst.flatMap((path) => (path ? [plainPath(path)] : [])))],
      ended,
    };
  });
}

/** Only what exists counts: a rollback finds nothing else. */
function lastReleases({ releases }: History, existing: ReadonlySet<string>): string[] {
  return releases.filter((path) => existing.has(path));
}

function named({ app, env }: Environment): string {
  return `${app}/${env}`;
}
