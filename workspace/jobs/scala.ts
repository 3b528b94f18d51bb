/**
 * Scala for notebooks: where its interpreter is, and one that is started ahead for the next run. An interpreter serves one
 * run only, so no state passes from one to another; what is saved is the start of the JVM and of the compiler.
 */
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { Workspace } from "../context";
import { statusOf } from "../objects";
import { startDriver } from "./driver";
import type { TaskSettings } from "./types";

/** How to start the interpreter (`workspace/scala`); the fields are those that `workspace/python/driver/scala.py` reads. */
export interface ScalaCommand {
  java: string;
  options: string[];
  classpath: string;
  /** The interpreter's working folder; made if need be. */
  folder: string;
}

/** Why there is none. */
export interface NoScala {
  missing: string;
}

/** How every reason begins, so that a report can tell a test that was not run here from one that failed. */
export const NOT_RUN_HERE = "Scala notebooks are not run here: ";

/** Milliseconds after which an interpreter that nobody has asked for gives its memory back. */
const IDLE_LIMIT_MS = 10 * 60_000;
const STOP_LIMIT_MS = 5_000;

/** What set-up left (`scripts/setup/scala.mjs`); `NOTEBOOK_RELEASES_SCALA` names another folder. */
export function findScala(workFolder: string): ScalaCommand | NoScala {
  const folder =
    process.env.NOTEBOOK_RELEASES_SCALA ?? path.resolve(__dirname, "..", "..", ".local", "scala");
  const again = "run `npm start` or `npm test` again, which sets them up";
  const found = readChoice(path.join(folder, "scala.json"));
  const lib = path.join(folder, "lib");
  if (!found || (found.missing === undefined && !existsSync(lib)))
    return { missing: `${NOT_RUN_HERE}they are not set up; ${again}.` };
  if (found.missing !== undefined) return { missing: `${NOT_RUN_HERE}${found.missing}; ${again}.` };
  if (!found.java || !existsSync(found.java))
    return { missing: `${NOT_RUN_HERE}no java found at ${found.java}, where it was; ${again}.` };
  const jars = readdirSync(lib)
    .filter((name) => name.endsWith(".jar"))
    .sort()
    .map((name) => path.join(lib, name));
  return {
    java: found.java,
    options: optionsFor(folder),
    classpath: jars.join(path.delimiter),
    folder: workFolder,
  };
}

function readChoice(file: string): { java?: string; missing?: string } | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as { java?: string; missing?: string };
  } catch {
    return undefined;
  }
}

/** For a short life: the quick compiler only, and classes from the archive that set-up made (ignored if it does not fit). */
function optionsFor(folder: string): string[] {
  const archive = path.join(folder, "classes.jsa");
  return [
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xshare:auto",
    ...(existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : []),
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Dfile.encoding=UTF-8",
  ];
}

export class ScalaInterpreters {
  private readonly root: string;
  private spare: { child: ChildProcess; idle: NodeJS.Timeout } | undefined;
  private readonly running = new Set<ChildProcess>();
  private count = 0;
  private stopped = false;

  constructor(private readonly workspace: Workspace) {
    this.root = path.join(workspace.settings.dataDir, "scala");
    rmSync(this.root, { recursive: true, force: true }); // what a killed server left
    workspace.onStop("Scala interpreters", () => this.stop());
  }

  /** A driver whose interpreter is ready, or on its way. Throws {@link Error} where {@link findScala} gives none. */
  take(): ChildProcess {
    const { spare } = this;
    this.spare = undefined;
    clearTimeout(spare?.idle);
    return spare && isAlive(spare.child) ? spare.child : this.start();
  }

  /** Starts one ahead, unless there is one. */
  prepare(): void {
    if (this.stopped || (this.spare && isAlive(this.spare.child)) || "missing" in findScala("")) return;
    const child = this.start();
    const idle = setTimeout(() => {
      if (this.spare?.child === child) this.spare = undefined;
      end(child);
    }, IDLE_LIMIT_MS);
    idle.unref();
    this.spare = { child, idle };
  }

  /** The process that was started ahead and waits. */
  get waiting(): number | undefined {
    return this.spare?.child.pid;
  }

  private start(): ChildProcess {
    const folder = path.join(this.root, String(++this.count));
    const scala = findScala(folder);
    if ("missing" in scala) throw new Error(scala.missing);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const child = startDriver(this.workspace.settings.python, "scala", folder);
    this.running.add(child);
    const gone = (): void => {
      this.running.delete(child);
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    };
    child.once("exit", gone);
    child.once("error", gone);
    child.stdin!.write(`${JSON.stringify({ prepare: { scala } })}\n`);
    return child;
  }

  /** Runs that are active have been stopped before; this ends the one that waits. */
  private async stop(): Promise<void> {
    this.stopped = true;
    const spare = this.spare?.child;
    clearTimeout(this.spare?.idle);
    if (!spare || !isAlive(spare)) return;
    const gone = new Promise<void>((resolve) => spare.once("exit", () => resolve()));
    end(spare);
    const timer = setTimeout(() => spare.kill("SIGKILL"), STOP_LIMIT_MS);
    await gone;
    clearTimeout(timer);
  }
}

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Its guardian ends it and what it started when the lifeline closes. */
function end(child: ChildProcess): void {
  for (const stream of child.stdio) stream?.destroy();
}

const interpreters = new WeakMap<Workspace, ScalaInterpreters>();

/** The workspace's interpreters; nothing is started by this. */
export function scalaOf(workspace: Workspace): ScalaInterpreters {
  let found = interpreters.get(workspace);
  if (!found) interpreters.set(workspace, (found = new ScalaInterpreters(workspace)));
  return found;
}

/** Starts an interpreter while the tasks before a Scala notebook run; a run without one starts nothing. */
export function prepareFor(workspace: Workspace, tasks: readonly TaskSettings[]): void {
  if (tasks.some((task) => isScala(workspace, task.notebook_task.notebook_path)))
    scalaOf(workspace).prepare();
}

function isScala(workspace: Workspace, notebookPath: string): boolean {
  try {
    return statusOf(workspace, notebookPath)?.language === "SCALA";
  } catch {
    return false; // A path that cannot be one names nothing.
  }
}
