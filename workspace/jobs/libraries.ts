/**
 * The libraries of a task: wheels from workspace files, volumes and DBFS are installed for its run; packages by name must
 * be in the local Python environment already, because nothing is downloaded. A library that cannot be had fails the task
 * before its notebook starts, as Databricks' library installation does. Jars are `jars.ts`' matter.
 */
import type { Identity, Workspace } from "../context";
import { findPrincipal } from "../identities";
import { dependenciesOf, librariesOf, runtimeOf, type LibraryKind } from "./compute";
import { readText } from "./libraryFiles";
import { checkPackages } from "./packages";
import type { RunRecord, TaskSettings } from "./types";
import { installWheel } from "./wheels";

/** What a notebook gets of its task's libraries. */
export interface Libraries {
  /** Folders for Python's path, before the shared packages. */
  readonly folders: readonly string[];
  /** What a person should know, a line each. */
  readonly notes: readonly string[];
}

/** Message of a task whose libraries could not be had. */
export class LibraryError extends Error {}

/** One thing to install, as it was asked for. */
interface Wanted {
  readonly kind: LibraryKind | "dependency";
  readonly shown: string;
  readonly wheel?: string;
  /** A requirement such as `pandas>=2`. */
  readonly requirement?: string;
}

interface Problem {
  readonly wanted: Wanted;
  readonly code: string;
  readonly message: string;
}

/** A file that lists requirements may name another one, this deep. */
const MAX_NESTED_FILES = 5;
/** From this runtime on, a cluster installs nothing from DBFS (documented). */
const NO_DBFS_FROM = [15, 1] as const;
const BUILDS_NOTHING =
  "the local workspace builds nothing: name a wheel (.whl) instead of a source archive or a project's folder.";
const DBFS_UNSUPPORTED =
  "Libraries on the DBFS root are not supported here. Put the library into a volume or among the workspace files.";

/**
 * Installs what a task asks for. Throws {@link LibraryError}, whose message names every library that failed and why.
 */
export async function installLibraries(
  workspace: Workspace,
  run: RunRecord,
  task: TaskSettings,
): Promise<Libraries> {
  const identity = findPrincipal(workspace.store, run.runAs);
  // Whoever is gone has no notebook either: that is the task's error.
  if (!identity) return { folders: [], notes: [] };
  const problems: Problem[] = [];
  const wanted = wantedBy(workspace, identity, run, task, problems);
  const folders: string[] = [];
  for (const one of wanted) {
    if (one.wheel === undefined) continue;
    try {
      folders.push(await installWheel(workspace, identity, one.wheel));
    } catch (error) {
      problems.push({ wanted: one, code: "DRIVER_LIBRARY_INSTALLATION_FAILURE", message: messageOf(error) });
    }
  }
  // One that was installed later replaces an earlier one.
  const latestFirst = [...new Set(folders.reverse())];
  const notes = await checkRequirements(workspace, wanted, latestFirst, problems);
  if (problems.length > 0) throw new LibraryError(problems.map(shownProblem).join("\n"));
  return { folders: latestFirst, notes };
}

function wantedBy(
  workspace: Workspace,
  identity: Identity,
  run: RunRecord,
  task: TaskSettings,
  problems: Problem[],
): Wanted[] {
  const runtime = runtimeOf(run, task);
  const noDbfs = runtime !== undefined && !isBefore(runtime, NO_DBFS_FROM);
  const found: Wanted[] = [];
  const read = (file: string, kind: Wanted["kind"], depth: number): void => {
    try {
      for (const line of readText(workspace, identity, file).split(/\r?\n/)) take(line, kind, depth);
    } catch (error) {
      problems.push({ wanted: { kind, shown: file }, code: "FILE_NOT_FOUND", message: messageOf(error) });
    }
  };
  const take = (line: string, kind: Wanted["kind"], depth: number): void => {
    const shown = line.replace(/(^|\s)#.*$/, "").trim();
    if (shown === "" || shown === "--no-index") return;
    const { file, refusal, ...what } = requirementOf(shown);
    if (file !== undefined && depth < MAX_NESTED_FILES) read(file, kind, depth + 1);
    else if (refusal === undefined && file === undefined) found.push({ kind, shown, ...what });
    else {
      const message = refusal ?? `files are named in files more than ${MAX_NESTED_FILES} deep.`;
      problems.push({ wanted: { kind, shown }, code: "FEATURE_UNSUPPORTED_ON_COMPUTE_ERROR", message });
    }
  };
  for (const { kind, address } of librariesOf(task)) {
    const wanted = { kind, shown: address };
    if (noDbfs && isOnDbfs(address)) {
      const code = "FEATURE_UNSUPPORTED_ON_COMPUTE_ERROR";
      problems.push({ wanted, code, message: dbfsIsDisabled(runtime) });
    } else if (kind === "whl") found.push({ ...wanted, wheel: address });
    else if (kind === "pypi") found.push({ ...wanted, requirement: address });
    else if (kind === "requirements") read(address, kind, 0);
    else if (kind !== "jar" && kind !== "maven") {
      const message = `the local workspace installs no libraries of this kind (${kind}).`;
      problems.push({ wanted, code: "FEATURE_UNSUPPORTED_ON_COMPUTE_ERROR", message });
    }
  }
  for (const line of dependenciesOf(run, task)) take(line, "dependency", 0);
  return found;
}

function isOnDbfs(address: string): boolean {
  return address.startsWith("dbfs:/") && !/^dbfs:\/+Volumes\//.test(address);
}

function isBefore(
  [major, minor]: readonly [number, number],
  [toMajor, toMinor]: readonly [number, number],
): boolean {
  return major < toMajor || (major === toMajor && minor < toMinor);
}

function dbfsIsDisabled(runtime: readonly [number, number]): string {
  return (
    `Libraries on the DBFS root are disabled from Databricks Runtime ${NO_DBFS_FROM.join(".")} on, and this cluster has ` +
    `${runtime.join(".")}. Put the library into a volume or among the workspace files.`
  );
}

/** A line of a requirements file: another such file, a wheel, a package by its name, or why it cannot be had. */
function requirementOf(text: string): {
  file?: string;
  wheel?: string;
  requirement?: string;
  refusal?: string;
} {
  const file = /^(?:-r|--requirement)[ =]*(\S+)$/.exec(text)?.[1];
  if (file !== undefined) return { file };
  if (text.startsWith("-"))
    return { refusal: `the local workspace knows no option of pip here but -r: ${text.split(/[ =]/)[0]}.` };
  if (isOnDbfs(text)) return { refusal: DBFS_UNSUPPORTED };
  const wheel = /^(.*\.whl)(\[[^\]]*\])?$/.exec(text)?.[1];
  if (wheel !== undefined) return { wheel };
  if (/^[\w.+-]+:\/\//.test(text) || /\s@\s|^git\+/.test(text))
    return { refusal: "the local workspace downloads nothing." };
  if (text.includes("/") && !text.includes(";")) return { refusal: BUILDS_NOTHING };
  return { requirement: text };
}

async function checkRequirements(
  workspace: Workspace,
  wanted: readonly Wanted[],
  folders: readonly string[],
  problems: Problem[],
): Promise<string[]> {
  const named = wanted.filter((one) => one.requirement !== undefined);
  if (named.length === 0 && folders.length === 0) return [];
  const requirements = named.map((one) => one.requirement!);
  const found = await checkPackages(workspace, requirements, folders);
  named.forEach((one, index) => {
    const message = found.problems[index];
    if (message) problems.push({ wanted: one, code: "NO_MATCHING_DISTRIBUTION_ERROR", message });
  });
  return found.missing.map(
    ([library, requirement]) =>
      `${library} requires ${requirement}, which the local Python environment does not have: the local workspace downloads nothing.`,
  );
}

/** As a Databricks run says it. */
function shownProblem({ wanted, code, message }: Problem): string {
  return (
    `Library installation failed for library due to user error for ${wanted.kind}: ${JSON.stringify(wanted.shown)}\n` +
    ` Error messages:\nLibrary installation attempted on the driver node and failed. ` +
    `Error Code: ${code}. Error Message: ${message}`
  );
}

function messageOf(error: unknown): string {
  return (error as Error).message;
}
