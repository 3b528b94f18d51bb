/** A local workspace of a test's own, and the calls that the tests of jobs make. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorkspace, type RunningWorkspace } from "../../workspace/server";

export type Answer = any;

export interface Rig {
  readonly running: RunningWorkspace;
  readonly dataDir: string;
  readonly logLines: string[];
  /** A call that must succeed. */
  call(method: "GET" | "POST", route: string, body?: object): Promise<Answer>;
  /** A call as it comes: status and body. */
  raw(
    method: "GET" | "POST",
    route: string,
    body?: object,
    token?: string,
  ): Promise<{ status: number; body: Answer }>;
  /** Imports a notebook; a header line is put in front. */
  notebook(notebookPath: string, source: string, language?: "PYTHON" | "SQL" | "SCALA" | "R"): Promise<void>;
  file(filePath: string, content: string | Buffer): Promise<void>;
  /** Submits tasks (or one notebook) and waits for the run's end. */
  run(tasks: string | object[], more?: object): Promise<Answer>;
  wait(runId: number, until?: (run: Answer) => boolean): Promise<Answer>;
  output(runId: number): Promise<Answer>;
  close(): Promise<void>;
}

const COMMENT = { PYTHON: "#", SQL: "--", SCALA: "//", R: "#" };
const CELLS = /\n={3,}\n/;

/** Starts a workspace in a folder whose name has a space, because such folders break what is careless. */
export async function startRig(): Promise<Rig> {
  const dataDir = mkdtempSync(path.join(tmpdir(), "jobs test "));
  const logLines: string[] = [];
  const running = await startWorkspace({
    dataDir,
    port: 0,
    engines: false,
    log: (line) => logLines.push(line),
  });
  const rig = rigOf(running.host, running.token, dataDir);
  return {
    ...rig,
    running,
    dataDir,
    logLines,
    close: async () => {
      await running.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** The calls alone, for a server in another process. */
export function rigOf(
  host: string,
  token: string,
  dataDir: string,
): Omit<Rig, "running" | "close" | "logLines"> {
  const raw: Rig["raw"] = async (method, route, body, as = token) => {
    const response = await fetch(host + route, {
      method,
      headers: { Authorization: `Bearer ${as}` },
      body: body && JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const call: Rig["call"] = async (method, route, body) => {
    const answer = await raw(method, route, body);
    if (answer.status !== 200)
      throw new Error(`${method} ${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const wait: Rig["wait"] = (runId, until = (run) => run.state.result_state !== undefined) =>
    eventually(async () => {
      const run = await call("GET", `/api/2.2/jobs/runs/get?run_id=${runId}`);
      return until(run) ? run : undefined;
    }, `run ${runId}`);
  const put = (objectPath: string, format: string, content: string | Buffer, language?: string) =>
    call("POST", "/api/2.0/workspace/import", {
      path: objectPath,
      format,
      language,
      overwrite: true,
      content: Buffer.from(content).toString("base64"),
    });
  return {
    dataDir,
    call,
    raw,
    wait,
    async notebook(notebookPath, source, language = "PYTHON") {
      const comment = COMMENT[language];
      const cells = source.split(CELLS).join(`\n\n${comment} COMMAND ----------\n\n`);
      await call("POST", "/api/2.0/workspace/mkdirs", { path: path.posix.dirname(notebookPath) });
      await put(notebookPath, "SOURCE", `${comment} Databricks notebook source\n${cells}`, language);
    },
    async file(filePath, content) {
      await call("POST", "/api/2.0/workspace/mkdirs", { path: path.posix.dirname(filePath) });
      await put(filePath, "RAW", content);
    },
    async run(tasks, more = {}) {
      const list =
        typeof tasks === "string" ? [{ task_key: "main", notebook_task: { notebook_path: tasks } }] : tasks;
      const { run_id: runId } = await call("POST", "/api/2.2/jobs/runs/submit", {
        run_name: "test",
        tasks: list,
        ...more,
      });
      return wait(runId);
    },
    output: (runId) => call("GET", `/api/2.2/jobs/runs/get-output?run_id=${runId}`),
  };
}

/** Asks again and again until there is an answer, for a minute at most. */
export async function eventually<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  what: string,
  limitMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`);
    await sleep(10);
  }
}

export function task(key: string, notebookPath: string, more: object = {}): object {
  return { task_key: key, notebook_task: { notebook_path: notebookPath }, ...more };
}

/** A run's tasks by key, the last attempt of each. */
export function byKey(run: Answer): Record<string, Answer> {
  return Object.fromEntries(run.tasks.map((one: Answer) => [one.task_key, one]));
}
