/**
 * `releases preview`: what a deployment would change, for the one who reviews it. Gathering (`preview/gather.ts`) needs the
 * stacks' credentials, showing needs none: `--from` shows what other jobs gathered with `--json`.
 */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ZodError } from "zod";
import { messageOf } from "../databricks/errors";
import { actionsRun } from "../providers/github/actions";
import { tell } from "./output";
import { parseHead, parsePullRequest, putComment, putStatus } from "./preview/comment";
import { gatherPreview } from "./preview/gather";
import { renderComment } from "./preview/markdown";
import { showPreviews } from "./preview/text";
import { failedPreview, stackPreview, type StackPreview } from "./preview/types";
import { Problem } from "./problem";

export interface PreviewCommandOptions {
  readonly stack?: readonly string[];
  readonly cwd: string;
  /** A branch, a tag, a commit or `refs/pull/7/head`. Default: the stack's `source.ref`. */
  readonly ref?: string;
  /** Look for what somebody changed by hand, too. */
  readonly refresh?: boolean;
  /** A folder of files that `--json --out` wrote: nothing is gathered. */
  readonly from?: string;
  /** A file to write to, in place of standard output. */
  readonly out?: string;
  /** Seconds, for each stack's workspace and for its engine. */
  readonly timeout: number;
  readonly markdown?: boolean;
  readonly json?: boolean;
  /** Tells the comments of several programs apart. */
  readonly key?: string;
  /** `OWNER/REPOSITORY#NUMBER`: the pull request that gets the comment. */
  readonly comment?: string;
  /** `OWNER/REPOSITORY@GITHASH`: the commit that gets the status `notebook-releases/preview`. */
  readonly status?: string;
  /** A file that the Markdown is added to, such as `$GITHUB_STEP_SUMMARY`. */
  readonly summary?: string;
}

/**
 * Prints what would change, the pull request's comment (`--markdown`), or `{ previews: StackPreview[] }` (`--json`).
 * @returns the exit code: 1 where a stack could not be previewed
 */
export async function preview(options: PreviewCommandOptions): Promise<0 | 1> {
  const { stack: names = [], from, out, markdown = false, json = false, key } = options;
  if (markdown && json) {
    throw new Problem("--markdown or --json, not both.", 2);
  }
  if (key !== undefined && !/^[\w.-]{1,50}$/.test(key)) {
    throw new Problem(`--key ${JSON.stringify(key)}: up to 50 letters, digits, '.', '_' and '-'.`, 2);
  }
  const pull = options.comment === undefined ? undefined : parsePullRequest(options.comment);
  const head = options.status === undefined ? undefined : parseHead(options.status);
  const previews = from === undefined ? await gather(names, options) : readPreviews(from, names);
  const url = actionsRun(process.env);
  const body = renderComment(previews, {
    key,
    githash: head?.githash ?? commonCommit(previews),
    runUrl: url,
  });
  const shown = json
    ? `${JSON.stringify({ previews }, null, 2)}\n`
    : markdown
      ? body
      : `${showPreviews(previews)}\n`;
  if (out === undefined) {
    process.stdout.write(shown);
  } else {
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, shown);
  }
  if (options.summary) {
    appendFileSync(options.summary, body);
  }
  if (pull) {
    await putComment(pull, body, key);
  }
  if (head) {
    await putStatus(head, previews, { key, url });
  }
  return previews.some(({ error }) => error !== "") ? 1 : 0;
}

/** One after the other: each has Pulumi's lines on standard error. */
async function gather(names: readonly string[], options: PreviewCommandOptions): Promise<StackPreview[]> {
  if (names.length === 0) {
    throw new Problem("Name at least one stack with --stack, or a folder of previews with --from.", 2);
  }
  const { cwd, ref, refresh, timeout, json, out } = options;
  const previews: StackPreview[] = [];
  for (const name of new Set(names)) {
    tell(`Preview of stack ${name}`);
    const found = await gatherPreview(name, { cwd, ref, refresh, limitMs: timeout * 1000 });
    previews.push(found);
    if (found.error && (json || out !== undefined)) {
      // What is written to a file is not in the log of the job that failed.
      tell(`Error: ${name} has no preview: ${found.error}`);
    }
  }
  return previews;
}

/**
 * What other jobs gathered. A stack that is named and has no file is shown as one without a preview: its job died.
 * @throws Problem where the folder cannot be read. A file that is not ours counts as a preview that failed.
 */
export function readPreviews(folder: string, names: readonly string[]): StackPreview[] {
  let files: string[];
  try {
    files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".json"),
    );
  } catch (error) {
    if (names.length === 0) {
      throw new Problem(`--from ${folder} cannot be read: ${messageOf(error)}`);
    }
    files = [];
  }
  const found = files.sort().flatMap((file) => readFile(join(folder, file), file));
  const missing = names.filter((name) => !found.some(({ stack }) => stack === name));
  const all = [
    ...found,
    ...missing.map((name) => failedPreview(name, "Its job ended without a preview: see the workflow's run.")),
  ];
  const order = new Map(names.map((name, index) => [name, index]));
  return all.sort((a, b) => (order.get(a.stack) ?? names.length) - (order.get(b.stack) ?? names.length));
}

function readFile(path: string, file: string): StackPreview[] {
  try {
    const { previews } = JSON.parse(readFileSync(path, "utf8")) as { previews?: unknown };
    return stackPreview.array().min(1).max(100).parse(previews);
  } catch (error) {
    const why =
      error instanceof ZodError
        ? error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ")
        : messageOf(error);
    tell(`${path} is no preview: ${why}`);
    return [failedPreview("", `${file} is no preview of this version: see the workflow's run.`)];
  }
}

/** The commit of all of them; undefined where they differ, or none is known. */
function commonCommit(previews: readonly StackPreview[]): string | undefined {
  const commits = new Set(previews.flatMap(({ next }) => next?.githash ?? []));
  return commits.size === 1 ? [...commits][0] : undefined;
}
