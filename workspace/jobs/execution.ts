/** A run at work: its tasks in the order of their dependencies, with retries and limits, until every one has ended. */
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Workspace } from "../context";
import type { CallContext } from "./calls";
import { installLibraries, type Libraries } from "./libraries";
import {
  couldNotRun,
  runNotebook,
  stoppedResult,
  timedOut,
  type NotebookResult,
  type StopReason,
} from "./notebookRun";
import { endAll } from "./newRun";
import type { Records } from "./records";
import { Redactor } from "./redactor";
import { exitValueOf, lastAttempt, outcomeOf, skipped } from "./outcome";
import { notebookParameters, referencesOf } from "./references";
import { judge } from "./runIf";
import type { Slot, Slots } from "./slots";
import { type Attempt, type Progress, type ResultState, type RunRecord, type TaskSettings } from "./types";

/** What an execution needs from the service that started it. */
export interface ExecutionHost {
  readonly workspace: Workspace;
  readonly records: Records;
  readonly slots: Slots;
  readonly spark: CallContext["spark"];
  /** Runs a notebook for `dbutils.notebook.run` of the run `parent`. */
  readonly runChild: (parent: RunExecution, slot: Slot, asked: ChildRequest) => Promise<RunExecution>;
}

/** What `dbutils.notebook.run` asks for, and the libraries of the task that asks: its children have them too. */
export interface ChildRequest {
  readonly path: string;
  readonly timeoutSeconds: number;
  readonly parameters: Record<string, string>;
  readonly libraries: TaskLibraries;
}

/** A task's libraries as they were given, and as they were installed. */
export interface TaskLibraries extends Libraries {
  readonly given: TaskSettings["libraries"];
}

/** Of a run that another one started: it borrows the caller's place, and hides the caller's secrets. */
export interface ParentLink {
  readonly slot: Slot;
  readonly redactor: Redactor;
  readonly depth: number;
  /** Parameters before secrets were hidden in the record. */
  readonly parameters: Record<string, string>;
  readonly libraries: TaskLibraries;
}

export class RunExecution {
  /** Resolves when the run has ended and is stored as such; never rejects. */
  readonly finished: Promise<void>;
  readonly redactor: Redactor;
  readonly depth: number;
  private readonly abort = new AbortController();
  private readonly results = new Map<string, Promise<ResultState>>();
  private readonly taskValues = new Map<string, unknown>();
  /** Of attempts that are cancelled alone, by their id. */
  private readonly stops = new Map<number, AbortController>();

  constructor(
    private readonly host: ExecutionHost,
    readonly run: RunRecord,
    private readonly parent?: ParentLink,
  ) {
    this.redactor = parent?.redactor ?? new Redactor();
    this.depth = parent?.depth ?? 0;
    setMaxListeners(0, this.abort.signal); // each task listens
    this.finished = this.execute().catch((error: Error) => this.crash(error));
  }

  /** Stops whatever runs, and lets nothing start any more. */
  stop(reason: StopReason): void {
    if (this.abort.signal.aborted) return;
    this.abort.abort(reason);
  }

  /** Stops one attempt of a task, also one that has not begun; the run's other tasks go on as `run_if` says. */
  stopAttempt(attemptId: number, reason: StopReason): void {
    this.stopOf(attemptId).abort(reason);
  }

  private stopOf(attemptId: number): AbortController {
    let stop = this.stops.get(attemptId);
    if (!stop) this.stops.set(attemptId, (stop = new AbortController()));
    return stop;
  }

  private async execute(): Promise<void> {
    const { run } = this;
    run.startedAt = Date.now();
    run.progress = { state: "RUNNING", message: "In run" };
    this.save();
    const limit = run.settings.timeout_seconds ?? 0;
    const timer = limit > 0 ? setTimeout(() => this.stop(timedOut(limit)), limit * 1000) : undefined;
    const results = await Promise.all(run.tasks.map((task) => this.resultOf(task)));
    clearTimeout(timer);
    run.progress = this.abort.signal.aborted
      ? stoppedResult(this.abort.signal.reason as StopReason).progress
      : outcomeOf(run, results);
    run.endedAt = Date.now();
    this.save();
  }

  /** A task's result, once; tasks that depend on it wait for the same promise. */
  private resultOf(task: TaskSettings): Promise<ResultState> {
    let result = this.results.get(task.task_key);
    if (!result) this.results.set(task.task_key, (result = this.runTask(task)));
    return result;
  }

  private async runTask(task: TaskSettings): Promise<ResultState> {
    const needed = (task.depends_on ?? []).map((one) =>
      this.run.tasks.find((other) => other.task_key === one.task_key)!,
    );
    const before = await Promise.all(needed.map((other) => this.resultOf(other)));
    let attempt = this.lastAttempt(task);
    if (this.abort.signal.aborted) return this.endStopped(attempt);
    if (task.disabled) return this.end(attempt, skipped("DISABLED"));
    const verdict = judge(task.run_if ?? "ALL_SUCCESS", before);
    if (!verdict.start) return this.end(attempt, skipped(verdict.result));
    for (;;) {
      const result = await this.runAttempt(task, attempt);
      if (!this.mayRetry(task, attempt, result)) return result;
      attempt = this.nextAttempt(attempt);
      if (!(await this.pause(task.min_retry_interval_millis ?? 0))) return this.endStopped(attempt);
    }
  }

  private mayRetry(task: TaskSettings, attempt: Attempt, result: ResultState): boolean {
    const retries = task.max_retries ?? 0;
    if (this.abort.signal.aborted || (retries >= 0 && attempt.number >= retries)) return false;
    return result === "FAILED" || (result === "TIMEDOUT" && task.retry_on_timeout === true);
  }

  private nextAttempt(last: Attempt): Attempt {
    const attempt: Attempt = {
      runId: this.host.records.newRunId(),
      taskKey: last.taskKey,
      number: last.number + 1,
      progress: { state: "WAITING_FOR_RETRY", message: "" },
      createdAt: Date.now(),
    };
    this.run.attempts.push(attempt);
    this.save();
    return attempt;
  }

  /** False where the run is stopped meanwhile. */
  private async pause(ms: number): Promise<boolean> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.abort.signal }).catch(() => undefined);
    return !this.abort.signal.aborted;
  }

  private async runAttempt(task: TaskSettings, attempt: Attempt): Promise<ResultState> {
    const waits = this.host.slots.full && !this.parent;
    attempt.progress = waits
      ? {
          state: "QUEUED",
          message: "Waiting for another notebook to end: the local workspace runs only so many at once.",
        }
      : { state: "PENDING", message: "Waiting for the notebook's process" };
    const signal = AbortSignal.any([this.abort.signal, this.stopOf(attempt.runId).signal]);
    const slot = await this.host.slots.acquire(signal, this.parent?.slot);
    if (!slot) return this.end(attempt, stoppedResult(signal.reason as StopReason).progress);
    attempt.progress = { state: "PENDING", message: "Waiting for the notebook's process" };
    const children = new Set<RunExecution>();
    try {
      const { progress, output } = await this.runInSlot(task, attempt, { slot, signal, children });
      // Output first: whoever sees the end must find it.
      this.host.records.putOutput(attempt.runId, output);
      return this.end(attempt, progress);
    } finally {
      for (const child of children) child.stop(CALLER_ENDED);
      slot.release();
    }
  }

  private async runInSlot(
    task: TaskSettings,
    attempt: Attempt,
    { slot, signal, children }: { slot: Slot; signal: AbortSignal; children: Set<RunExecution> },
  ): Promise<NotebookResult> {
    const { run, host } = this;
    const parameters = this.parametersOf(task, attempt);
    attempt.parameters = this.redactor.redactAll(parameters);
    const libraries = this.parent?.libraries ?? (await this.librariesOf(task));
    if (signal.aborted) return stoppedResult(signal.reason as StopReason);
    if ("progress" in libraries) return libraries;
    return runNotebook({
      workspace: host.workspace,
      run,
      attemptId: attempt.runId,
      taskKey: task.task_key,
      notebookPath: task.notebook_task.notebook_path,
      parameters,
      libraries: libraries.given,
      installed: libraries,
      timeoutSeconds: task.timeout_seconds ?? 0,
      redactor: this.redactor,
      signal,
      started: () => {
        attempt.startedAt = Date.now();
        attempt.progress = { state: "RUNNING", message: "In run" };
        this.save();
      },
      calls: {
        taskValues: this.taskValues,
        spark: host.spark,
        runChild: async (path, timeoutSeconds, asked) => {
          const child = await host.runChild(this, slot, {
            path,
            timeoutSeconds,
            parameters: asked,
            libraries,
          });
          children.add(child);
          await child.finished;
          children.delete(child);
          return exitValueOf(child.run, host.records);
        },
      },
    });
  }

  /** What the notebook gets, or how the task ends where a library cannot be had. */
  private async librariesOf(task: TaskSettings): Promise<TaskLibraries | NotebookResult> {
    try {
      return { given: task.libraries, ...(await installLibraries(this.host.workspace, this.run, task)) };
    } catch (error) {
      return couldNotRun("LIBRARY_INSTALLATION_ERROR", (error as Error).message);
    }
  }

  private parametersOf(task: TaskSettings, attempt: Attempt): Record<string, string> {
    const { run } = this;
    const own = this.parent?.parameters ?? run.notebookParameters;
    // What one notebook passes to another is taken as it is; only a job's own settings hold references.
    if (this.parent) return { ...own };
    return notebookParameters(
      task.notebook_task.base_parameters ?? {},
      own,
      run.jobParameters,
      referencesOf(run, task, attempt, this.taskValues, this.host.workspace.settings),
    );
  }

  private lastAttempt(task: TaskSettings): Attempt {
    return lastAttempt(this.run, task);
  }

  private endStopped(attempt: Attempt): ResultState {
    return this.end(attempt, stoppedResult(this.abort.signal.reason as StopReason).progress);
  }

  private end(attempt: Attempt, progress: Progress): ResultState {
    attempt.progress = { ...progress, message: this.redactor.redact(progress.message) };
    attempt.endedAt = Date.now();
    this.save();
    return progress.result!;
  }

  private save(): void {
    this.host.records.putRun(this.run);
  }

  /** A fault of the server itself: the run must not stay active for ever. */
  private crash(error: Error): void {
    this.host.workspace.log(
      `Run ${this.run.runId} failed in the server: ${this.redactor.redact(error.stack ?? error.message)}`,
    );
    this.abort.abort({
      result: "FAILED",
      code: "INTERNAL_ERROR",
      message: "The server failed.",
    } satisfies StopReason);
    const message = `The local workspace failed while it ran this: ${this.redactor.redact(error.message)}`;
    endAll(this.run, { state: "INTERNAL_ERROR", result: "FAILED", code: "INTERNAL_ERROR", message });
    try {
      this.save();
    } catch {
      // The store is closed already: the next start marks the run.
    }
  }
}

const CALLER_ENDED: StopReason = {
  result: "CANCELED",
  code: "CANCELED",
  message: "The notebook that started this run has ended.",
};
