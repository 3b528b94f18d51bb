/**
 * The time limit of each test, counted from when it was first seen running: the start-up of its compute and its waiting
 * for a place are other states of the Jobs API (`PENDING`, `QUEUED`, `BLOCKED`). The API's own `timeout_seconds` counts
 * them in, so it is only the last resort for a test that nobody watches (`tasks.ts`). A retry has the whole time again.
 */
import { hasEnded, type TaskRun } from "../../databricks/runs";

export class Clocks {
  private readonly since = new Map<number, number>();
  private readonly stopped = new Set<number>();

  constructor(
    private readonly limitMs: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** Looks at all task runs; answers those whose time is over, each once. */
  overdue(tasks: readonly TaskRun[]): TaskRun[] {
    return tasks.filter((task) => {
      if (task.state.life_cycle_state !== "RUNNING" || this.stopped.has(task.run_id)) {
        return false;
      }
      const late = this.now() - this.started(task) >= this.limitMs;
      if (late) {
        this.stopped.add(task.run_id);
      }
      return late;
    });
  }

  /** For how long a task has been running, in ms. */
  running(task: TaskRun): number {
    return this.now() - this.started(task);
  }

  /** In how many ms the next of these tasks is overdue; infinite where none runs. */
  untilNext(tasks: readonly TaskRun[]): number {
    const open = tasks.filter((task) => !hasEnded(task.state) && !this.stopped.has(task.run_id));
    const starts = open.flatMap(({ run_id }) => this.since.get(run_id) ?? []);
    return Math.max(0, Math.min(...starts.map((start) => start + this.limitMs - this.now()), Infinity));
  }

  private started({ run_id }: TaskRun): number {
    const start = this.since.get(run_id) ?? this.now();
    this.since.set(run_id, start);
    return start;
  }
}
