/** Who may see a run, or do something with it. */
import type { Identity, Workspace } from "../context";
import { hasPermission, type AclEntry } from "../permissions";
import type { Records } from "./records";
import { JOB_LEVELS, type JobLevel } from "./requests";
import type { RunRecord } from "./types";

export interface Asked {
  readonly identity: Identity;
  readonly run: RunRecord;
  readonly level: JobLevel;
}

/** Whoever started it or runs it, an admin, who was given the level for this run, or has it on the job. */
export function maySeeRun(workspace: Workspace, records: Records, { identity, run, level }: Asked): boolean {
  if (identity.admin || identity.userName === run.creator || identity.userName === run.runAs) return true;
  const acl = run.settings.access_control_list as AclEntry[] | undefined;
  const granted = acl?.some(
    (entry) =>
      entry.name === identity.userName &&
      (JOB_LEVELS as readonly string[]).indexOf(entry.level) >= JOB_LEVELS.indexOf(level),
  );
  if (granted) return true;
  return (
    records.job(run.jobId) !== undefined &&
    hasPermission(workspace, identity, "jobs", String(run.jobId), level)
  );
}
