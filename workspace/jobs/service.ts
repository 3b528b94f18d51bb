/** The workspace's jobs and runs: what the routes call. One service a workspace; it ends with the server. */
import { availableParallelism } from "node:os";
import { rmSync } from "node:fs";
import type { Json } from "../body";
import type { Identity, Workspace } from "../context";
import { ApiError } from "../errors";
import { maySeeRun } from "./access";
import { RunExecution, type ChildRequest, type ExecutionHost } from "./execution";
import type { StopReason } from "./notebookRun";
import { JobCatalog } from "./catalog";
import { Records } from "./records";
import { recoverRuns, SERVER_STOPPED } from "./recovery";
import { chosenTasks, idempotencyToken, parametersOf, readAcl, stringMap, type JobLevel } from "./requests";
import { endAll, newRun, type NewRun } from "./newRun";
import { prepareFor } from "./scala";
import { Slots, type Slot } from "./slots";
import { invalid, submitSettings } from "./settings";
import { ended, type Attempt, type RunRecord, type TaskSettings } from "./types";
import { runAsOf } from "./view";
import { runFolder } from "./workFolder";

/** Notebooks that start each other may nest this deep (documented for notebook workflows). */
const MAX_DEPTH = 30;

const USER_CANCELED: StopReason = { result: "CANCELED", code: "USER_CANCELED", message: "Run cancelled." };

export class JobsService {
  readonly records: Records;
  readonly catalog: JobCatalog;
  private readonly slots: Slots;
  private readonly active = new Map<number, RunExecution>();
  /** Runs of jobs that have as many active ones as they may, in the order of their arrival. */
  private readonly held: RunRecord[] = [];
  private readonly host: ExecutionHost;
  private stopped = false;

  constructor(private readonly workspace: Workspace) {
    this.records = new Records(workspace.store);
    this.catalog = new JobCatalog(workspace, this.records, () => this.admitHeld());
    this.slots = new Slots(maxNotebooks());
    this.host = {
      workspace,
      records: this.records,
      slots: this.slots,
      spark: () => sparkOf(workspace),
      runChild: (parent, slot, asked) => this.runChild(parent, slot, asked),
    };
    recoverRuns(workspace, this.records);
    workspace.onStop("notebook runs", () => this.stop());
  }

  runNow(identity: Identity, jobId: number, given: Json): RunRecord {
    const job = this.catalog.get(identity, jobId, "CAN_MANAGE_RUN");
    const token = idempotencyToken(given);
    const jobParameters = parametersOf(job.settings, stringMap(given.job_parameters, "job_parameters"));
    const notebookParameters = stringMap(given.notebook_params, "notebook_params");
    if (Object.keys(notebookParameters).length > 0 && jobParameters.length > 0) {
      throw invalid(`Job ${jobId} has job parameters: pass job_parameters instead of notebook_params.`);
    }
    const tasks = chosenTasks(job, given.only);
    const { tasks: _, ...settings } = job.settings;
    return this.begin(token && `${jobId}\n${token}`, () => ({
      type: "JOB_RUN",
      jobId,
      name: job.settings.name ?? "Untitled",
      creator: identity.userName,
      runAs: runAsOf(job),
      tasks,
      settings,
      jobParameters,
      notebookParameters,
    }));
  }

  submit(identity: Identity, given: Json): RunRecord {
    const { idempotency_token: _, access_control_list: acl, run_name: name, ...rest } = given;
    const token = idempotencyToken(given);
    const { settings, tasks } = submitSettings(rest);
    this.catalog.checkRunAs(identity, settings);
    const entries = readAcl(acl);
    const run = this.begin(token && `${identity.userName}\n${token}`, () => {
      const jobId = this.records.newJobId();
      return {
        type: "SUBMIT_RUN",
        jobId,
        name: typeof name === "string" && name !== "" ? name : "Untitled",
        creator: identity.userName,
        runAs: runAsOf({ settings, creator: identity.userName }),
        tasks,
        settings: { ...settings, access_control_list: entries },
      };
    });
    return run;
  }

  /** Stores a run and starts it; with a token that was seen before, gives the run of that time. */
  private begin(token: string | undefined, make: () => NewRun): RunRecord {
    if (this.stopped) throw new ApiError("TEMPORARILY_UNAVAILABLE", "The local workspace is stopping.");
    let run: RunRecord | undefined;
    const create = (): number => {
      run = newRun(this.records, make());
      this.records.putRun(run);
      return run.runId;
    };
    const { runId, made } =
      token === undefined ? { runId: create(), made: true } : this.records.once(token, create);
    if (made) this.admit(run!);
    return made ? run! : this.records.run(runId)!;
  }

  /** Starts a run, or lets it wait or skips it where its job has as many active runs as it may. */
  private admit(run: RunRecord): void {
    if (run.type !== "JOB_RUN" || this.hasRoom(run)) return void this.start(run);
    const limit = run.settings.max_concurrent_runs ?? 1;
    if (run.settings.queue?.enabled) {
      run.progress = {
        state: "QUEUED",
        message: `Queued: the job has ${limit} active runs, as many as max_concurrent_runs allows.`,
      };
      this.held.push(run);
    } else {
      const message = `Run skipped because the job has ${limit} active runs, as many as max_concurrent_runs allows.`;
      endAll(run, {
        state: "SKIPPED",
        result: "MAXIMUM_CONCURRENT_RUNS_REACHED",
        code: "MAX_CONCURRENT_RUNS_EXCEEDED",
        message,
      });
    }
    this.records.putRun(run);
  }

  private hasRoom(run: RunRecord): boolean {
    const limit =
      this.records.job(run.jobId)?.settings.max_concurrent_runs ?? run.settings.max_concurrent_runs ?? 1;
    let count = 0;
    for (const { run: other } of this.active.values())
      if (other.jobId === run.jobId && other.type === "JOB_RUN") count++;
    return count < limit;
  }

  private admitHeld(): void {
    for (const run of [...this.held]) {
      if (this.stopped || !this.hasRoom(run)) continue;
      this.held.splice(this.held.indexOf(run), 1);
      this.start(run);
    }
  }

  private start(run: RunRecord, parent?: ConstructorParameters<typeof RunExecution>[2]): RunExecution {
    const execution = new RunExecution(this.host, run, parent);
    this.active.set(run.runId, execution);
    prepareFor(this.workspace, run.tasks);
    void execution.finished.then(() => {
      this.active.delete(run.runId);
      this.admitHeld();
    });
    return execution;
  }

  private async runChild(parent: RunExecution, slot: Slot, asked: ChildRequest): Promise<RunExecution> {
    if (parent.depth >= MAX_DEPTH)
      throw new ApiError(
        "INVALID_STATE",
        `Notebooks that run each other are nested more than ${MAX_DEPTH} deep.`,
      );
    const task: TaskSettings = {
      task_key: "notebook",
      run_if: "ALL_SUCCESS",
      timeout_seconds: Math.max(0, asked.timeoutSeconds),
      notebook_task: {
        notebook_path: asked.path,
        source: "WORKSPACE",
        base_parameters: parent.redactor.redactAll(asked.parameters),
      },
    };
    const run = newRun(this.records, {
      type: "WORKFLOW_RUN",
      jobId: this.records.newJobId(),
      name: `${asked.path.slice(asked.path.lastIndexOf("/") + 1)} (from ${parent.run.name})`,
      creator: parent.run.creator,
      runAs: parent.run.runAs,
      tasks: [task],
      settings: {},
      parentRunId: parent.run.runId,
    });
    this.records.putRun(run);
    return this.start(run, {
      slot,
      redactor: parent.redactor,
      depth: parent.depth + 1,
      parameters: asked.parameters,
      libraries: asked.libraries,
    });
  }

  /** A run, or the attempt of one, by either's id, for a caller who may do so. Throws `INVALID_PARAMETER_VALUE`. */
  find(
    identity: Identity,
    runId: number,
    level: "CAN_VIEW" | "CAN_MANAGE_RUN",
  ): { run: RunRecord; attempt?: Attempt } {
    const parent = this.records.parentOf(runId);
    const run = this.current(parent ?? runId);
    if (!run) throw invalid(`Run ${runId} does not exist.`);
    if (!this.maySeeRun(identity, run, level)) {
      throw new ApiError(
        "PERMISSION_DENIED",
        `User ${identity.userName} does not have ${level} permissions on run ${runId}.`,
      );
    }
    return {
      run,
      attempt: parent === undefined ? undefined : run.attempts.find((one) => one.runId === runId),
    };
  }

  maySeeRun(identity: Identity, run: RunRecord, level: JobLevel): boolean {
    return maySeeRun(this.workspace, this.records, { identity, run, level });
  }

  /** The run as it stands now: an active one's states move faster than they are stored. */
  current(runId: number): RunRecord | undefined {
    return (
      this.active.get(runId)?.run ?? this.held.find((run) => run.runId === runId) ?? this.records.run(runId)
    );
  }

  /** Asks a run to end; it has ended soon after. No error for one that has ended already. */
  cancel(runId: number): void {
    this.active.get(runId)?.stop(USER_CANCELED);
    const held = this.held.findIndex((run) => run.runId === runId);
    const [run] = held < 0 ? [] : this.held.splice(held, 1);
    if (!run) return;
    endAll(run, { state: "TERMINATED", ...USER_CANCELED });
    this.records.putRun(run);
  }

  /** Asks one task's attempt to end; the run's other tasks go on. */
  cancelAttempt(runId: number, attemptId: number): void {
    this.active.get(runId)?.stopAttempt(attemptId, USER_CANCELED);
  }

  activeRuns(): RunRecord[] {
    return [...[...this.active.values()].map((execution) => execution.run), ...this.held];
  }

  deleteRun(run: RunRecord): void {
    if (!ended(run.progress)) throw invalid(`Run ${run.runId} is active: cancel it before it is deleted.`);
    for (const attempt of run.attempts)
      rmSync(runFolder(this.workspace, attempt.runId), { recursive: true, force: true });
    this.records.removeRun(run);
  }

  private async stop(): Promise<void> {
    this.stopped = true;
    for (const run of this.held.splice(0)) {
      endAll(run, { state: "INTERNAL_ERROR", ...SERVER_STOPPED });
      this.records.putRun(run);
    }
    const running = [...this.active.values()];
    for (const execution of running) execution.stop(SERVER_STOPPED);
    await Promise.all(running.map((execution) => execution.finished));
  }
}

const services = new WeakMap<Workspace, JobsService>();

/** The workspace's service, made at the first call. */
export function jobsOf(workspace: Workspace): JobsService {
  let service = services.get(workspace);
  if (!service) services.set(workspace, (service = new JobsService(workspace)));
  return service;
}

/** Notebooks that run at once, those that wait for one that they started left out; `NOTEBOOK_RELEASES_MAX_NOTEBOOKS` sets it. */
function maxNotebooks(): number {
  const given = Number(process.env.NOTEBOOK_RELEASES_MAX_NOTEBOOKS);
  return Number.isInteger(given) && given > 0 ? given : Math.max(8, availableParallelism() * 2);
}

async function sparkOf(workspace: Workspace): Promise<{ remote: string; warehouse: string }> {
  if (!workspace.spark)
    throw new ApiError(
      "TEMPORARILY_UNAVAILABLE",
      "Spark is not available: the local workspace was started without its engines.",
    );
  return workspace.spark();
}
