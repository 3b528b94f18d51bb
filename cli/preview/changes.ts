/** What changes beside the notebooks: jobs, secrets, who may do what. Names and what of them; never a secret's value. */
import { short } from "../../source/githash";
import type { Step, State } from "./engine";
import type { ResourceChange } from "./types";

/** The deployment itself: it is told by the commits, the notebooks and the tests. */
const DEPLOYMENT = new Set([
  "Workspace",
  "DigestKey",
  "DeploymentRun",
  "BuiltArtifacts",
  "ReleaseDirectory",
  "NotebookTestRun",
  "RegistryRow",
]);

/** @param isMove another commit becomes live: then the deployment's own resources change, which is no news. */
export function resourceChanges(steps: readonly Step[], isMove: boolean): ResourceChange[] {
  const changed = steps.filter(({ op }) => op !== "same");
  return changed
    .flatMap((step) => (isMove && DEPLOYMENT.has(step.type) ? readers(step) : describe(step)))
    .sort(byKey);
}

/** What a refresh found to be otherwise, by the same words. */
export function movedResources(steps: readonly Step[]): ResourceChange[] {
  return steps.map((step) => ({ ...named(step), what: whatOf(step), details: outside(step) })).sort(byKey);
}

const GROUPS = ["job", "secret", "access", "other"];

function byKey(a: ResourceChange, b: ResourceChange): number {
  const group = GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group);
  return group || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function describe(step: Step): ResourceChange[] {
  if (step.type === "DigestKey" || step.type === "Workspace") {
    return [];
  }
  return [{ ...named(step), what: whatOf(step), details: detailsOf(step) }, ...readers(step)];
}

function whatOf({ op }: Step): ResourceChange["what"] {
  return op === "same" ? "update" : op;
}

function named({ type, name, old, new: next }: Step): Pick<ResourceChange, "group" | "name"> {
  const inputs = next?.inputs ?? old?.inputs ?? {};
  switch (type) {
    case "databricks:index/job:Job":
      return { group: "job", name: text(inputs.name) || name };
    case "databricks:index/permissions:Permissions":
      return { group: "access", name: `job ${name}` };
    case "SecretScope":
      return { group: "secret", name: `scope ${text(inputs.scope)}` };
    case "SecretValue":
      return { group: "secret", name: `${text(inputs.scope)}/${text(inputs.key)}` };
    case "SecretPermission":
      return { group: "access", name: `secrets ${text(inputs.scope)}: ${text(inputs.principal)}` };
    case "ReleaseDirectory":
      return { group: "other", name: `release ${text(inputs.path)}` };
    case "RegistryRow":
      return {
        group: "other",
        name: `registry ${text(inputs.table)}: ${text(inputs.app)}/${text(inputs.env)}`,
      };
    default:
      return { group: "other", name: `${type.replace(/^.*:/, "")} ${name}` };
  }
}

function detailsOf(step: Step): string[] {
  const { type, op, old, new: next } = step;
  if (type === "SecretPermission") {
    return [arrow(text(old?.inputs.permission), text(next?.inputs.permission))];
  }
  if (type === "databricks:index/permissions:Permissions") {
    return principals(old?.inputs.accessControls, next?.inputs.accessControls);
  }
  if (type === "SecretValue") {
    return op === "update" ? ["its value"] : [];
  }
  if (op !== "update" && op !== "replace") {
    return [];
  }
  return type === "databricks:index/job:Job" ? jobDetails(step) : step.paths.map((path) => shown(step, path));
}

/** Paths of a pinned job that any move of the registry's row changes. */
const FOLLOWS = /^tasks\[\d+\]\.notebookTask\.(notebookPath$|baseParameters)|^tags\.githash$/;

/** Libraries that a build made lie under the commit's id. */
const LIBRARY = /^(tasks\[\d+\]\.libraries|environments)\b/;
const GITHASH = /\b[0-9a-f]{40}\b/;

function follows({ old }: Step, path: string): boolean {
  return FOLLOWS.test(path) || (LIBRARY.test(path) && GITHASH.test(text(valueAt(old, path))));
}

function jobDetails(step: Step): string[] {
  const own = step.paths.filter((path) => !follows(step, path));
  const rest = own.length < step.paths.length ? ["its tasks follow the release"] : [];
  return [...own.map((path) => shown(step, path)), ...rest];
}

/** Settings whose values are shown: they say when and how a job runs, and hold nothing that somebody might hide there. */
const PLAIN =
  /(^|\.)(quartzCronExpression|timezoneId|pauseStatus|timeoutSeconds|maxRetries|maxConcurrentRuns|permission)$/;
const VALUE_LENGTH = 60;

function shown({ old, new: next }: Step, path: string): string {
  const isSchedule = path === "schedule";
  if (!isSchedule && !PLAIN.test(path)) {
    return path;
  }
  const [before, after] = [old, next].map((state) => {
    const value = valueAt(state, path);
    return (isSchedule ? schedule(value) : text(value)).slice(0, VALUE_LENGTH);
  });
  return before || after ? `${path}: ${arrow(before ?? "", after ?? "")}` : path;
}

/** `0 0 6 * * ? UTC`, `0 0 6 * * ? UTC PAUSED`. */
function schedule(value: unknown): string {
  const { quartzCronExpression, timezoneId, pauseStatus } = (value ?? {}) as Record<string, unknown>;
  const isPaused = text(pauseStatus) === "PAUSED";
  return [text(quartzCronExpression), text(timezoneId), isPaused ? "PAUSED" : ""]
    .filter((part) => part !== "")
    .join(" ");
}

function valueAt(state: State | undefined, path: string): unknown {
  return path
    .split(/[.[\]]+/)
    .filter((part) => part !== "")
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined | null)?.[part], state?.inputs);
}

/** Of a refresh, the state is the one side and what is there the other; a release tells by itself what was edited. */
function outside({ type, op, paths, old, new: next }: Step): string[] {
  if (op === "delete") {
    return ["is gone"];
  }
  if (type === "RegistryRow") {
    const [was, is] = [old, next].map((state) => short(text(state?.outputs.githash)));
    return was === is ? [...paths] : [`the row says ${is ?? ""}, this stack deployed ${was ?? ""}`];
  }
  const drift = driftOf(next);
  return drift.length > 0 ? drift : [...paths];
}

/** What a provider of ours found to be otherwise (`drift` in providers/tables.ts). */
export function driftOf(state: State | undefined): string[] {
  const drift = state?.outputs.drift;
  return Array.isArray(drift) ? drift.map(text) : [];
}

/** Who may read a release, where that changes. */
function readers({ type, old, new: next }: Step): ResourceChange[] {
  if (type !== "ReleaseDirectory" || !next) {
    return [];
  }
  const details = principals(old?.inputs.readers, next.inputs.readers);
  return details.length === 0
    ? []
    : [{ group: "access", what: old ? "update" : "create", name: "readers of the release", details }];
}

/** `+ groupName churn-jobs CAN_VIEW`, `- userName …`, by what is in one list and not in the other. */
function principals(before: unknown, after: unknown): string[] {
  const [old, now] = [before, after].map((list) => (Array.isArray(list) ? list.map(principal) : []));
  return [
    ...(now ?? []).filter((one) => !old?.includes(one)).map((one) => `+ ${one}`),
    ...(old ?? []).filter((one) => !now?.includes(one)).map((one) => `- ${one}`),
  ];
}

function principal(value: unknown): string {
  const { userName, groupName, servicePrincipalName, permissionLevel } = (value ?? {}) as Record<
    string,
    unknown
  >;
  const who = userName ?? groupName ?? servicePrincipalName;
  const kind = userName ? "user" : groupName ? "group" : "service principal";
  return [kind, text(who), text(permissionLevel)].filter((part) => part !== "").join(" ");
}

function arrow(before: string, after: string): string {
  return before && after ? (before === after ? after : `${before} → ${after}`) : after || before;
}

function text(value: unknown): string {
  return typeof value === "string"
    ? value
    : typeof value === "number" || typeof value === "boolean"
      ? String(value)
      : "";
}
