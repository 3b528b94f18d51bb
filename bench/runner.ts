/** Runs cases in turn, so that a slow minute of the machine hits all of them alike, and goes on where one fails. */
import { cpus, loadavg } from "node:os";
import { TookTooLong } from "./command";
import type { CaseResult, Results, Values } from "./results";
import { short } from "./statistics";
import type { BenchWorkspace } from "./workspace";

export interface Case {
  readonly way: string;
  readonly size: number;
  /** What must be there before the first run; its time does not count. */
  prepare?(): Promise<void>;
  /** One run. Answers its values; `seconds` is the one that all have. */
  run(): Promise<Values>;
}

export interface RunnerOptions {
  readonly runs: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export class Runner {
  constructor(
    readonly results: Results,
    private readonly options: RunnerOptions,
  ) {}

  /** Every case once, then every case again, … One that fails or takes too long is not run again. */
  async runAll(group: string, cases: readonly Case[], workspace: BenchWorkspace): Promise<void> {
    const { runs, signal, say } = this.options;
    const entries = cases.map((each) => {
      const result: CaseResult = { group, way: each.way, size: each.size, runs: [] };
      this.results.add(result);
      return { each, result };
    });
    for (let run = 1; run <= runs; run++) {
      for (const { each, result } of entries) {
        signal.throwIfAborted();
        if (result.failed !== undefined || result.over !== undefined) {
          continue;
        }
        const name = `${group}: ${each.way}, ${each.size}`;
        try {
          if (run === 1) {
            await each.prepare?.();
          }
          const values = await withLoad(workspace, () => each.run());
          result.runs.push(values);
          say(`${name}, run ${run} of ${runs}: ${summary(values)}`);
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof TookTooLong) {
            result.over = error.limitSeconds;
          } else {
            result.failed = reason(error);
          }
          say(`${name}, run ${run} of ${runs}: ${result.failed ?? (error as Error).message}`);
        }
      }
    }
  }
}

/** Adds how busy the workspace's server (in cores) and the machine (as a share of all its cores) were meanwhile. */
async function withLoad(workspace: BenchWorkspace, work: () => Promise<Values>): Promise<Values> {
  const [server, machine, started] = [workspace.serverCpuSeconds(), ticks(), performance.now()];
  const values = await work();
  const seconds = (performance.now() - started) / 1000;
  const now = ticks();
  return {
    ...values,
    serverCores: (workspace.serverCpuSeconds() - server) / seconds,
    machineBusy: 1 - (now.idle - machine.idle) / Math.max(1, now.all - machine.all),
    load: loadavg()[0] ?? 0,
  };
}

function ticks(): { idle: number; all: number } {
  const times = cpus().map((cpu) => cpu.times);
  const all = times.reduce((sum, each) => sum + Object.values(each).reduce((a, b) => a + b, 0), 0);
  return { idle: times.reduce((sum, each) => sum + each.idle, 0), all };
}

function summary(values: Values): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${short(value)}`)
    .join(", ");
}

/** The lines of a command's output that tell why it failed, on one line. */
function reason(error: unknown): string {
  const lines = (error as Error).message.split("\n");
  const telling = lines.filter((line) => /\berror\b/i.test(line));
  const chosen = telling.length > 0 ? [lines[0] ?? "", ...telling.slice(-3)] : lines;
  return chosen.join(" ").replace(/\s+/g, " ").slice(0, 400);
}
