/**
 * A build: one command, run in a checkout of the whole commit with an environment that holds no token; what it made is
 * chosen by globs. Nothing here knows where artifacts go.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join, sep } from "node:path";
import picomatch from "picomatch";
import { buildEnvironment } from "./buildEnvironment";
import { exists } from "./cache";
import { checkout } from "./checkout";
import { runCommand } from "./command";
import { short } from "./githash";
import { SourceError, type Commit, type SourceOptions } from "./types";

export interface BuildSpec {
  /** Run by `/bin/sh` in the root of the checkout. */
  readonly command: string;
  /** Globs (picomatch, dot files included) relative to the root: what they match are the artifacts. */
  readonly artifacts: readonly string[];
}

export interface BuildOptions extends SourceOptions {
  /** @default 30 minutes */
  readonly timeoutMs?: number;
}

export interface BuiltFile {
  /** Its name without folders; no two artifacts share one. */
  readonly name: string;
  /** Absolute, in the checkout. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

export interface Build {
  /** Sorted by name. */
  readonly files: readonly BuiltFile[];
  readonly output: string;
  readonly seconds: number;
  /** Removes the checkout, artifacts included. Never throws. */
  readonly dispose: () => Promise<void>;
}

/** The command failed, or what it made cannot be taken. The message ends with its last lines; `output` has them all. */
export class BuildError extends SourceError {
  constructor(
    headline: string,
    readonly output: string,
    problems: readonly string[] = [],
  ) {
    super(headline, problems);
    this.name = "BuildError";
  }
}

export const DEFAULT_TIMEOUT_MS = 30 * 60_000;
const LAST_LINES = 20;

/** Builds the commit. @throws BuildError, SourceError where the commit cannot be checked out, or the signal's reason */
export async function build(commit: Commit, spec: BuildSpec, options: BuildOptions = {}): Promise<Build> {
  const { directory, dispose } = await checkout(commit, options);
  try {
    const started = performance.now();
    const { env, leftOut } = buildEnvironment(options.env ?? process.env, commit.commitTime);
    if (leftOut.length > 0) {
      options.onProgress?.(`the build does not see ${leftOut.join(", ")}: the value holds a credential`);
    }
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const { signal, onProgress } = options;
    const result = await runCommand(spec.command, {
      cwd: directory,
      env,
      timeoutMs,
      signal,
      onLine: onProgress,
    });
    if (result.timedOut || result.status !== 0) {
      const what = result.timedOut
        ? `did not end within ${Math.round(timeoutMs / 1000)} s and was stopped`
        : `failed (${typeof result.status === "number" ? `exit code ${result.status}` : result.status})`;
      throw new BuildError(
        `the build of ${short(commit.githash)} ${what}: ${spec.command}${lastLines(result.output)}`,
        result.output,
      );
    }
    const files = await collect(directory, commit, spec, result.output);
    return { files, output: result.output, seconds: (performance.now() - started) / 1000, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function lastLines(output: string): string {
  const lines = output.trimEnd().split("\n").slice(-LAST_LINES);
  return output.trim() === "" ? " (it said nothing)" : `\n${lines.map((line) => `  | ${line}`).join("\n")}`;
}

async function collect(
  directory: string,
  commit: Commit,
  { artifacts, command }: BuildSpec,
  output: string,
): Promise<BuiltFile[]> {
  const problems: string[] = [];
  const found = new Set<string>();
  for (const glob of artifacts) {
    const matching = await match(directory, glob);
    if (matching.length === 0) problems.push(`"${glob}" matches no file`);
    for (const path of matching) found.add(path);
  }
  const byName = new Map<string, string>();
  const files: BuiltFile[] = [];
  for (const path of [...found].sort()) {
    const name = basename(path);
    const twin = byName.get(name);
    byName.set(name, path);
    const real = await realpath(join(directory, path)).catch(() => undefined);
    const inside = real?.startsWith(directory + sep) === true;
    const info = inside ? await stat(real) : undefined;
    if (twin !== undefined) problems.push(`${twin} and ${path} have the same name`);
    else if (!inside) problems.push(`${path} is a link that leads nowhere or out of the checkout`);
    // Notebooks get the artifacts' addresses in one parameter, separated by commas.
    // eslint-disable-next-line no-control-regex
    else if (/[,\u0000-\u001f\u007f\uFFFD]/.test(name))
      problems.push(`${path}: no comma or control character`);
    else if (info?.isFile()) {
      files.push({ name, path: real ?? "", size: info.size, sha256: await digest(real ?? "") });
    }
  }
  if (problems.length > 0) {
    throw new BuildError(
      `the build of ${short(commit.githash)} (${command}) ran, but its artifacts cannot be taken:`,
      output,
      problems,
    );
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Files and links (not what lies in linked folders) that a glob matches, as paths below `directory`. */
async function match(directory: string, glob: string): Promise<string[]> {
  const { base, isGlob, negated } = picomatch.scan(glob);
  if (!isGlob && !negated) return (await exists(join(directory, glob))) ? [glob] : [];
  const matches = picomatch(glob, { dot: true });
  const found: string[] = [];
  // Only where the glob can match: a build may leave folders with very many files.
  const folders = [negated ? "" : base];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(join(directory, folder), { withFileTypes: true }).catch(() => [])) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(path);
      else if (matches(path)) found.push(path);
    }
  }
  return found;
}

/** SHA-256 of a file in hex. */
async function digest(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
