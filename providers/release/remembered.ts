/**
 * What this machine learned of a workspace's archives: where they were refused or not unpacked as documented, they are
 * not tried again for a while. Kept in the user's cache; losing it costs one more try.
 */
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheDirectory, writeAtomically } from "../../source/cache";

/** To be raised when archives are made otherwise, so that what was learned of the old ones is forgotten. */
export const ARCHIVE_VERSION = 1;

/** `archives`: all of them; `jupyter`: only the `.ipynb` in them, so that the others still go by archive. */
export type Subject = "archives" | "jupyter";

export interface Lesson {
  /** What the workspace did. */
  readonly reason: string;
  readonly version: number;
  /** ISO 8601. */
  readonly learnedAt: string;
  /** ISO 8601. From then on it is tried again. */
  readonly until: string;
}

type Lessons = Partial<Record<Subject, Lesson>>;

/** The file of a workspace. `$NOTEBOOK_RELEASES_CACHE/workspaces`, or that folder in the user's own cache. */
export function lessonsFile(workspaceId: string): string {
  const name = workspaceId.replace(/[^A-Za-z0-9_-]/g, "_");
  return join(dirname(cacheDirectory({})), "workspaces", `${name}.json`);
}

/** What is known and still holds. A file that is missing or damaged says nothing. */
export async function recall(workspaceId: string, now = Date.now()): Promise<Lessons> {
  let kept: unknown;
  try {
    kept = JSON.parse(await readFile(lessonsFile(workspaceId), "utf8"));
  } catch {
    return {};
  }
  const holds = (lesson: Partial<Lesson> | null | undefined) =>
    lesson?.version === ARCHIVE_VERSION &&
    typeof lesson.reason === "string" &&
    Date.parse(lesson.until ?? "") > now;
  const lessons = (typeof kept === "object" && kept !== null ? kept : {}) as Lessons;
  return Object.fromEntries(
    (["archives", "jupyter"] as const)
      .filter((subject) => holds(lessons[subject]))
      .map((subject) => [subject, lessons[subject]]),
  );
}

/** Keeps a lesson beside those that still hold; where the cache cannot be written to, nothing is kept. */
export async function remember(
  workspaceId: string,
  subject: Subject,
  { reason, days }: { readonly reason: string; readonly days: number },
): Promise<void> {
  const now = Date.now();
  const lesson: Lesson = {
    reason,
    version: ARCHIVE_VERSION,
    learnedAt: new Date(now).toISOString(),
    until: new Date(now + days * 86_400_000).toISOString(),
  };
  const file = lessonsFile(workspaceId);
  const lessons = { ...(await recall(workspaceId, now)), [subject]: lesson };
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeAtomically(file, `${JSON.stringify(lessons, null, 1)}\n`);
  } catch {
    // The next release tries an archive once more.
  }
}
