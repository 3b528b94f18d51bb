/** The gate's runs at work: submitted or found again, watched with progress and limits, called off where it must be. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../databricks/client";
import { messageOf } from "../../databricks/errors";
import { cancelRun, getRun, hasEnded, submitRun, type Run, type Submit } from "../../databricks/runs";
import { say } from "../progress";
import { Clocks } from "./clocks";
import { interruptible } from "./interrupt";
import { liveProgress } from "./live";
import { attemptsOf } from "./results";
import { plan, START_UP_S, submission, type BatchRequest, type Test } from "./tasks";

export interface Watched {
  /** Every run that was started, in the order of the batches. */
  readonly runs: readonly Run[];
  /** Task runs that were cancelled because their time was over. */
  readonly overdue: ReadonlySet<number>;
}

export interface WatchHooks {
  /** Called whenever runs were started, with all of them so far: whoever comes later must be able to find them. */
  started(runIds: readonly number[]): Promise<void>;
  /** The process was asked to end, and the runs are cancelled. */
  interrupted(): Promise<void>;
}

/** Pauses between two looks: short at first, then a tenth of what has passed, so that no end is seen late. */
const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;

/**
 * Runs the tests and waits for their end. A run that fails is an answer; where watching itself fails, or the process is
 * asked to end, the runs are cancelled, because nobody would look at what they find.
 */
export async function runTests(
  client: Client,
  tests: readonly Test[],
  request: BatchRequest,
  hooks: WatchHooks,
): Promise<Watched> {
  const started: number[] = [];
  const overdue = new Set<number>();
  const cancelAll = () => Promise.allSettled(started.map((runId) => cancelRun(client, runId)));

  async function work(signal: AbortSignal): Promise<Watched> {
    const runs: Run[] = [];
    try {
      for (const round of plan(tests, request.settings.parallel)) {
        const batches = round.map((batch) => submission(batch, request));
        const ids = await submitAll(client, batches, started);
        await hooks.started(started);
        runs.push(...(await watch(client, ids, { tests: round.flat(2), request, overdue, signal })));
      }
      return { runs, overdue };
    } catch (error) {
      if (!signal.aborted) {
        await cancelAll();
      }
      throw error;
    }
  }

  return interruptible(work, async () => {
    say(`gate: interrupted; cancelling the test run ${started.join(", ")}`);
    if ((await cancelAll()).some(({ status }) => status === "rejected")) {
      say("gate: the test run could not be cancelled. It goes on; the next up takes it up again.");
      return;
    }
    await hooks.interrupted().catch((problem: unknown) => {
      say(`gate: could not mark the deployment as failed: ${messageOf(problem)}`);
    });
    say(
      "gate: the test run was cancelled. What was live is live still; the next up starts a new deployment.",
    );
  });
}

/** Starts the batches at once. `started` gets each that was, also where another one was refused. */
async function submitAll(client: Client, batches: readonly Submit[], started: number[]): Promise<number[]> {
  const answers = await Promise.allSettled(batches.map((batch) => submitRun(client, batch)));
  const ids = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  started.push(...ids);
  const refused = answers.find((answer) => answer.status === "rejected");
  if (refused) {
    throw refused.reason;
  }
  return ids;
}

interface Watch {
  readonly tests: readonly Test[];
  readonly request: BatchRequest;
  readonly overdue: Set<number>;
  readonly signal: AbortSignal;
}

/** Waits until all of the runs have ended; answers them in the same order. */
async function watch(client: Client, ids: readonly number[], watched: Watch): Promise<Run[]> {
  const { tests, request, overdue, signal } = watched;
  const { timeoutSeconds, retries } = request.settings;
  const begun = Date.now();
  const limitS =
    Math.ceil(tests.length / request.settings.parallel) * timeoutSeconds * (retries + 1) + START_UP_S;
  const clocks = new Clocks(timeoutSeconds * 1000);
  const show = liveProgress(retries);
  const seen = new Map<number, Run>();
  for (;;) {
    const open = ids.filter((id) => !hasEnded(seen.get(id)?.state ?? STARTING));
    (await Promise.all(open.map((id) => getRun(client, id)))).forEach((run, at) =>
      seen.set(open[at] ?? 0, run),
    );
    const runs = ids.flatMap((id) => seen.get(id) ?? []);
    if (runs.every(({ state }) => hasEnded(state))) {
      return runs;
    }
    if (Date.now() - begun > limitS * 1000) {
      const addresses = runs.map(({ run_id, run_page_url }) => run_page_url ?? run_id).join(", ");
      throw new Error(`The gate's run ${addresses} did not end within ${limitS} s and was cancelled.`);
    }
    const tasks = runs.flatMap((run) => run.tasks ?? []);
    for (const task of clocks.overdue(tasks)) {
      overdue.add(task.run_id);
      say(`gate: ${task.task_key} has run for more than ${timeoutSeconds} s; cancelling it`);
      await cancelRun(client, task.run_id).catch((problem: unknown) => {
        say(`gate: it could not be cancelled, and ends at the API's own limit: ${messageOf(problem)}`);
      });
    }
    show(
      tests.map(({ notebook, name }) => {
        const task = runs.flatMap((run) => attemptsOf(run, { notebook, name })).at(-1);
        const isRunning = task?.state.life_cycle_state === "RUNNING";
        return { notebook, task, runningMs: task && isRunning ? clocks.running(task) : 0 };
      }),
    );
    const pause = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, (Date.now() - begun) / 10));
    await sleep(Math.min(pause, clocks.untilNext(tasks)), undefined, { signal });
  }
}

const STARTING = { life_cycle_state: "PENDING" };
