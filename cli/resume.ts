/** `releases resume`: ends the hold that a rollback set, so that the next `pulumi up` may move the environment again. */
import { Warehouse } from "../databricks/sql";
import { withStarter } from "../providers/github/actions";
import { readRow } from "../providers/registry/table";
import { resume as resumeRow } from "../providers/registry/resume";
import { short } from "../source/githash";
import { canAsk, confirm, nowAndThen, print, printJson, tell } from "./output";
import { Problem } from "./problem";
import { meet, readStack } from "./stack";

export interface ResumeOptions {
  readonly stack: string;
  readonly cwd: string;
  readonly note?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/**
 * With `--json`, standard output is `{ stack, app, env, githash, hold, resumed }`: the hold that there was, and whether there
 * was one.
 * @returns the exit code: 0 also where there was no hold.
 */
export async function resume(options: ResumeOptions): Promise<0> {
  const { stack: name, cwd, yes = false, json = false } = options;
  const note = withStarter(options.note ?? "", process.env);
  if (!yes && (json || !canAsk())) {
    throw new Problem("There is nobody to ask: add --yes to resume.", 2);
  }
  const stack = await readStack(name, cwd);
  const { app, env, registry } = stack.config;
  const { client, me } = await meet(stack);
  const key = { table: registry.table, app, env };
  const warehouse = new Warehouse(client, registry.warehouse);
  const seen = await readRow(warehouse, key.table, key, { onWait: nowAndThen(tell) });
  if (!seen) {
    throw new Problem(`Nothing is live in ${app}/${env}, by ${key.table}: there is no hold to end.`);
  }
  if (seen.hold) {
    tell(`${app}/${env} is on hold: ${seen.hold}`);
    if (!yes && !(await confirm("Resume it? The next pulumi up moves it again."))) {
      tell("Nothing was changed.");
      return 0;
    }
  }
  const resumed = await resumeRow(warehouse, key, { seen, who: me.userName, note });
  if (json) {
    printJson({ stack: name, app, env, githash: seen.githash, hold: seen.hold, resumed });
  } else {
    print(
      resumed
        ? `${app}/${env} is on hold no longer. ${short(seen.githash)} stays live until the next pulumi up.`
        : `${app}/${env} is not on hold: nothing to do.`,
    );
  }
  return 0;
}
