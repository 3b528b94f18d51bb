/** One attempt of a notebook task: its folder, token, driver process, output, and how it ended. */
import { createHmac } from "node:crypto";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { acceptToken, revokeToken } from "../auth";
import type { Identity, Workspace } from "../context";
import { findPrincipal } from "../identities";
import { mayAccess, normalisePath, readNotebook } from "../objects";
import { answerCall, type CallContext } from "./calls";
import { DriverProcess, startDriver, type DriverEnd, type DriverSpec } from "./driver";
import { jarsOf } from "./jars";
import { LibraryError, type Libraries } from "./libraries";
import { OutputRecorder } from "./output";
import type { Redactor } from "./redactor";
import { findScala, scalaOf } from "./scala";
import type { AttemptOutput, Progress, RunRecord, TaskSettings, TerminationCode } from "./types";
import { WorkFolder } from "./workFolder";

/** Characters of cell output that a run may keep. */
const OUTPUT_LIMIT = 20 * 1024 * 1024;
/** Bytes of an exit value (documented). */
const EXIT_VALUE_LIMIT = 5 * 1024 * 1024;
/** Milliseconds between the interrupt and the kill of a notebook that is stopped. */
const GRACE_MS = 2_000;

/** Why a run is stopped; the reason of its abort signal. */
export interface StopReason {
  readonly result: "CANCELED" | "TIMEDOUT" | "FAILED";
  readonly code: TerminationCode;
  readonly message: string;
}

export interface NotebookRequest {
  readonly workspace: Workspace;
  readonly run: RunRecord;
  readonly attemptId: number;
  readonly taskKey: string;
  readonly notebookPath: string;
  readonly parameters: Record<string, string>;
  readonly libraries: TaskSettings["libraries"];
  readonly installed: Libraries;
  /** Seconds; 0 is no limit. */
  readonly timeoutSeconds: number;
  readonly redactor: Redactor;
  /** Aborted with a {@link StopReason}. */
  readonly signal: AbortSignal;
  readonly calls: Pick<CallContext, "runChild" | "taskValues" | "spark">;
  readonly started: () => void;
}

export interface NotebookResult {
  readonly progress: Progress;
  readonly output: AttemptOutput;
}

/** Runs the notebook to its end, whatever that is; never rejects for something that a notebook can cause. */
export async function runNotebook(request: NotebookRequest): Promise<NotebookResult> {
  const { workspace, run, redactor, notebookPath } = request;
  const identity = findPrincipal(workspace.store, run.runAs);
  const notebook = identity && readable(workspace, identity, notebookPath);
  if (!identity || !notebook) return notFound(notebookPath, run.runAs);
  const isScala = notebook.language === "SCALA";
  const scala = findScala("");
  if (isScala && "missing" in scala) return couldNotRun("FEATURE_DISABLED", scala.missing);

  const folder = new WorkFolder(workspace, identity, request.attemptId);
  const recorder = new OutputRecorder(folder.folder, redactor, OUTPUT_LIMIT);
  const token = tokenOfRun(workspace, request.attemptId);
  redactor.add(Buffer.from(token));
  acceptToken(workspace.store, token, identity.userName);
  try {
    const place = folder.prepare(notebookPath);
    const notes = [...(place.note ? [place.note] : []), ...request.installed.notes];
    for (const note of notes) recorder.append("stderr", `${note}\n`);
    const jars = await jarsOf(workspace, identity, request.libraries, path.join(folder.work, "jars"));
    const spec = specificationOf(request, folder, { ...place, jars, token, identity, notebook });
    const process = isScala
      ? scalaOf(workspace).take()
      : startDriver(workspace.settings.python, spec.run_id, spec.run_directory);
    const driver = new DriverProcess(process, spec, {
      event: (event) => {
        if (event.type === "started") request.started();
        else if (event.type === "cell") recorder.startCell(event);
        else if (event.type === "cell_end") {
          recorder.endCell(event.state, event.seconds);
          // One for the next notebook, as soon as this one's has warmed up: two at once would hold each other up.
          if (isScala) scalaOf(workspace).prepare();
        } else if (event.type === "output") recorder.append(event.stream, event.text, event.html);
      },
      direct: (stream, text) => recorder.appendDirect(stream, text),
      call: (method, args) =>
        answerCall(
          { workspace, identity, redactor, folder, taskKey: request.taskKey, ...request.calls },
          method,
          args,
        ),
    });
    const { end, stopped } = await untilEnd(driver, request);
    const result = stopped ? stoppedResult(stopped) : resultOf(end, redactor);
    recorder.finish(result.output.errorTrace ?? result.output.error);
    return result;
  } catch (error) {
    if (error instanceof LibraryError) return couldNotRun("LIBRARY_INSTALLATION_ERROR", error.message);
    throw error;
  } finally {
    revokeToken(workspace.store, token);
    folder.remove();
  }
}

/** Waits for the driver, and stops it when its time is over or the run is stopped. */
async function untilEnd(
  driver: DriverProcess,
  request: NotebookRequest,
): Promise<{ end: DriverEnd; stopped?: StopReason }> {
  let stopped: StopReason | undefined;
  const stop = (reason: StopReason): void => {
    stopped ??= reason;
    driver.stop(GRACE_MS);
  };
  const onAbort = (): void => stop(request.signal.reason as StopReason);
  request.signal.addEventListener("abort", onAbort, { once: true });
  if (request.signal.aborted) onAbort();
  const limit = request.timeoutSeconds;
  const timer = limit > 0 ? setTimeout(() => stop(timedOut(limit)), limit * 1000) : undefined;
  const end = await driver.done;
  clearTimeout(timer);
  request.signal.removeEventListener("abort", onAbort);
  return { end, stopped };
}

export function timedOut(seconds: number): StopReason {
  return {
    result: "TIMEDOUT",
    code: "CANCELED",
    message: `Timed out: the limit of ${seconds} seconds was exceeded.`,
  };
}

function readable(
  workspace: Workspace,
  identity: Identity,
  notebookPath: string,
): { language: string; source: string } | undefined {
  try {
    const notebook = readNotebook(workspace, notebookPath);
    return notebook && mayAccess(workspace, identity, notebookPath, "CAN_RUN") ? notebook : undefined;
  } catch {
    return undefined; // A path that cannot be one names nothing.
  }
}

function specificationOf(
  request: NotebookRequest,
  folder: WorkFolder,
  given: {
    directory: string;
    pythonPath: string[];
    jars: string[];
    token: string;
    identity: Identity;
    notebook: { language: string; source: string };
  },
): DriverSpec {
  const { settings } = request.workspace;
  const dbfs = path.join(settings.dataDir, "dbfs");
  const volumes = path.join(settings.dataDir, "volumes");
  for (const each of [dbfs, volumes]) mkdirSync(each, { recursive: true, mode: 0o700 });
  const { token } = given;
  const { folders } = request.installed;
  return {
    run_id: String(request.attemptId),
    parent_run_id: String(request.run.runId),
    job_id: String(request.run.jobId),
    task_key: request.taskKey,
    notebook: { ...given.notebook, path: normalisePath(request.notebookPath) },
    parameters: request.parameters,
    host: settings.host,
    token,
    user: given.identity.userName,
    workspace_id: settings.workspaceId,
    environment: {
      DATABRICKS_HOST: settings.host,
      DATABRICKS_TOKEN: token,
      MLFLOW_TRACKING_URI: settings.host,
      MLFLOW_TRACKING_TOKEN: token,
      // Plots are drawn into files and into `display`: there is no screen.
      MPLBACKEND: "Agg",
      // For programs that the notebook starts; its own path is set by the driver.
      ...(folders.length > 0 && { PYTHONPATH: folders.join(path.delimiter) }),
    },
    run_directory: folder.work,
    working_directory: given.directory,
    workspace_copies: folder.copies,
    dbfs_directory: dbfs,
    volumes_directory: volumes,
    python_path: given.pythonPath,
    library_path: [...folders],
    jars: given.jars,
    scala: findScala(path.join(folder.work, "scala")),
    output_limit: OUTPUT_LIMIT,
  };
}

/** A run's token follows from its id and the administrator's token, so that a restarted server can take back old ones. */
export function tokenOfRun(workspace: Workspace, attemptId: number): string {
  return `dapi${createHmac("sha256", workspace.settings.token).update(`run ${attemptId}`).digest("hex").slice(0, 32)}`;
}

function resultOf({ end, exit }: DriverEnd, redactor: Redactor): NotebookResult {
  if (end?.result === "success") {
    const output =
      end.exit_value === null || end.exit_value === undefined
        ? {}
        : exitValue(redactor.redact(end.exit_value));
    return { progress: { state: "TERMINATED", result: "SUCCESS", code: "SUCCESS", message: "" }, output };
  }
  if (end?.error) {
    const { name, message, trace } = end.error;
    const error = redactor.redact(message === "" ? name : `${name}: ${message}`);
    return {
      progress: failed("Workload failed, see run output for details"),
      output: { error, errorTrace: redactor.redact(trace) },
    };
  }
  const error = `The notebook's process ended unexpectedly: ${exit}. It may have run out of memory or crashed in native code.`;
  return { progress: failed("Workload failed, see run output for details"), output: { error } };
}

function exitValue(value: string): AttemptOutput {
  const bytes = Buffer.from(value);
  if (bytes.length <= EXIT_VALUE_LIMIT) return { exitValue: value };
  // Cut between characters: a torn one at the end is dropped.
  const cut = bytes
    .subarray(0, EXIT_VALUE_LIMIT)
    .toString("utf8")
    .replace(/\uFFFD$/, "");
  return { exitValue: cut, exitTruncated: true };
}

function failed(message: string): Progress {
  return { state: "TERMINATED", result: "FAILED", code: "RUN_EXECUTION_ERROR", message };
}

export function stoppedResult({ result, code, message }: StopReason): NotebookResult {
  const state = result === "FAILED" ? "INTERNAL_ERROR" : "TERMINATED";
  const progress: Progress = { state, result, code, message };
  return { progress, output: result === "CANCELED" ? {} : { error: message } };
}

function notFound(notebookPath: string, user: string): NotebookResult {
  const message =
    `Unable to access the notebook "${notebookPath}". Either it does not exist, or the identity used to run this job, ` +
    `${user}, lacks the required permissions.`;
  return couldNotRun("RESOURCE_NOT_FOUND", message);
}

/** Nothing of the notebook has run. */
export function couldNotRun(code: TerminationCode, message: string): NotebookResult {
  return {
    progress: { state: "INTERNAL_ERROR", result: "FAILED", code, message },
    output: { error: message },
  };
}
