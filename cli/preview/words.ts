/** How a preview is put into words, for the comment and for the terminal alike. */
import type { ResourceChange, StackPreview, Warning } from "./types";

export const MARKS: Readonly<Record<ResourceChange["what"], string>> = {
  create: "+",
  update: "~",
  replace: "±",
  delete: "−",
};

/** Whether another commit becomes live. */
export function isMove({ live, next }: StackPreview): boolean {
  return next !== null && live?.githash !== next.githash;
}

export function changesNothing(preview: StackPreview): boolean {
  return preview.error === "" && !isMove(preview) && preview.changes.length === 0 && !preview.tests.run;
}

/** `+2 ~1 −1`; empty where no file differs. */
export function fileCounts({ files: { added, changed, removed } }: StackPreview): string {
  return [
    added.length > 0 ? `+${added.length}` : "",
    changed.length > 0 ? `~${changed.length}` : "",
    removed.length > 0 ? `−${removed.length}` : "",
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** `3 commits`, `3 commits, 1 behind`, or why there is no number. */
export function commitCount({ commits, live, next }: StackPreview): string {
  if (!live || !next) {
    return next ? "first release" : "";
  }
  if (live.githash === next.githash) {
    return "is live already";
  }
  if (!commits) {
    return "not known";
  }
  const { ahead, behind } = commits;
  return [counted(ahead, "commit"), ...(behind > 0 ? [`${behind} behind`] : [])].join(", ");
}

/** `2 jobs, 1 secret`. */
export function changeCounts(changes: readonly ResourceChange[]): string {
  const words = { job: "job", secret: "secret", access: "permission", other: "other resource" } as const;
  return Object.entries(words)
    .map(([group, word]) => [changes.filter((change) => change.group === group).length, word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => counted(count, word))
    .join(", ");
}

export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** What a warning is about; its own text follows. */
export const WARNINGS: Readonly<Record<Warning["kind"], string>> = {
  hold: "on hold",
  drift: "not as it was deployed",
  moved: "somebody else moved it",
  behind: "would go back",
  unknown: "not known",
  resource: "warning",
};
