/** `releases check`: runs the watch of a stack now: the live release's regression tests, and its model against fresh data. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../databricks/client";
import { findJobs, runJob } from "../databricks/jobs";
import { getRun, getRunOutput, hasEnded, type Run } from "../databricks/runs";
import { print, printJson, tell } from "./output";
import { Problem } from "./problem";
import { connectTo, readStack } from "./stack";

export interface CheckOptions {
  readonly stack: string;
  readonly cwd: string;
  /** Minutes. */
  readonly timeout: number;
  readonly json?: boolean;
}

const SAY_EVERY_MS = 10_000;

/** @returns the exit code: 1 where a test failed or a limit is broken. */
export async function check({ stack: name, cwd, timeout, json = false }: CheckOptions): Promise<0 | 1> {
  const stack = await readStack(name, cwd);
  const { app, env, watch } = stack.config;
  if (!watch) {
    throw new Problem(
      `Stack ${name} has no watch. Add notebook-releases:watch to its configuration and run pulumi up.`,
    );
  }
  const client = await connectTo(stack);
  const job = `${app}-${env}-watch`;
  const [id, ...others] = await findJobs(client, job);
  if (id === undefined || others.length > 0) {
    throw new Problem(
      id === undefined
        ? `The workspace has no job ${job}. Run pulumi up on stack ${name}.`
        : `The workspace has ${others.length + 1} jobs called ${job}. Delete those that are not the stack's.`,
    );
  }
  const runId = await runJob(client, id, randomUUID());
  const run = await waitFor(client, runId, timeout * 60_000);
  const task = run.tasks?.[0];
  const output = task && (await getRunOutput(client, task.run_id));
  const passed = run.state.result_state === "SUCCESS";
  const message = passed ? output?.notebook_output?.result : output?.error || run.state.state_message;
  if (json) {
    printJson({ stack: name, passed, message: message ?? "", runId, url: run.run_page_url ?? "" });
  } else {
    print(`${passed ? "✓" : "✗"} ${app}/${env}: ${message || run.state.result_state}`);
    print(`  ${run.run_page_url ?? `run ${runId}`}`);
  }
  return passed ? 0 : 1;
}

async function waitFor(client: Client, runId: number, limitMs: number): Promise<Run> {
  const started = Date.now();
  let said = started;
  for (let pause = 200; ; pause = Math.min(pause * 1.3, 3000)) {
    const run = await getRun(client, runId);
    if (hasEnded(run.state)) {
      return run;
    }
    const now = Date.now();
    if (now - started > limitMs) {
      throw new Problem(
        `Run ${run.run_page_url ?? runId} has not ended within ${Math.round(limitMs / 60_000)} minutes. It goes on.`,
      );
    }
    if (now - said >= SAY_EVERY_MS) {
      said = now;
      tell(`${run.state.life_cycle_state.toLowerCase()} for ${Math.round((now - started) / 1000)} s`);
    }
    await sleep(pause);
  }
}
