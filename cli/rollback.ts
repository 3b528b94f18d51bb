/** `releases rollback`: makes an earlier release live again, by a deployment like any other, and puts the environment on hold. */
import { ROLLBACK_VARIABLE, type Rollback } from "../components/rollback";
import type { Client } from "../databricks/client";
import { Warehouse } from "../databricks/sql";
import { withStarter } from "../providers/github/actions";
import { readRow } from "../providers/registry/table";
import { short } from "../source/githash";
import { deploymentUrlOf } from "./deployments";
import { canAsk, confirm, print, printJson, tell } from "./output";
import { Problem } from "./problem";
import { describe, makePlan, readTarget, refuseUnfit, type Plan } from "./rollbackPlan";
import { meet, readStack, shortName, type OperatedStack } from "./stack";
import { pulumiUp } from "./up";

export interface RollbackOptions {
  readonly stack: string;
  readonly cwd: string;
  /** A commit that was live, or the beginning of its id. Default: the last one that was not itself rolled back from. */
  readonly to?: string;
  readonly note?: string;
  readonly yes?: boolean;
  /** Run the tests again, whatever has passed before. */
  readonly retest?: boolean;
  readonly json?: boolean;
}

/**
 * Exit codes: 0 rolled back (or not wanted, when asked); 1 a problem, the row has not moved; 2 wrong usage; 3 the release is
 * live again, but the deployment then failed: jobs may still be on the other one. With `--json`, standard output is
 * `{ stack, app, env, from, to, note, hold, deploymentId, deploymentUrl, completed, seconds }`.
 */
export async function rollback(options: RollbackOptions): Promise<0 | 1 | 3> {
  const { stack: name, cwd, yes = false, retest = false, json = false } = options;
  const note = withStarter(options.note ?? "", process.env);
  if (!yes && (json || !canAsk())) {
    throw new Problem("There is nobody to ask: add --yes to roll back.", 2);
  }
  const stack = await readStack(name, cwd);
  const { client } = await meet(stack);
  const plan = await makePlan(client, stack, options.to);
  const source = await readTarget(stack, plan.target);
  await refuseUnfit(client, stack, plan.target, source);
  for (const line of await describe(stack, plan, source, { note, retest })) {
    tell(line);
  }
  if (
    !yes &&
    !(await confirm(`Roll ${stack.config.app}/${stack.config.env} back to ${short(plan.target)}?`))
  ) {
    tell("Nothing was changed.");
    return 0;
  }
  const started = Date.now();
  const { row, target, isRest } = plan;
  const value: Rollback = {
    stack: shortName(name),
    githash: target,
    from: (isRest && row.previousGithash) || row.githash,
    version: row.version,
    note,
    retest,
  };
  const code = await pulumiUp({
    stack: name,
    cwd,
    env: { [ROLLBACK_VARIABLE]: JSON.stringify(value) },
    // The state takes the target for live, so without a look at the row there is nothing to do.
    refresh: stack.outputs.githash === target,
  });
  return report(client, stack, plan, { code, json, seconds: (Date.now() - started) / 1000 });
}

/** What the row says in the end decides, whatever Pulumi answered. */
async function report(
  client: Client,
  stack: OperatedStack,
  { row: before, target }: Plan,
  done: { readonly code: number; readonly json: boolean; readonly seconds: number },
): Promise<0 | 1 | 3> {
  const { app, env, registry } = stack.config;
  const row = await readRow(new Warehouse(client, registry.warehouse), registry.table, stack.config);
  if (row?.githash !== target) {
    throw new Problem(
      `${app}/${env} was not rolled back: ${row ? `${short(row.githash)} is live` : "nothing is live"}. What stopped it stands above` +
        (done.code === 0 ? ", or the state is behind: run pulumi refresh, and roll back again." : "."),
    );
  }
  const completed = done.code === 0;
  const deploymentUrl = await deploymentUrlOf(client, row.deploymentId);
  if (done.json) {
    printJson({
      ...{ stack: stack.name, app, env, from: before.githash, to: target, note: row.note, hold: row.hold },
      ...{ deploymentId: row.deploymentId, deploymentUrl, completed },
      seconds: Math.round(done.seconds * 10) / 10,
    });
  } else {
    print(`${app}/${env}: ${short(target)} is live, in ${done.seconds.toFixed(1)} s`);
    print(`  deployment ${deploymentUrl || row.deploymentId}`);
    print(`  on hold    ${row.hold || "no"}`);
  }
  if (!completed) {
    tell(
      `Error: the row moved, but then pulumi up failed: jobs may still be on ${short(before.githash)}. What stopped it stands ` +
        `above. Roll back again to go on: npm run releases -- rollback --stack ${stack.name} --to ${short(target)}`,
    );
    return 3;
  }
  return 0;
}
