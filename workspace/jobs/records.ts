/** Where jobs and runs are kept: keys are ids padded to one width, so that ranges are in the order of creation. */
import type { Store } from "../store";
import type { AttemptOutput, JobRecord, RunRecord } from "./types";

/** First ids, apart from each other so that one taken for the other is noticed. */
const FIRST_JOB = 100_000_000_001;
const FIRST_RUN = 500_000_000_001;

export class Records {
  private readonly jobs;
  private readonly runs;
  private readonly runOfAttempt;
  private readonly outputs;
  private readonly submitted;

  constructor(private readonly store: Store) {
    this.jobs = store.table<JobRecord>("jobs");
    this.runs = store.table<RunRecord>("runs");
    this.runOfAttempt = store.table<number>("runOfAttempt");
    this.outputs = store.table<AttemptOutput>("attemptOutputs");
    this.submitted = store.table<number>("runTokens");
  }

  newJobId(): number {
    return this.store.nextId("job", FIRST_JOB);
  }

  newRunId(): number {
    return this.store.nextId("run", FIRST_RUN);
  }

  job(jobId: number): JobRecord | undefined {
    return this.jobs.get(keyOf(jobId));
  }

  putJob(job: JobRecord): void {
    this.jobs.putSync(keyOf(job.jobId), job);
  }

  removeJob(jobId: number): void {
    this.jobs.removeSync(keyOf(jobId));
  }

  /** Newest first; `before` leaves out that id and newer ones. */
  *jobsDown(before?: number): Iterable<JobRecord> {
    for (const { value } of this.jobs.getRange(down(before))) yield value;
  }

  run(runId: number): RunRecord | undefined {
    return this.runs.get(keyOf(runId));
  }

  putRun(run: RunRecord): void {
    this.store.transaction(() => {
      this.runs.putSync(keyOf(run.runId), run);
      for (const attempt of run.attempts) {
        if (this.runOfAttempt.get(keyOf(attempt.runId)) === undefined) {
          this.runOfAttempt.putSync(keyOf(attempt.runId), run.runId);
        }
      }
    });
  }

  /** Forgets a run with its attempts' outputs. */
  removeRun(run: RunRecord): void {
    this.store.transaction(() => {
      for (const attempt of run.attempts) {
        this.runOfAttempt.removeSync(keyOf(attempt.runId));
        this.outputs.removeSync(keyOf(attempt.runId));
      }
      this.runs.removeSync(keyOf(run.runId));
    });
  }

  *runsDown(before?: number): Iterable<RunRecord> {
    for (const { value } of this.runs.getRange(down(before))) yield value;
  }

  /** The run that an attempt belongs to. */
  parentOf(attemptId: number): number | undefined {
    return this.runOfAttempt.get(keyOf(attemptId));
  }

  output(attemptId: number): AttemptOutput | undefined {
    return this.outputs.get(keyOf(attemptId));
  }

  putOutput(attemptId: number, output: AttemptOutput): void {
    this.outputs.putSync(keyOf(attemptId), output);
  }

  /** Makes the run of an idempotency token once: later calls get the first one's id. `make` writes the run. */
  once(key: string, make: () => number): { runId: number; made: boolean } {
    return this.store.transaction(() => {
      const known = this.submitted.get(key);
      if (known !== undefined && this.run(known)) return { runId: known, made: false };
      const runId = make();
      this.submitted.putSync(key, runId);
      return { runId, made: true };
    });
  }
}

function keyOf(id: number): string {
  return String(id).padStart(16, "0");
}

function down(before?: number): { reverse: true; start?: string; exclusiveStart?: boolean } {
  return before === undefined ? { reverse: true } : { reverse: true, start: keyOf(before - 1) };
}
