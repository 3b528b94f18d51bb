/**
 * Runs the real `pulumi preview`, and reads what its engine tells of each resource from its event log (`--event-log`; one
 * JSON object a line, `EngineEvent` of Pulumi's `sdk/go/common/apitype`). Secret values are blinded in there.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tell } from "../output";
import { pulumiMissing } from "../pulumi";

export interface PreviewOptions {
  readonly stack: string;
  /** The project's folder. */
  readonly cwd: string;
  /** The whole environment of the engine and of the program. */
  readonly env: NodeJS.ProcessEnv;
  /** Look at what is really there first; nothing of it is kept. */
  readonly refresh?: boolean;
  /** Then Pulumi is ended. */
  readonly limitMs: number;
  /** Every line that Pulumi prints. @default standard error */
  readonly onLine?: (line: string) => void;
}

/** What would happen to a resource, or what a refresh found of it. */
export interface Step {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly op: "same" | "create" | "update" | "replace" | "delete";
  /** Paths of the properties that differ, as Pulumi writes them: `tasks[0].notebookTask.notebookPath`. */
  readonly paths: readonly string[];
  readonly old: State | undefined;
  readonly new: State | undefined;
}

export interface State {
  /** Replaced by an earlier update, and not deleted yet. */
  readonly delete?: boolean;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

export interface EnginePreview {
  /** Without components, providers and the stack itself. */
  readonly steps: readonly Step[];
  /** What a refresh found to be otherwise than in the state. */
  readonly moved: readonly Step[];
  readonly warnings: readonly string[];
  /** Why it failed; empty where it did not. */
  readonly error: string;
}

/** Lines of Pulumi's output that an error shows where the engine gave no reason of its own. */
const TAIL_LINES = 15;

/** @throws Problem where there is no Pulumi. That the preview fails is an answer. */
export async function enginePreview(options: PreviewOptions): Promise<EnginePreview> {
  const folder = mkdtempSync(join(tmpdir(), "releases-preview-"));
  try {
    const log = join(folder, "events");
    const { code, tail, isLate } = await run(log, options);
    const read = readEvents(existsSync(log) ? readFileSync(log, "utf8") : "");
    if (code === 0) {
      return { ...read, error: "" };
    }
    const late = isLate ? `pulumi preview did not end within ${Math.round(options.limitMs / 1000)} s.\n` : "";
    const said = read.errors.length > 0 ? read.errors.join("\n") : tail.join("\n");
    return { ...read, error: `${late}${said}`.trim() || `pulumi preview ended with exit code ${code}.` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(log: string, { stack, cwd, env, refresh, limitMs, onLine = tell }: PreviewOptions) {
  const args = ["preview", "--stack", stack, "--cwd", cwd, "--non-interactive", "--color", "never"];
  const tail: string[] = [];
  let isLate = false;
  const code = await new Promise<number>((resolve, reject) => {
    const child = spawn("pulumi", [...args, "--event-log", log, ...(refresh ? ["--refresh"] : [])], {
      // The flag is there with this alone, as for Pulumi's Automation API.
      env: { ...env, PULUMI_DEBUG_COMMANDS: "true" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const timer = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, limitMs);
    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      stream.setEncoding("utf8").on("data", (data: string) => {
        const lines = (rest + data).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          onLine(line);
          if (line.trim() !== "" && tail.push(line) > TAIL_LINES) {
            tail.shift();
          }
        }
      });
    }
    child.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(error.code === "ENOENT" ? pulumiMissing() : error);
    });
    child.on("close", (status) => {
      clearTimeout(timer);
      resolve(status ?? 1);
    });
  });
  return { code, tail, isLate };
}

interface Metadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly old?: State | null;
  readonly new?: State | null;
  readonly keys?: readonly string[] | null;
  readonly diffs?: readonly string[] | null;
  readonly detailedDiff?: Readonly<Record<string, unknown>> | null;
}

interface EngineEvent {
  readonly diagnosticEvent?: { message?: string; severity?: string; ephemeral?: boolean };
  readonly resourcePreEvent?: { metadata: Metadata };
  readonly resOutputsEvent?: { metadata: Metadata };
}

/** The engine's operations that stand for one of ours; those of a replacement come in several steps. */
const OPERATIONS: Readonly<Record<string, Step["op"]>> = {
  same: "same",
  create: "create",
  import: "create",
  update: "update",
  delete: "delete",
  replace: "replace",
  "create-replacement": "replace",
  "delete-replaced": "replace",
  "import-replacement": "replace",
};

/** @param text the event log */
export function readEvents(text: string): Omit<EnginePreview, "error"> & { readonly errors: string[] } {
  const steps = new Map<string, Step>();
  const moved = new Map<string, Step>();
  const refreshed = new Set<string>();
  const warnings = new Set<string>();
  const errors = new Set<string>();
  for (const event of eventsOf(text)) {
    const { diagnosticEvent: said, resourcePreEvent: pre, resOutputsEvent: done } = event;
    if (said && !said.ephemeral) {
      const list = said.severity === "error" ? errors : said.severity === "warning" ? warnings : undefined;
      list?.add(plain(said.message ?? ""));
    }
    if (pre?.metadata.op === "refresh") {
      refreshed.add(pre.metadata.urn);
    } else if (pre && isResource(pre.metadata)) {
      const step = stepOf(pre.metadata);
      const before = step && steps.get(step.urn);
      // What waits for its deletion was replaced before; and of a replacement's steps one tells of both sides.
      if (step && !step.old?.delete && !(before?.op === "replace" && before.new)) {
        steps.set(step.urn, step);
      }
    }
    // The first answer after the beginning of a refresh is the refresh's.
    if (done && refreshed.delete(done.metadata.urn) && isResource(done.metadata)) {
      const step = movedStep(done.metadata);
      if (step) {
        moved.set(step.urn, step);
      }
    }
  }
  errors.delete("");
  warnings.delete("");
  return {
    steps: [...steps.values()],
    moved: [...moved.values()],
    warnings: [...warnings],
    errors: [...errors],
  };
}

function eventsOf(text: string): EngineEvent[] {
  return text.split("\n").flatMap((line) => {
    try {
      return line.trim() === "" ? [] : [JSON.parse(line) as EngineEvent];
    } catch {
      // The last line of an engine that was killed.
      return [];
    }
  });
}

function isResource({ type }: Metadata): boolean {
  return !/^pulumi:|^notebook-releases:/.test(type);
}

/** A preview's engine calls all of them `refresh`, whatever it found. Of our own resources it has no paths: the outputs tell. */
function movedStep(metadata: Metadata): Step | undefined {
  const { old, new: next, type, detailedDiff } = metadata;
  if (!next || metadata.op === "delete") {
    return stepOf({ ...metadata, op: "delete" });
  }
  const own = type.startsWith("pulumi-nodejs:") ? differing(old?.outputs ?? {}, next.outputs) : [];
  const step = stepOf({ ...metadata, op: "update", diffs: [...own, ...Object.keys(detailedDiff ?? {})] });
  return step && step.paths.length > 0 ? step : undefined;
}

function differing(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

function stepOf(metadata: Metadata): Step | undefined {
  const op = OPERATIONS[metadata.op];
  const { urn, type } = metadata;
  return (
    op && {
      urn,
      type: type.replace(/^pulumi-nodejs:dynamic\/notebook-releases:/, ""),
      name: urn.slice(urn.lastIndexOf("::") + 2),
      op,
      paths: [
        ...new Set([
          // The paths where the engine knows them, else the first parts of them.
          ...(Object.keys(metadata.detailedDiff ?? {}).length > 0
            ? Object.keys(metadata.detailedDiff ?? {})
            : (metadata.diffs ?? [])),
          ...(metadata.keys ?? []),
        ]),
      ].sort(),
      old: metadata.old ?? undefined,
      new: metadata.new ?? undefined,
    }
  );
}

/** Without Pulumi's directives for colours, and the terminal's. */
function plain(message: string): string {
  // eslint-disable-next-line no-control-regex
  return message.replace(/<\{%.*?%\}>|\u001b\[[0-9;]*m/g, "").trim();
}
