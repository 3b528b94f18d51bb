/** The pull request's comment: one for all stacks, short first, details folded, never longer than GitHub takes. */
import { short } from "../../source/githash";
import { code, codeBlock, link } from "./escape";
import { commitPage, comparePage, fileDiff, filePage } from "./links";
import type { ListedFile, ResourceChange, StackPreview } from "./types";
import { changeCounts, changesNothing, commitCount, counted, fileCounts, isMove, WARNINGS } from "./words";

/** GitHub's limit of a comment, in characters (its API answers 422 to a longer one). */
export const LIMIT = 65_536;

export interface CommentOptions {
  /** Tells the comments of several programs on one pull request apart: letters, digits, `.`, `_`, `-`. @default none */
  readonly key?: string;
  /** The pull request's head, where it is known. */
  readonly githash?: string;
  /** The page of the workflow's run, where there is one. */
  readonly runUrl?: string;
  /** Characters. @default GitHub's limit */
  readonly limit?: number;
}

/** The first line of our comment; nobody sees it, and by it the comment is found again. */
export function marker(key = ""): string {
  return `<!-- notebook-releases:preview${key && `:${key}`} -->`;
}

/** As much of every list as fits; a line says how much was left out. */
export function renderComment(previews: readonly StackPreview[], options: CommentOptions = {}): string {
  const { limit = LIMIT } = options;
  const stacks = previews.map(prepare);
  const longest = Math.max(0, ...stacks.flatMap(({ lists }) => lists.map(({ lines }) => lines.length)));
  const whole = render(stacks, options, longest);
  if (whole.length <= limit) {
    return whole;
  }
  let [fits, tooLong] = [-1, longest];
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    [fits, tooLong] = render(stacks, options, middle).length <= limit ? [middle, tooLong] : [fits, middle];
  }
  return fits >= 0 ? render(stacks, options, fits) : withoutDetails(previews, options, limit);
}

/** Lines that can be left out, from the last one on. */
interface List {
  /** Empty: it stands above the details. */
  readonly title: string;
  /** What one line is: `more file`. */
  readonly word: string;
  readonly lines: readonly string[];
}

/** Made once, however often is tried how much of it fits. */
interface Prepared {
  readonly preview: StackPreview;
  readonly lists: readonly List[];
}

function prepare(preview: StackPreview): Prepared {
  const { stack, tests, changes, warnings } = preview;
  return {
    preview,
    lists: [
      {
        title: "",
        word: "more warning",
        lines: warnings.map(({ kind, text }) => `- ⚠️ ${code(stack)} ${WARNINGS[kind]}: ${code(text, 600)}`),
      },
      { title: "Commits", word: "more commit", lines: commitLines(preview) },
      { title: "Files", word: "more file", lines: fileLines(preview) },
      {
        title: "Tests before it goes live",
        word: "more test",
        lines: tests.run ? tests.names.map((name) => `- ${code(name)}${branchNote(preview, name)}`) : [],
      },
      { title: "Other changes", word: "more change", lines: changes.map(changeLine) },
    ],
  };
}

/** So many stacks that their names alone are long: the table, as far as it goes. */
function withoutDetails(previews: readonly StackPreview[], options: CommentOptions, limit: number): string {
  for (let shown = previews.length; shown > 0; shown = Math.floor(shown * 0.8)) {
    const cut = counted(previews.length - shown, "more stack");
    const note = `The details are too long for a comment${shown < previews.length ? `, and ${cut} as well` : ""}.`;
    const text = [...head(previews.slice(0, shown), options), note, "", ...foot(options)].join("\n");
    if (text.length <= limit) {
      return text;
    }
  }
  return [marker(options.key), `${counted(previews.length, "stack")}: too much for a comment.`].join("\n");
}

function render(stacks: readonly Prepared[], options: CommentOptions, most: number): string {
  const previews = stacks.map(({ preview }) => preview);
  const warnings = stacks.flatMap(({ lists }) => lists.filter(({ title }) => title === ""));
  return [
    ...head(previews, options),
    ...warnings.flatMap((list) => (list.lines.length > 0 ? [...cut(list, most), ""] : [])),
    ...stacks.flatMap((stack) => details(stack, most)),
    ...foot(options),
  ].join("\n");
}

function head(previews: readonly StackPreview[], { key, githash }: CommentOptions): string[] {
  const of = githash ? ` of ${code(short(githash))}` : "";
  return [
    marker(key),
    `### Release preview${key ? ` (${code(key)})` : ""}${of}`,
    "",
    "| stack | live | would be live | commits | files | tests | other changes |",
    "|---|---|---|---|---|---|---|",
    ...previews.map(row),
    "",
  ];
}

/** No text of others in here but names that hold nothing special (`types.ts`). */
function row(preview: StackPreview): string {
  const { stack, live, next, page, error, tests, changes } = preview;
  const commit = (of: typeof live): string =>
    of ? link(short(of.githash), commitPage(page, of.githash)) : "nothing";
  if (error) {
    return `| ${code(stack)} | ${live ? commit(live) : ""} | ❌ no preview | | | | |`;
  }
  const compare = live && next && isMove(preview) ? comparePage(page, live.githash, next.githash) : "";
  const commits = changesNothing(preview) ? "" : commitCount(preview);
  const cells = [
    `${code(stack)}${preview.warnings.length > 0 ? " ⚠️" : ""}`,
    commit(live),
    changesNothing(preview) ? "no changes" : commit(next),
    compare ? `[${commits}](${compare})` : commits,
    fileCounts(preview),
    tests.run ? String(tests.names.length) : "",
    changeCounts(changes),
  ];
  return `| ${cells.join(" | ")} |`;
}

function details({ preview, lists }: Prepared, most: number): string[] {
  const { stack, error, tests } = preview;
  if (error) {
    return fold(`${stack}: no preview`, codeBlock(error), true);
  }
  const sections = lists
    .filter(({ title, lines }) => title !== "" && lines.length > 0)
    .flatMap((list) => [`**${list.title}**`, "", ...cut(list, most), ""]);
  if (isMove(preview) && tests.names.length === 0) {
    sections.push("No test runs before it goes live: the stack's `gate.tests` names none.", "");
  }
  return sections.length === 0 ? [] : fold(`${stack}: ${summary(preview)}`, sections);
}

function branchNote({ tests }: StackPreview, name: string): string {
  return tests.ofBranch.includes(name) ? `, of the branch ${code(tests.branch)}` : "";
}

function summary(preview: StackPreview): string {
  const { files, tests, changes } = preview;
  const fileCount = files.added.length + files.changed.length + files.removed.length;
  return [
    isMove(preview) ? commitCount(preview) : "",
    fileCount > 0 ? counted(fileCount, "file") : "",
    tests.run && tests.names.length > 0 ? counted(tests.names.length, "test") : "",
    changeCounts(changes),
  ]
    .filter((part) => part !== "")
    .join(", ");
}

function commitLines({ commits, page }: StackPreview): string[] {
  return (commits?.list ?? []).map(
    ({ githash, subject }) => `- ${link(short(githash), commitPage(page, githash))} ${code(subject, 120)}`,
  );
}

function fileLines({ files, live, next, page }: StackPreview): string[] {
  const { added, changed, removed } = files;
  const address = ({ path }: ListedFile): string => {
    if (!next) {
      return "";
    }
    return live ? fileDiff(page, live.githash, next.githash, path) : filePage(page, next.githash, path);
  };
  const line = (mark: string) => (file: ListedFile) =>
    `- ${mark} ${link(file.target, address(file))}${file.kind === "file" ? " (file)" : ""}`;
  return [...changed.map(line("changed")), ...added.map(line("added")), ...removed.map(line("removed"))];
}

const DETAILS = 20;

function changeLine({ what, group, name, details: all }: ResourceChange): string {
  const shown = all.slice(0, DETAILS).map((detail) => code(detail, 200));
  const more = all.length > shown.length ? [`and ${all.length - shown.length} more`] : [];
  const of = [...shown, ...more].join(", ");
  const kind = group === "other" ? "" : `${group} `;
  return `- ${what} ${kind}${code(name)}${of ? `: ${of}` : ""}`;
}

function cut({ lines, word }: List, most: number): readonly string[] {
  const left = lines.length - most;
  return left > 0 ? [...lines.slice(0, most), `- … ${counted(left, word)}: too long for a comment`] : lines;
}

/** Markdown is read again after an empty line; the summary itself is HTML, and has names and numbers only. */
function fold(title: string, lines: readonly string[], isOpen = false): string[] {
  const inner = lines.at(-1) === "" ? lines : [...lines, ""];
  return [`<details${isOpen ? " open" : ""}><summary>${title}</summary>`, "", ...inner, "</details>", ""];
}

function foot({ runUrl }: CommentOptions): string[] {
  const run = runUrl && /^https:\/\/[\w.:/-]+$/.test(runUrl) ? ` by [this run](${runUrl})` : "";
  return [
    `<sub>Made${run} with \`pulumi preview\`: nothing was changed. Updated in place at every push.</sub>`,
    "",
  ];
}
