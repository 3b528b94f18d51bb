/** Where the tests stand while they run: how many are done, which run and for how long. */
import { hasEnded, type TaskRun } from "../../databricks/runs";
import { say } from "../progress";
import { attemptNumber } from "./results";

/** What the display is told of one test: its last attempt, and for how long that has been running, in ms. */
export interface TestState {
  readonly notebook: string;
  readonly task: TaskRun | undefined;
  readonly runningMs: number;
}

/** Names that fit into one line. */
const NAMES = 4;

/** E.g. `gate: 3 of 20 tests done, 1 failed; running: tests/a (3 s), tests/b (12 s) and 6 more`. */
export function liveLine(states: readonly TestState[], retries: number): string {
  const done = states.filter(({ task }) => task && hasEnded(task.state) && isLast(task, retries));
  const failed = done.filter(({ task }) => task?.state.result_state !== "SUCCESS").length;
  const running = states.filter(({ task }) => task?.state.life_cycle_state === "RUNNING");
  const names = running
    .slice(0, NAMES)
    .map(({ notebook, task, runningMs }) => {
      const again = (task?.attempt_number ?? 0) > 0 ? `, attempt ${attemptNumber(task)}` : "";
      return `${notebook} (${Math.round(runningMs / 1000)} s${again})`;
    })
    .join(", ");
  const more = running.length > NAMES ? ` and ${running.length - NAMES} more` : "";
  return (
    `gate: ${done.length} of ${states.length} tests done` +
    (failed > 0 ? `, ${failed} failed` : "") +
    (names ? `; running: ${names}${more}` : "; waiting for the compute")
  );
}

/** A failed attempt is the last one where no other follows. */
function isLast(task: TaskRun, retries: number): boolean {
  return task.state.result_state !== "FAILED" || (task.attempt_number ?? 0) >= retries;
}

/**
 * Says the line when something has begun or ended, at most every two seconds, and else now and then: enough to see that
 * it moves, few enough to read afterwards (the engine shows all of it again at the end).
 */
export function liveProgress(
  retries: number,
  now: () => number = Date.now,
  tell: (line: string) => void = say,
): (states: readonly TestState[]) => void {
  let [last, at, quiet] = ["", now(), QUIET_MS];
  return (states) => {
    const key = states.map(({ task }) => `${task?.run_id} ${task?.state.life_cycle_state}`).join();
    const waited = now() - at;
    if (waited >= (key === last ? quiet : LIVELY_MS)) {
      quiet = key === last ? Math.min(quiet * 2, LONGEST_QUIET_MS) : QUIET_MS;
      [last, at] = [key, now()];
      tell(liveLine(states, retries));
    }
  };
}

const LIVELY_MS = 2000;
const QUIET_MS = 5000;
const LONGEST_QUIET_MS = 60_000;
