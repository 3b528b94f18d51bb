/** Finds out what a deployment of a commit would change in a stack: from git, from its workspace, and from the real `pulumi preview`. */
import { BRANCH_VARIABLE, branchOf } from "../../components/branch";
import { PREVIEW_VARIABLE, REF_VARIABLE } from "../../components/ref";
import { selectTests } from "../../components/selectTests";
import { environmentFor } from "../../databricks/hosts";
import { messageOf } from "../../databricks/errors";
import { readSource, type Source, type SourceFile } from "../../source";
import { commitsBetween, filesBetween } from "../../source/between";
import { GITHASH, short } from "../../source/githash";
import { normalizePath } from "../../source/manifest";
import { askEnvironment, type Environment } from "../environment";
import { nowAndThen, tell } from "../output";
import { findStack, type FoundStack } from "../stack";
import { listed, when } from "../text";
import { movedResources, resourceChanges } from "./changes";
import { enginePreview, type EnginePreview, type Step } from "./engine";
import { pageOf } from "./links";
import { failedPreview, type ListedFile, type StackPreview, type Warning } from "./types";

export interface GatherOptions {
  /** The project's folder. */
  readonly cwd: string;
  /** In place of `source.ref`. @default the configuration's */
  readonly ref?: string;
  /** Look at everything that is there, for what somebody changed by hand. */
  readonly refresh?: boolean;
  /** For the workspace's answer and for the engine, each. */
  readonly limitMs: number;
}

/** Never fails: what went wrong is the answer's `error`. */
export async function gatherPreview(name: string, options: GatherOptions): Promise<StackPreview> {
  let about: Partial<StackPreview> = {};
  try {
    const stack = await findStack(name, options.cwd);
    const { app, env, source: spec } = stack.config;
    about = { app, env, page: pageOf(spec.repository) };
    const ref = options.ref ?? spec.ref;
    const source = await readSource({ ...spec, ref }, { onProgress: tell });
    const { githash, subject } = source.commit;
    about = { ...about, next: { githash, subject } };
    return { ...failedPreview(name, ""), ...about, ...(await look(stack, source, options)) };
  } catch (error) {
    return { ...failedPreview(name, shortened(messageOf(error))), ...about };
  }
}

async function look(
  stack: FoundStack,
  source: Source,
  { ref, cwd, refresh, limitMs }: GatherOptions,
): Promise<Partial<StackPreview>> {
  const { name, host, config } = stack;
  const { githash } = source.commit;
  const branch = branchOf(source);
  const [environment, engine] = await Promise.all([
    askEnvironment(stack, { limitMs, onProgress: nowAndThen(tell) }),
    enginePreview({
      stack: name,
      cwd,
      env: {
        ...environmentFor(host),
        [PREVIEW_VARIABLE]: "1",
        // The commit itself, so that all is about the same one, though the branch moves on meanwhile.
        ...(ref === undefined ? {} : { [REF_VARIABLE]: githash, [BRANCH_VARIABLE]: branch ?? "" }),
      },
      refresh,
      limitMs,
    }),
  ]);
  const live = liveOf(environment, engine);
  if (engine.error) {
    return { live, error: shortened(engine.error) };
  }
  const isMove = live?.githash !== githash;
  const between =
    live && isMove
      ? await commitsBetween(config.source.repository, live.githash, githash, { onProgress: tell }).catch(
          () => undefined,
        )
      : undefined;
  const files = isMove ? await changedFiles(config.source, live?.githash, githash) : undefined;
  return {
    live,
    commits: between ? { list: between.commits, ahead: between.ahead, behind: between.behind } : null,
    ...(files ? { files: files.files } : {}),
    tests: testsOf(engine.steps, stack, source, branch ?? ""),
    changes: resourceChanges(engine.steps, isMove),
    warnings: [
      ...environmentWarnings(environment, engine, isMove, name),
      ...(between && between.behind > 0 ? [behind(between.behind)] : []),
      ...(files?.warnings ?? []),
      ...engine.warnings.map((text): Warning => ({ kind: "resource", text: shortened(text) })),
    ],
  };
}

/** What the registry says; where it cannot be asked, what this stack deployed last. */
function liveOf({ live, problem }: Environment, engine: EnginePreview): StackPreview["live"] {
  if (live) {
    return { githash: live.githash, subject: live.subject };
  }
  const githash = problem ? deployedBy(engine) : undefined;
  return githash === undefined ? null : { githash, subject: "" };
}

/** The commit of the stack's last move, as its state has it. */
function deployedBy({ steps }: EnginePreview): string | undefined {
  const githash = steps.find(({ type }) => type === "RegistryRow")?.old?.outputs.githash;
  return typeof githash === "string" && GITHASH.test(githash) ? githash : undefined;
}

async function changedFiles(
  spec: FoundStack["config"]["source"],
  from: string | undefined,
  to: string,
): Promise<Pick<StackPreview, "files" | "warnings">> {
  const folder = normalizePath(spec.path);
  const listed = ({ target, path, kind }: SourceFile): ListedFile => {
    return { target, path: folder === "" ? path : `${folder}/${path}`, kind };
  };
  try {
    const { added, changed, removed } = await filesBetween(from, to, spec, { onProgress: tell });
    const files = { added: added.map(listed), changed: changed.map(listed), removed: removed.map(listed) };
    return { files, warnings: [] };
  } catch (error) {
    const text = `which files differ from ${short(from ?? "")}: ${messageOf(error)}`;
    return { files: { added: [], changed: [], removed: [] }, warnings: [{ kind: "unknown", text }] };
  }
}

/** The tests that the engine is going to run; those of the branch are what `gate.tests` alone does not name. */
function testsOf(
  steps: readonly Step[],
  { config }: FoundStack,
  source: Source,
  branch: string,
): StackPreview["tests"] {
  const gate = steps.find(({ type }) => type === "NotebookTestRun");
  const names = gate?.new?.inputs.tests;
  const all = Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
  const always = new Set(selectTests(source, config.gate.tests));
  return {
    run: gate !== undefined && gate.op !== "same" && gate.op !== "delete",
    names: all,
    ofBranch: all.filter((name) => !always.has(name)),
    branch,
  };
}

function environmentWarnings(
  { live, problem }: Environment,
  engine: EnginePreview,
  isMove: boolean,
  stack: string,
): Warning[] {
  if (problem) {
    return [{ kind: "unknown", text: `what is live: ${shortened(problem)}` }];
  }
  const warnings: Warning[] = [];
  if (live?.hold) {
    const effect = isMove
      ? `; until then this deployment stops: npm run releases -- resume --stack ${stack}`
      : "";
    warnings.push({ kind: "hold", text: `${live.hold}${effect}` });
  }
  const deployed = deployedBy(engine);
  if (live && deployed !== undefined && deployed !== live.githash) {
    const text =
      `${short(live.githash)} is live since ${when(live.since)} UTC, by ${live.by}; this stack deployed ${short(deployed)}. ` +
      `pulumi up refuses to go on until a person has looked: pulumi refresh --stack ${stack}`;
    warnings.push({ kind: "moved", text });
  }
  if (!live && deployed !== undefined) {
    const text = `the registry has no row any more; this stack deployed ${short(deployed)}`;
    warnings.push({ kind: "moved", text });
  }
  if (live && live.release.state !== "intact") {
    const { state, differences } = live.release;
    const text = `the release ${short(live.githash)}, which is live, is ${state}${list(differences)}`;
    warnings.push({ kind: state === "unknown" ? "unknown" : "drift", text });
  }
  const moved = movedResources(engine.moved).map(({ group, name, details }): Warning => ({
    kind: "drift",
    text: `${group === "other" ? "" : `${group} `}${name}${list(details)}`,
  }));
  return [...warnings, ...moved];
}

function behind(count: number): Warning {
  const commits = count === 1 ? "one commit" : `${count} commits`;
  return {
    kind: "behind",
    text: `${commits} of what is live are not in this commit; bring the branch up to date`,
  };
}

const LISTED = 10;

function list(differences: readonly string[]): string {
  const shown = listed(differences, LISTED);
  return shown && `: ${shown}`;
}

const TEXT_LENGTH = 10_000;

/** An engine may have much to say; the rest stands in the job's log. */
function shortened(text: string): string {
  return text.length > TEXT_LENGTH ? `${text.slice(0, TEXT_LENGTH)}\n… (more in the log)` : text;
}
