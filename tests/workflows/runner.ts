/**
 * Runs a workflow as GitHub does, on this machine: expressions are resolved, conditions honoured, every `run:` executed by
 * bash in order, `uses:` replaced by what the action does (`actions.ts`). What is not known fails loudly.
 */
import type { JobIdentity } from "../support/gitHubIssuer";
import { fillText, holds, type Scope } from "./expressions";
import { JobRunner } from "./job";
import { inputsOf, matrixOf, needsOf, type Event, type Job, type Workflow } from "./workflow";

/** GitHub, as the runner needs it. */
export interface GitHubSide {
  readonly apiUrl: string;
  /** `owner/name`, of the repository whose workflow it is. */
  readonly repository: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** @throws where the repository has no such environment: GitHub would make an empty one. */
  readonly environment: (name: string) => Pick<GitHubSide, "variables" | "secrets">;
  /** The job's own token. */
  readonly token: (permissions: NonNullable<Job["permissions"]>) => string;
  /** What `id-token: write` gives. */
  readonly identity: (subject: string) => JobIdentity;
  readonly gitOf: (repository: string, token: string) => string;
  readonly defaultRef: (repository: string) => string;
}

export interface RunOptions {
  /** For everything that the run writes; its own. */
  readonly folder: string;
  readonly id: number;
  /** More variables of every step: what a machine of GitHub's has. */
  readonly env: Readonly<Record<string, string>>;
  /** Jobs that install the program for real; for the others the checkout's packages are linked. */
  readonly installs?: readonly string[];
  /** Cancels the run. */
  readonly signal?: AbortSignal;
  /** Everything that can be read of the run later on, as it arises. */
  readonly onText: (where: string, text: string) => void;
}

export type Result = "success" | "failure" | "cancelled" | "skipped";

export interface StepRun {
  readonly name: string;
  readonly result: Result;
  readonly output: string;
}

export interface JobRun {
  readonly id: string;
  readonly name: string;
  /** Of its concurrency group. */
  readonly group: string;
  readonly result: Result;
  readonly steps: readonly StepRun[];
  /** What its page shows. */
  readonly summary: string;
  /** What its steps printed. */
  readonly output: string;
}

export interface WorkflowRun {
  readonly name: string;
  readonly jobs: readonly JobRun[];
}

export async function runWorkflow(
  workflow: Workflow,
  event: Event,
  github: GitHubSide,
  options: RunOptions,
): Promise<WorkflowRun> {
  const inputs = inputsOf(workflow, event);
  const contexts = { github: gitHubContext(workflow, event, github), inputs, vars: github.variables };
  const artifacts = new Map<string, string>();
  const jobs: JobRun[] = [];
  const results: Record<string, { result: Result }> = {};
  for (const [id, job] of Object.entries(workflow.jobs)) {
    const needs = Object.fromEntries(needsOf(job).map((need) => [need, results[need] ?? null]));
    const before = needsOf(job).map((need) => results[need]?.result);
    const isGood = before.every((result) => result === "success");
    const scope: Scope = {
      contexts: { ...contexts, needs },
      status: options.signal?.aborted ? "cancelled" : isGood ? "success" : "failure",
    };
    const wanted = holds(job.if, scope);
    const runs: JobRun[] = [];
    for (const matrix of wanted ? matrixOf(job, scope) : []) {
      const one = { workflow, event, github, options, artifacts, id, job, number: jobs.length + runs.length };
      runs.push(await new JobRunner(one, { ...contexts, needs, matrix }).run());
    }
    jobs.push(...runs);
    const worst = (["cancelled", "failure", "success"] as const).find((result) =>
      runs.some((run) => run.result === result),
    );
    results[id] = { result: worst ?? "skipped" };
  }
  const scope: Scope = { contexts };
  const name = workflow["run-name"] === undefined ? workflow.name : fillText(workflow["run-name"], scope);
  options.onText(`${workflow.file}: name`, name);
  return { name, jobs };
}

function gitHubContext(workflow: Workflow, { name, payload, sha, ref, headRef }: Event, github: GitHubSide) {
  return {
    ...{ event: payload, event_name: name, sha, ref, head_ref: headRef ?? "" },
    ...{ repository: github.repository, workflow: workflow.name },
  };
}
