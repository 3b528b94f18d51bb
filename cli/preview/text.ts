/** A preview for people at a terminal. */
import { short } from "../../source/githash";
import { visible } from "./escape";
import type { StackPreview } from "./types";
import { changesNothing, commitCount, counted, isMove, MARKS, WARNINGS } from "./words";

const SUBJECT_LENGTH = 100;
const COMMITS = 20;

export function showPreviews(previews: readonly StackPreview[]): string {
  return previews.map(showPreview).join("\n\n");
}

function showPreview(preview: StackPreview): string {
  const { stack, app, env, error, live, next, commits, files, tests, changes, warnings } = preview;
  const place = app && env ? `${stack} (${app}/${env})` : stack;
  if (error) {
    return [`${place}: no preview`, ...indent(error.split("\n").map(visible))].join("\n");
  }
  const commit = (of: typeof live): string =>
    of ? `${short(of.githash)} ${visible(of.subject).slice(0, SUBJECT_LENGTH)}`.trim() : "nothing";
  const shown = (commits?.list ?? []).slice(0, COMMITS);
  const more = (commits?.list.length ?? 0) - shown.length;
  const added = new Set(tests.ofBranch);
  return [
    `${place}: ${changesNothing(preview) ? "no changes" : isMove(preview) ? commitCount(preview) : "the same commit"}`,
    ...indent([
      `live           ${commit(live)}`,
      ...(isMove(preview) ? [`would be live  ${commit(next)}`] : []),
      ...warnings.map(({ kind, text }) => `! ${WARNINGS[kind]}: ${visible(text)}`),
      ...shown.map(
        ({ githash, subject }) => `* ${short(githash)} ${visible(subject).slice(0, SUBJECT_LENGTH)}`,
      ),
      ...(more > 0 ? [`* … ${counted(more, "more commit")}`] : []),
      ...files.added.map(({ target }) => `+ ${visible(target)}`),
      ...files.changed.map(({ target }) => `~ ${visible(target)}`),
      ...files.removed.map(({ target }) => `- ${visible(target)}`),
      ...(tests.run ? tests.names : []).map(
        (name) => `test ${visible(name)}${added.has(name) ? ` (branch ${visible(tests.branch)})` : ""}`,
      ),
      ...changes.map(
        ({ group, what, name, details }) =>
          `${MARKS[what]} ${group === "other" ? "" : `${group} `}${visible(name)}${details.length > 0 ? `: ${details.map(visible).join(", ")}` : ""}`,
      ),
    ]),
  ].join("\n");
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
