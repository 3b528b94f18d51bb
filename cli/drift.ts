/**
 * `releases drift`: whether what is live is still what was deployed. Runs `pulumi preview --refresh` at the commit that is
 * live, which writes nothing: what a refresh finds has moved by itself, what is then left to do waits for the next `up`.
 */
import { appendFileSync } from "node:fs";
import { BRANCH_VARIABLE } from "../components/branch";
import { PREVIEW_VARIABLE, REF_VARIABLE } from "../components/ref";
import { messageOf } from "../databricks/errors";
import { environmentFor } from "../databricks/hosts";
import { short } from "../source/githash";
import { askEnvironment } from "./environment";
import { nowAndThen, print, printJson, tell } from "./output";
import { movedResources, resourceChanges } from "./preview/changes";
import { enginePreview } from "./preview/engine";
import { code, codeBlock, visible } from "./preview/escape";
import type { ResourceChange } from "./preview/types";
import { MARKS } from "./preview/words";
import { findStack } from "./stack";

export interface DriftOptions {
  readonly stack: readonly string[];
  readonly cwd: string;
  /** Seconds, for each stack's workspace and for its engine. */
  readonly timeout: number;
  /** A file that the Markdown is added to, such as `$GITHUB_STEP_SUMMARY`. */
  readonly summary?: string;
  readonly json?: boolean;
}

/** One element of `stacks` in the JSON. */
export interface Drift {
  readonly stack: string;
  readonly app: string;
  readonly env: string;
  /** What is live; empty where nothing is. */
  readonly githash: string;
  /** Why it could not be told; empty where it could. */
  readonly error: string;
  /** Why the environment is on hold: no drift. */
  readonly hold: string;
  /** What was changed by somebody else than the stack. */
  readonly moved: readonly ResourceChange[];
  /** What the next `up` of the same commit would change beside that: the configuration is another, or an `up` failed. */
  readonly pending: readonly ResourceChange[];
}

/**
 * Prints what moved, stack by stack, or as JSON `{ stacks: Drift[] }`.
 * @returns the exit code: 3 where something moved or waits; 1 where a stack could not be looked at; else 0
 */
export async function drift({
  stack,
  cwd,
  timeout,
  summary,
  json = false,
}: DriftOptions): Promise<0 | 1 | 3> {
  const found: Drift[] = [];
  for (const name of new Set(stack)) {
    tell(`Drift of stack ${name}`);
    found.push(await lookAt(name, cwd, timeout * 1000));
  }
  if (json) {
    printJson({ stacks: found });
  } else {
    print(found.map(showDrift).join("\n"));
  }
  if (summary) {
    appendFileSync(summary, `${found.flatMap(markdown).join("\n")}\n`);
  }
  if (found.some(({ error }) => error !== "")) {
    return 1;
  }
  return found.some(hasDrifted) ? 3 : 0;
}

export function hasDrifted({ moved, pending }: Drift): boolean {
  return moved.length + pending.length > 0;
}

/** Never fails: what went wrong is the answer's `error`. */
async function lookAt(name: string, cwd: string, limitMs: number): Promise<Drift> {
  let about: Drift = {
    ...{ stack: name, app: "", env: "", githash: "", error: "", hold: "" },
    ...{ moved: [], pending: [] },
  };
  try {
    const stack = await findStack(name, cwd);
    const { app, env } = stack.config;
    about = { ...about, app, env };
    const environment = await askEnvironment(stack, { quick: true, limitMs, onProgress: nowAndThen(tell) });
    if (environment.problem) {
      return { ...about, error: environment.problem };
    }
    const { githash: deployed, branch } = stack.outputs;
    const githash = environment.live?.githash ?? (typeof deployed === "string" ? deployed : "");
    about = { ...about, githash, hold: environment.live?.hold ?? "" };
    if (githash === "") {
      return about;
    }
    const { steps, moved, error } = await enginePreview({
      stack: name,
      cwd,
      env: {
        ...environmentFor(stack.host),
        [PREVIEW_VARIABLE]: "1",
        [REF_VARIABLE]: githash,
        // The commit does not tell of which branch it was deployed, and so which tests belong to it.
        ...(typeof branch === "string" ? { [BRANCH_VARIABLE]: branch } : {}),
      },
      refresh: true,
      limitMs,
    });
    if (error) {
      return { ...about, error };
    }
    const known = new Set(moved.map(({ urn }) => urn));
    const rest = steps.filter(({ urn }) => !known.has(urn));
    return { ...about, moved: movedResources(moved), pending: resourceChanges(rest, false) };
  } catch (error) {
    return { ...about, error: messageOf(error) };
  }
}

/** For people. */
export function showDrift(found: Drift): string {
  const { stack, app, env, githash, error, hold, moved, pending } = found;
  const place = app ? `${stack} (${app}/${env})` : stack;
  if (error) {
    return [
      `${place}: could not be looked at`,
      ...error.split("\n").map((line) => `  ${visible(line)}`),
    ].join("\n");
  }
  return [
    `${place}: ${stateOf(found)}${githash ? `, ${short(githash)}` : ""}`,
    ...(hold ? [`  on hold: ${visible(hold)}`] : []),
    ...moved.map((change) => `  moved    ${shown(change, visible)}`),
    ...pending.map((change) => `  pending  ${shown(change, visible)}`),
    ...(hasDrifted(found) ? [`  ${ADVICE}`] : []),
  ].join("\n");
}

function stateOf(found: Drift): string {
  return hasDrifted(found) ? "not as deployed" : found.githash ? "as deployed" : "nothing is deployed";
}

const ADVICE =
  'To put it back: `pulumi up --refresh` at the commit that is live. On GitHub: deploy.yml with edits "put back".';

function shown({ group, what, name, details }: ResourceChange, written: (text: string) => string): string {
  const of = details.length > 0 ? `: ${details.map((detail) => written(detail)).join(", ")}` : "";
  return `${MARKS[what]} ${group === "other" ? "" : `${group} `}${written(name)}${of}`;
}

const LISTED = 200;

/** For the page of a workflow's run. */
export function markdown(found: Drift): string[] {
  const { stack, githash, error, hold, moved, pending } = found;
  const title = error ? "could not be looked at" : stateOf(found);
  const list = (heading: string, changes: readonly ResourceChange[]): string[] =>
    changes.length === 0
      ? []
      : [
          `**${heading}**`,
          "",
          ...changes.slice(0, LISTED).map((change) => `- ${shown(change, code)}`),
          ...(changes.length > LISTED ? [`- … and ${changes.length - LISTED} more: see the job's log`] : []),
          "",
        ];
  return [
    `### ${code(stack)} ${title}${githash ? `, ${code(short(githash))}` : ""}`,
    "",
    ...(hold ? [`On hold: ${code(hold)}`, ""] : []),
    ...(error ? [...codeBlock(error), ""] : []),
    ...list("Moved by somebody else", moved),
    ...list("Waits for the next up", pending),
    ...(hasDrifted(found) ? [ADVICE, ""] : []),
  ];
}
