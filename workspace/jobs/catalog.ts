/** The workspace's jobs: settings, owners, permissions. */
import type { Json } from "../body";
import type { Identity, Workspace } from "../context";
import { ApiError } from "../errors";
import { findPrincipal } from "../identities";
import {
  hasPermission,
  registerPermissionLookup,
  removeEntries,
  setEntries,
  type AclEntry,
} from "../permissions";
import type { Records } from "./records";
import { readAcl, type JobLevel } from "./requests";
import { invalid, jobSettings, updatedSettings } from "./settings";
import type { JobRecord, JobSettings } from "./types";
import { runAsOf } from "./view";

export class JobCatalog {
  /** `changed` is called after a job's settings have changed. */
  constructor(
    private readonly workspace: Workspace,
    private readonly records: Records,
    private readonly changed: () => void,
  ) {
    registerPermissionLookup(workspace, "jobs", (id) => {
      const job = /^\d+$/.test(id) ? records.job(Number(id)) : undefined;
      return job && { owner: job.creator };
    });
  }

  create(identity: Identity, given: Json): JobRecord {
    const { access_control_list: acl, ...rest } = given;
    const settings = jobSettings(rest);
    this.checkRunAs(identity, settings);
    const job: JobRecord = {
      jobId: this.records.newJobId(),
      settings,
      creator: identity.userName,
      createdAt: Date.now(),
    };
    this.records.putJob(job);
    this.grant(identity, job.jobId, acl);
    return job;
  }

  reset(identity: Identity, jobId: number, given: Json): void {
    const job = this.get(identity, jobId, "CAN_MANAGE");
    const { access_control_list: acl, ...rest } = given;
    this.replaceSettings(identity, job, jobSettings(rest));
    this.grant(identity, jobId, acl);
  }

  update(identity: Identity, jobId: number, given: Json, remove: readonly string[]): void {
    const job = this.get(identity, jobId, "CAN_MANAGE");
    this.replaceSettings(identity, job, updatedSettings(job.settings, given, remove));
  }

  private replaceSettings(identity: Identity, job: JobRecord, settings: JobSettings): void {
    this.checkRunAs(identity, settings);
    this.records.putJob({ ...job, settings });
    this.changed();
  }

  /** Runs that are active go on, as with Databricks. */
  delete(identity: Identity, jobId: number): void {
    this.get(identity, jobId, "CAN_MANAGE");
    this.records.removeJob(jobId);
    removeEntries(this.workspace, "jobs", jobId);
  }

  /** A job that the caller may use so. Throws `INVALID_PARAMETER_VALUE` for an unknown one, as Databricks does. */
  get(identity: Identity, jobId: number, level: JobLevel): JobRecord {
    const job = this.records.job(jobId);
    if (!job) throw invalid(`Job ${jobId} does not exist.`);
    if (!hasPermission(this.workspace, identity, "jobs", String(jobId), level)) {
      throw new ApiError(
        "PERMISSION_DENIED",
        `User ${identity.userName} does not have ${level} permissions on job ${jobId}.`,
      );
    }
    return job;
  }

  mayView(identity: Identity, jobId: number): boolean {
    if (identity.admin) return true;
    return (
      this.records.job(jobId) !== undefined &&
      hasPermission(this.workspace, identity, "jobs", String(jobId), "CAN_VIEW")
    );
  }

  /** Only an administrator may let notebooks run as somebody else. */
  checkRunAs(identity: Identity, settings: JobSettings): void {
    if (!settings.run_as) return;
    const name = runAsOf({ settings, creator: identity.userName });
    if (!findPrincipal(this.workspace.store, name))
      throw invalid(`run_as: the user or service principal ${name} does not exist.`);
    if (name !== identity.userName && !identity.admin) {
      throw new ApiError(
        "PERMISSION_DENIED",
        `${identity.userName} may not let a job run as ${name}: that needs an administrator.`,
      );
    }
  }

  private grant(identity: Identity, jobId: number, acl: unknown): void {
    const entries = readAcl(acl);
    if (!entries) return;
    const owner: AclEntry = { kind: "user", name: identity.userName, level: "IS_OWNER" };
    const owned = entries.some((entry) => entry.level === "IS_OWNER");
    setEntries(this.workspace, "jobs", jobId, owned ? entries : [owner, ...entries]);
  }
}
