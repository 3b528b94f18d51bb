/** Runs that the last server left active ended with it: their guardians killed them when it went away. */
import { rmSync } from "node:fs";
import path from "node:path";
import { revokeToken } from "../auth";
import type { Workspace } from "../context";
import { endAll } from "./newRun";
import { tokenOfRun, type StopReason } from "./notebookRun";
import type { Records } from "./records";
import { ended } from "./types";
import { runFolder } from "./workFolder";

export const SERVER_STOPPED: StopReason = {
  result: "FAILED",
  code: "INTERNAL_ERROR",
  message: "The local workspace was stopped while this run was active.",
};

/** Ends them in the records, and takes away what they had: their tokens and their folders. */
export function recoverRuns(workspace: Workspace, records: Records): void {
  for (const run of records.runsDown()) {
    if (ended(run.progress)) continue;
    const attempts = run.attempts.filter((attempt) => !ended(attempt.progress));
    endAll(run, { state: "INTERNAL_ERROR", ...SERVER_STOPPED });
    records.putRun(run);
    for (const { runId } of attempts) {
      revokeToken(workspace.store, tokenOfRun(workspace, runId));
      records.putOutput(runId, { error: SERVER_STOPPED.message });
      rmSync(path.join(runFolder(workspace, runId), "work"), { recursive: true, force: true });
    }
  }
}
