/** A job's machine: where it works, which programs it has, and what GitHub tells it in variables. */
import { existsSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { ROOT } from "../support/pulumi";
import type { JobPart } from "./job";

/** The runner that a job has to itself. */
export interface Machine {
  /** `GITHUB_WORKSPACE`. */
  readonly workspace: string;
  /** Folders of programs, the first first. */
  readonly path: string[];
}

/** Node, git, bash and the like, but no Pulumi: an action brings that. */
export function programs(): string[] {
  return [dirname(process.execPath), ...path()].filter((folder) => !existsSync(join(folder, "pulumi")));
}

/** Where the engine is that the tests run. */
export function pulumiPrograms(): string[] {
  const own = join(ROOT, ".local", "engine", "bin");
  return [own, ...path()].filter((folder) => existsSync(join(folder, "pulumi")));
}

function path(): string[] {
  return (process.env.PATH ?? "").split(delimiter);
}

/**
 * https://docs.github.com/actions/reference/workflows-and-actions/variables
 * @param folder the job's own
 */
export function jobVariables(
  { workflow, event, github, options, id }: JobPart,
  folder: string,
  { workspace }: Machine,
): Readonly<Record<string, string>> {
  const eventFile = join(folder, "event.json");
  writeFileSync(eventFile, JSON.stringify(event.payload));
  const [, type = "", name = ""] = /^refs\/(heads|tags|pull)\/(.*)$/.exec(event.ref) ?? [];
  return {
    ...{ CI: "true", GITHUB_ACTIONS: "true", RUNNER_OS: "Linux", RUNNER_TEMP: join(folder, "temp") },
    ...{ GITHUB_REPOSITORY: github.repository, GITHUB_SHA: event.sha, GITHUB_REF: event.ref },
    ...{ GITHUB_REF_NAME: name, GITHUB_REF_TYPE: type === "tags" ? "tag" : "branch" },
    ...{ GITHUB_HEAD_REF: event.headRef ?? "", GITHUB_BASE_REF: event.baseRef ?? "" },
    ...{ GITHUB_EVENT_NAME: event.name, GITHUB_EVENT_PATH: eventFile, GITHUB_ACTOR: "ada" },
    ...{ GITHUB_WORKFLOW: workflow.name, GITHUB_JOB: id, GITHUB_WORKSPACE: workspace },
    ...{ GITHUB_RUN_ID: String(options.id), GITHUB_RUN_NUMBER: "1", GITHUB_RUN_ATTEMPT: "1" },
    ...{ GITHUB_SERVER_URL: github.apiUrl, GITHUB_API_URL: github.apiUrl },
    // As on a machine that has just been made: no clone is there.
    NOTEBOOK_RELEASES_CACHE: join(folder, "cache"),
  };
}
