/**
 * Deletes the releases of a root that nothing needs any more. Where it cannot be sure, it deletes nothing: a registry
 * that does not answer, or that is not the only one of this root, says nothing of what is live.
 */
import type { Client } from "../../databricks/client";
import { messageOf } from "../../databricks/errors";
import { listJobs } from "../../databricks/jobs";
import { plainPath } from "../../databricks/objects";
import { listActiveRuns } from "../../databricks/runs";
import { SqlError, Warehouse } from "../../databricks/sql";
import { readView, type RegistryView } from "../registry/view";
import { until } from "./deadline";
import { decide, type Decision, type Facts, type Policy, type Release, type RunUse } from "./plan";
import { removeRelease } from "./remove";
import {
  forgetRegistry,
  forgetSeen,
  inspect,
  noteRegistry,
  noteSeen,
  readRoot,
  registryName,
  removeShipped,
  type Inspection,
  type Root,
} from "./root";
import { useOf, useOfJob } from "./runs";

/** A release root, and the registry that says what is live in it. */
export interface Ground {
  /** Folder of the app's releases. */
  readonly root: string;
  readonly warehouse: string;
  readonly table: string;
  readonly app: string;
  readonly env: string;
}

export interface CollectOptions {
  /** Only says what it would do. */
  readonly dryRun?: boolean;
  /** Commits beside which nothing is deleted: those that a person saw and agreed to. Default: all. */
  readonly only?: ReadonlySet<string>;
  /** The release that has just been made live: where there is no other to look at, nobody is asked. */
  readonly live?: string;
  /** For the whole of it in ms; the rest is left for the next time. Default: 60,000. */
  readonly limitMs?: number;
  /** Called before each deletion. */
  readonly onProgress?: (line: string) => void;
}

export interface Outcome {
  readonly githash: string;
  readonly path: string;
  /** `left`: there was no time, or it was not asked for; `failed`: the reason says why it could not be deleted. */
  readonly outcome: "kept" | "deleted" | "would delete" | "left" | "failed";
  readonly reason: string;
}

/** The root has releases of a registry that is not the one at hand. */
export class OthersLiveHere extends Error {}

/**
 * @throws Error where it cannot be known what is needed; nothing was deleted then. What happens to a single release is
 * among the outcomes, one for each release of the root.
 */
export async function collect(
  client: Client,
  ground: Ground,
  policy: Policy,
  options: CollectOptions = {},
): Promise<Outcome[]> {
  const deadline = Date.now() + (options.limitMs ?? 60_000);
  const limited = until(client, deadline);
  const root = await readRoot(limited, ground.root);
  if (!root) {
    return [];
  }
  const work = new Collection(limited, ground, policy, root, deadline);
  if (options.live !== undefined) {
    await work.noteRegistry();
  }
  refuseOthers(ground, root);
  if (root.releases.every(({ path }) => path === options.live || path === policy.replaced)) {
    return [];
  }
  return work.run(options);
}

function refuseOthers({ root, table }: Ground, { registries }: Root): void {
  const others = registries.filter((name) => name !== registryName(table));
  if (others.length > 0) {
    throw new OthersLiveHere(
      `${root} also has releases of the registry ${others.join(" and ")}, and what is live there is not known here. ` +
        "Nothing was deleted. Let all stacks of one releaseRoot use the same registry.table, or give each its own " +
        `releaseRoot. If that registry is no more, delete ${others.map((name) => `${root}/.registry.${encodeURIComponent(name)}`).join(" and ")}.`,
    );
  }
}

class Collection {
  private jobs?: Promise<RunUse[]>;

  constructor(
    private readonly client: Client,
    private readonly ground: Ground,
    private readonly policy: Policy,
    private readonly root: Root,
    /** Epoch ms. */
    private readonly deadline: number,
  ) {}

  async run({ dryRun, only, onProgress }: CollectOptions): Promise<Outcome[]> {
    // First as if all had been written long ago: most releases stay for another reason, and need no closer look.
    const releases = this.root.releases.map((release) => ({ ...release, writtenAt: 0 }));
    const facts = await this.facts();
    this.refuseUnknown(facts);
    if (!dryRun && this.policy.own === undefined) {
      await this.noteRegistry();
    }
    const outcomes: Outcome[] = [];
    for (const decision of decide(releases, facts, this.policy)) {
      const { release } = decision;
      const answer = (outcome: Outcome["outcome"], reason = decision.reason) =>
        outcomes.push({ githash: release.githash, path: release.path, outcome, reason });
      if (decision.action === "keep") {
        answer("kept");
      } else if (only && !only.has(release.githash)) {
        answer("left", "not asked for");
      } else if (Date.now() >= this.deadline) {
        answer("left", "no time was left; the next collection takes it");
      } else {
        onProgress?.(`${dryRun ? "looking at" : "deleting"} ${release.path}`);
        try {
          const { action, reason } = await this.take(release, facts, dryRun === true);
          answer(action === "keep" ? "kept" : dryRun ? "would delete" : "deleted", reason);
        } catch (error) {
          answer("failed", messageOf(error));
        }
      }
    }
    if (!dryRun) {
      await this.tidy(facts, outcomes);
    }
    return outcomes;
  }

  /** So that a stack with another registry does not take what is live here for a leftover. */
  async noteRegistry(): Promise<void> {
    const { root, table } = this.ground;
    if (!this.root.registries.includes(registryName(table))) {
      await noteRegistry(this.client, root, table);
    }
  }

  /** Looks closer at a release that seems to be needed no more, and deletes it if it is not. */
  private async take({ githash, path }: Release, facts: Facts, dryRun: boolean): Promise<Decision> {
    const inspection = await inspect(this.client, path);
    const release = {
      githash,
      path,
      writtenAt: await this.writtenAt(githash, inspection, dryRun),
      isMarked: inspection.content?.deleting === true,
    };
    const decision = this.decide(release, await this.withJobs(facts));
    return decision.action === "keep" || dryRun
      ? decision
      : removeRelease(this.client, path, inspection, async () =>
          this.decide(release, await this.withJobs(await this.facts(true))),
        );
  }

  /**
   * With what the workspace's jobs point to. Asked for once, and only where something is to be deleted, since there may be
   * many: a job that is turned to an older release follows a row, and the rows are asked for each time.
   */
  private async withJobs(facts: Facts): Promise<Facts> {
    this.jobs ??= listJobs(this.client, { expand_tasks: true }).then((jobs) =>
      jobs.map((job) => useOfJob(job, this.ground.root)),
    );
    return { ...facts, runs: [...facts.runs, ...(await this.jobs)] };
  }

  private decide(release: Release, facts: Facts): Decision {
    const all = this.root.releases.map((other) => ({ ...other, writtenAt: 0 }));
    const decisions = decide(
      all.map((other) => (other.githash === release.githash ? release : other)),
      facts,
      this.policy,
    );
    return decisions.find((decision) => decision.release === release) as Decision;
  }

  /** A workspace need not give the time of notebooks: then it counts from when a collection first saw them. */
  private async writtenAt(githash: string, { writtenAt }: Inspection, dryRun: boolean): Promise<number> {
    const known = writtenAt ?? this.root.seen.get(githash);
    if (known !== undefined) {
      return known;
    }
    const now = Date.now();
    if (!dryRun && this.policy.graceHours > 0) {
      await noteSeen(this.client, this.ground.root, githash, now);
    }
    return now;
  }

  /** @param fresh right before a deletion: also the runs that notebooks started, which need not be among the others. */
  private async facts(fresh = false): Promise<Facts> {
    const { root, table, warehouse, app } = this.ground;
    const timeoutMs = Math.max(1, this.deadline - Date.now());
    const reading = readView(
      new Warehouse(this.client, warehouse),
      table,
      { app, root: plainPath(root) },
      timeoutMs,
    );
    // A stack that is destroyed before it was ever live has made no table.
    const view = await (this.policy.own !== undefined ? reading.catch(emptyWhereMissing) : reading);
    // After the registry, which a stopped warehouse may answer minutes later: a run that is not in this list asked it
    // later still, and was told what the view says or something newer.
    const runs = await Promise.all([
      listActiveRuns(this.client),
      ...(fresh ? [listActiveRuns(this.client, { type: "WORKFLOW_RUN" })] : []),
    ]);
    const isHere = ({ releasePath }: { releasePath: string }) =>
      plainPath(releasePath).startsWith(`${plainPath(root)}/`);
    const here = [...view.rows, ...view.moves].filter(isHere);
    const isOfHere = (item: { app: string; env: string }) =>
      here.some(({ app, env }) => app === item.app && env === item.env);
    return {
      now: Date.now(),
      rows: view.rows.filter(isOfHere),
      moves: view.moves.filter(isOfHere),
      runs: runs.flat().map((run) => useOf(run, `${root}/trigger`)),
    };
  }

  /** A registry that never heard of this environment is most likely not the one that says what is live here. */
  private refuseUnknown({ rows, moves }: Facts): void {
    const { app, env, table, root } = this.ground;
    if (
      this.policy.own === undefined &&
      ![...rows, ...moves].some((item) => item.app === app && item.env === env)
    ) {
      throw new Error(
        `The registry ${table} has no release of ${app}/${env} under ${root}, live or past: what is needed there is not ` +
          "known. Nothing was deleted. Is it the stack's registry, and was it deployed once?",
      );
    }
  }

  /**
   * Takes away the notes of releases that are gone, our own where nothing of our registry is left, and with the root's
   * last release the notebooks that all its stacks had in common.
   */
  private async tidy({ rows }: Facts, outcomes: readonly Outcome[]): Promise<void> {
    const { root, table } = this.ground;
    const there = new Set(
      outcomes.flatMap(({ githash, outcome }) => (outcome === "deleted" ? [] : [githash])),
    );
    try {
      for (const [githash, at] of this.root.seen) {
        if (!there.has(githash)) {
          await forgetSeen(this.client, root, githash, at);
        }
      }
      if (this.policy.gone && rows.length === 0) {
        await forgetRegistry(this.client, root, table);
      }
      if (this.policy.own !== undefined && rows.length === 0 && there.size === 0) {
        await removeShipped(this.client, root);
      }
    } catch {
      // Notes that are left harm nobody, and the next collection takes them.
    }
  }
}

function emptyWhereMissing(error: unknown): RegistryView {
  if (error instanceof SqlError && error.tableMissing) {
    return { rows: [], moves: [] };
  }
  throw error;
}
