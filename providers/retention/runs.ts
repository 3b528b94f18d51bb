/** What an active run, and a job, tell of the releases that they need. */
import type { ListedJob } from "../../databricks/jobs";
import { plainPath } from "../../databricks/objects";
import type { ActiveRun } from "../../databricks/runs";
import type { RunUse } from "./plan";

const GITHASH = /(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])/g;

/**
 * A run uses a release if its commit stands anywhere in it: tasks of all kinds (also inside of `for_each_task`) and
 * their parameters, libraries, environments. That may keep one for too long, and misses none that the API shows.
 * @param trigger path of the notebook that dispatches.
 */
export function useOf(run: ActiveRun, trigger: string): RunUse {
  const githashes = new Set<string>();
  let dispatches = false;
  visit(run, (key, value) => {
    if (typeof value !== "string") {
      // A copy of the trigger elsewhere is known by its parameter.
      dispatches ||= key === "registry_table";
      return;
    }
    for (const githash of value.match(GITHASH) ?? []) {
      githashes.add(githash);
    }
    dispatches ||= key === "registry_table" || plainPath(value).replace(/\.py$/, "") === plainPath(trigger);
  });
  const { run_id, run_name, start_time } = run;
  return {
    name: `run ${run_id}${run_name ? ` (${run_name})` : ""}`,
    startedAt: start_time ?? 0,
    githashes,
    dispatches,
  };
}

/** A path in the workspace that leads to or into a release: its root, and its commit. */
const IN_RELEASE = /^(\/(?!Volumes\/|dbfs\/).*?)\/([0-9a-f]{40})(?=\/|$)/;

/**
 * A job needs the release that its next run will use. A pinned one follows the registry's row a little later, or much
 * later where an `up` failed in between; nothing else tells of that. One that leads to the same commit under another root
 * needs the release there: apps of one repository are often deployed at the same commit.
 * @param root of the releases.
 */
export function useOfJob({ job_id, settings }: ListedJob, root: string): RunUse {
  const named = new Set<string>();
  const rootsOf = new Map<string, Set<string>>();
  visit(settings, (_key, value) => {
    if (typeof value !== "string") {
      return;
    }
    for (const githash of value.match(GITHASH) ?? []) {
      named.add(githash);
    }
    const [, folder = "", githash] = IN_RELEASE.exec(plainPath(value)) ?? [];
    if (githash !== undefined) {
      rootsOf.set(githash, (rootsOf.get(githash) ?? new Set()).add(folder));
    }
  });
  const githashes = [...named].filter((githash) => rootsOf.get(githash)?.has(plainPath(root)) ?? true);
  const name = `job ${job_id}${settings?.name ? ` (${settings.name})` : ""}`;
  return { name, startedAt: 0, githashes: new Set(githashes), dispatches: false };
}

/** Every value inside, with the key that it stands under (of its list, for a list's). */
function visit(value: unknown, see: (key: string, value: unknown) => void, key = ""): void {
  see(key, value);
  if (Array.isArray(value)) {
    value.forEach((item) => visit(item, see, key));
  } else if (typeof value === "object" && value !== null) {
    Object.entries(value).forEach(([name, item]) => visit(item, see, name));
  }
}
