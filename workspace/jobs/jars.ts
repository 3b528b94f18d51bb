/** The jars of a task (`libraries: [{jar: address}]`), for its Scala cells; `libraries.ts` has the other kinds. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { Identity, Workspace } from "../context";
import { LibraryError } from "./libraries";
import { copyTo } from "./libraryFiles";
import type { TaskSettings } from "./types";

/**
 * Copies the jars into `folder`, so that they stay what they were; gives the copies in the order of the libraries. Throws
 * {@link LibraryError}, whose message names every one that cannot be had.
 */
export async function jarsOf(
  workspace: Workspace,
  identity: Identity,
  libraries: TaskSettings["libraries"],
  folder: string,
): Promise<string[]> {
  const jars: string[] = [];
  const problems: string[] = [];
  for (const { jar, maven } of (libraries ?? []) as { jar?: string; maven?: unknown }[]) {
    if (maven !== undefined)
      problems.push(`${JSON.stringify(maven)}: the local workspace downloads nothing, attach the jar itself`);
    if (jar === undefined) continue;
    const copy = path.join(folder, `${jars.length}.jar`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    try {
      await copyTo(workspace, identity, jar, copy);
      jars.push(copy);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  if (problems.length > 0)
    throw new LibraryError(
      `Library installation failed for ${problems.length} of the task's jars: ${problems.join("; ")}`,
    );
  return jars;
}
