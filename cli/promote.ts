/** `releases promote`: what one environment has tested becomes live in another one, by a deployment like any other. */
import { BRANCH_VARIABLE } from "../components/branch";
import { NOTE_VARIABLE, REF_VARIABLE } from "../components/ref";
import { environmentFor } from "../databricks/hosts";
import { Warehouse } from "../databricks/sql";
import { artifactsDigest, ARTIFACTS_VARIABLE, type NamedDigest } from "../providers/build/tested";
import { readRow } from "../providers/registry/table";
import { readManifest } from "../providers/release/manifest";
import { short } from "../source/githash";
import { deploymentUrlOf } from "./deployments";
import { canAsk, confirm, print, printJson, tell } from "./output";
import { Problem } from "./problem";
import { describe } from "./promote/describe";
import { makePlan, type Plan, type PlanOptions } from "./promote/plan";
import { pulumiUp } from "./up";

export interface PromoteOptions extends PlanOptions {
  readonly note?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** How it ended. */
interface End {
  /** False: it was live already. */
  readonly promoted: boolean;
  readonly completed: boolean;
  readonly note: string;
  readonly deploymentId: string;
  readonly deploymentUrl: string;
  readonly seconds: number;
  readonly artifacts: readonly NamedDigest[];
}

/**
 * Exit codes: 0 live, now or already (or not wanted, when asked); 1 refused, or not live; 2 wrong usage; 3 live, but the
 * deployment then failed: jobs may not all have followed. With `--json`, standard output is
 * `{ from: { stack, app, env, source, where, githash, isLive, deploymentId, deploymentUrl, passed, tests }, to: { stack, app,
 * env, before }, githash, digest, artifacts: { same, files }, promoted, completed, note, deploymentId, deploymentUrl, seconds }`.
 */
export async function promote(options: PromoteOptions): Promise<0 | 1 | 3> {
  const { from, to, cwd, note = "", yes = false, json = false } = options;
  if (from === to) {
    throw new Problem(`--from and --to are both ${to}: name two stacks.`, 2);
  }
  const plan = await makePlan(options);
  const { app, env } = plan.to.config;
  const { githash } = plan.target.commit;
  if (plan.row?.githash === githash && !isRest(plan)) {
    return alreadyLive(plan, options);
  }
  if (!yes && (json || !canAsk())) {
    throw new Problem("There is nobody to ask: add --yes to promote.", 2);
  }
  const why = noteOf(plan, note);
  for (const line of describe(plan, { ...options, note: why, isRest: isRest(plan) })) {
    tell(line);
  }
  if (!yes && !(await confirm(`Make ${short(githash)} live in ${app}/${env}?`))) {
    tell("Nothing was changed.");
    return 0;
  }
  const started = Date.now();
  const isCompared = plan.to.config.build !== undefined && options.otherArtifacts !== true;
  const code = await pulumiUp({
    stack: plan.to.name,
    cwd,
    env: {
      ...environmentFor(plan.to.host),
      [REF_VARIABLE]: githash,
      [NOTE_VARIABLE]: why,
      // The commit does not tell of which branch it is, and so which tests belong to it.
      [BRANCH_VARIABLE]: plan.branch,
      [ARTIFACTS_VARIABLE]: isCompared ? plan.tested.artifactsDigest : undefined,
    },
  });
  return report(plan, { code, json, seconds: (Date.now() - started) / 1000 });
}

/** The row has moved already, and then the deployment did not come to its end. */
function isRest({ to, row, target }: Plan): boolean {
  const { githash } = target.commit;
  return row?.githash === githash && typeof to.outputs.githash === "string" && to.outputs.githash !== githash;
}

/** What the registry, its history and MLflow say of it. */
function noteOf({ from, tested, target }: Plan, note: string): string {
  const as = tested.githash === target.commit.githash ? "" : `, tested there as ${short(tested.githash)}`;
  const origin = `promoted from ${from.name}${as} (deployment ${tested.deploymentId})`;
  return note ? `${origin}: ${note}` : origin;
}

async function alreadyLive(plan: Plan, { json = false, otherArtifacts }: PromoteOptions): Promise<0> {
  const { to, client, row, tested } = plan;
  const artifacts = (row && (await readManifest(client, row.releasePath))?.artifacts) ?? [];
  const place = `${to.config.app}/${to.config.env}`;
  if (!isSame(plan, artifacts) && !otherArtifacts) {
    throw new Problem(
      `${short(tested.githash)} is live in ${place} already, but with other artifacts than ${plan.from.name} has tested:\n` +
        `${listed(artifacts)}\nNothing was changed: a release does not change. Deploy another commit to both.`,
    );
  }
  if (json) {
    const { note = "", deploymentId = "" } = row ?? {};
    const done = { promoted: false, completed: true, note, deploymentId, deploymentUrl: "", seconds: 0 };
    printJson(answer(plan, { ...done, artifacts }));
  } else {
    print(`${place}: ${short(plan.target.commit.githash)} is live already; nothing was done`);
  }
  return 0;
}

/** What the row says in the end decides, whatever Pulumi answered. */
async function report(
  plan: Plan,
  done: {
    readonly code: number;
    readonly json: boolean;
    readonly seconds: number;
  },
): Promise<0 | 3> {
  const { from, to, client } = plan;
  const { app, env, registry } = to.config;
  const { githash } = plan.target.commit;
  const row = await readRow(new Warehouse(client, registry.warehouse), registry.table, to.config);
  if (row?.githash !== githash) {
    throw new Problem(
      `${from.name} was not promoted to ${app}/${env}: ${row ? `${short(row.githash)} is live` : "nothing is live"}. What stopped ` +
        "it stands above" +
        (done.code === 0 ? ", or the state is behind: run pulumi refresh, and promote again." : "."),
    );
  }
  const completed = done.code === 0;
  const deploymentUrl = await deploymentUrlOf(client, row.deploymentId);
  const artifacts = (await readManifest(client, row.releasePath))?.artifacts ?? [];
  if (done.json) {
    const { note, deploymentId } = row;
    const seconds = Math.round(done.seconds * 10) / 10;
    printJson(
      answer(plan, { promoted: true, completed, note, deploymentId, deploymentUrl, seconds, artifacts }),
    );
  } else {
    print(`${app}/${env}: ${short(githash)} is live, in ${done.seconds.toFixed(1)} s`);
    print(`  deployment ${deploymentUrl || row.deploymentId}`);
    if (artifacts.length > 0) {
      print(
        `  artifacts  ${isSame(plan, artifacts) ? `${artifacts.length}, the tested ones` : "other ones"}`,
      );
    }
  }
  if (!isSame(plan, artifacts)) {
    tell(`warning: these artifacts are not the ones that ${from.name} has tested:\n${listed(artifacts)}`);
  }
  if (!completed) {
    tell(
      `Error: the row moved, but then pulumi up failed: jobs may still be on ${short(plan.row?.githash ?? "")}. What stopped it ` +
        "stands above. Promote again to go on.",
    );
    return 3;
  }
  return 0;
}

function isSame({ tested }: Plan, artifacts: readonly NamedDigest[]): boolean {
  return artifactsDigest(artifacts) === tested.artifactsDigest;
}

function listed(artifacts: readonly NamedDigest[]): string {
  const lines = artifacts.map(({ name, sha256 }) => `  ${name} ${sha256}`);
  return lines.length > 0 ? lines.join("\n") : "  none";
}

function answer(plan: Plan, { artifacts, ...end }: End) {
  const { from, to, tested, target, row } = plan;
  const { source, where, githash, isLive, deploymentId, deploymentUrl, passed, tests } = tested;
  const place = (stack: string, { app, env }: Plan["from"]["config"]) => ({ stack, app, env });
  return {
    from: {
      ...place(from.name, from.config),
      ...{ source, where, githash, isLive, deploymentId, deploymentUrl, passed, tests },
    },
    to: { ...place(to.name, to.config), before: row?.githash ?? "" },
    githash: target.commit.githash,
    digest: tested.digest,
    artifacts: {
      same: isSame(plan, artifacts),
      files: artifacts.map(({ name, sha256 }) => ({ name, sha256 })),
    },
    ...end,
  };
}
