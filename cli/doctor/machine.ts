/** What must be right on this machine: the engine, git, the source, and Python where the local workspace is used. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { readSource } from "../../source";
import { short } from "../../source/githash";
import type { FoundStack } from "../stack";
import { notChecked, ok, problem, warning, type Outcome } from "./finding";

const run = promisify(execFile);
const LIMIT_MS = 20_000;

async function output(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(command, [...args], { timeout: LIMIT_MS, maxBuffer: 16 * 1024 * 1024 });
  return stdout.trim();
}

/** Major and minor; zeros where the text holds no version. */
function versionIn(text: string): [major: number, minor: number] {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(text) ?? [];
  return [Number(major ?? 0), Number(minor ?? 0)];
}

function isOlder(text: string, [major, minor]: readonly [number, number]): boolean {
  const [found, foundMinor] = versionIn(text);
  return found < major || (found === major && foundMinor < minor);
}

/** Of the engine: that of the SDK's peer dependency (package.json). */
const OLDEST_ENGINE = [3, 240] as const;
/** Of git: filters and protocol 2 as `source` uses them. */
const OLDEST_GIT = [2, 30] as const;

export async function checkEngine(): Promise<Outcome> {
  let version: string;
  try {
    version = await output("pulumi", ["version"]);
  } catch (error) {
    return (error as { code?: unknown }).code === "ENOENT"
      ? problem(
          "pulumi is not on PATH",
          'In this repository: npm start once, then eval "$(npm run --silent env)". Elsewhere: https://www.pulumi.com/docs/install',
        )
      : problem(`pulumi version failed: ${(error as Error).message}`, "Install pulumi again.");
  }
  return isOlder(version, OLDEST_ENGINE)
    ? warning(`pulumi ${version}; tried from 3.240 on`, "Install a newer one.")
    : ok(`pulumi ${version}`);
}

/** The plugins that the program's packages want: the engine downloads one that is missing, where it may. */
export async function checkPlugins(cwd: string): Promise<Outcome> {
  const installed = JSON.parse(await output("pulumi", ["plugin", "ls", "--json"])) as {
    name: string;
    version?: string;
  }[];
  const wanted = packageVersion(cwd, "@pulumi/databricks");
  const found = installed.filter(({ name }) => name === "databricks").map(({ version }) => version ?? "");
  if (wanted === undefined) {
    return problem("the project has no @pulumi/databricks", "Run npm install in the project's folder.");
  }
  return found.includes(wanted)
    ? ok(`databricks ${wanted}`)
    : warning(
        `the plugin databricks ${wanted} is not installed (there: ${found.join(", ") || "none"}); the next pulumi up downloads it`,
        `Install it now: pulumi plugin install resource databricks ${wanted}. Where downloads are refused, in this repository: npm start`,
      );
}

function packageVersion(cwd: string, name: string): string | undefined {
  try {
    const file = createRequire(join(cwd, "package.json")).resolve(`${name}/package.json`);
    return (JSON.parse(readFileSync(file, "utf8")) as { version?: string }).version;
  } catch {
    return undefined;
  }
}

export async function checkGit(): Promise<Outcome> {
  let version: string;
  try {
    version = await output("git", ["--version"]);
  } catch {
    return problem("git is not on PATH", "Install git 2.30 or later.");
  }
  return isOlder(version, OLDEST_GIT)
    ? problem(`${version} is too old`, "Install git 2.30 or later.")
    : ok(version);
}

/** Resolves the ref and reads the manifest, as `pulumi up` does; only the cache is written to. */
export async function checkSource({ config }: Pick<FoundStack, "config">): Promise<Outcome> {
  const { commit, files } = await readSource(config.source);
  const notebooks = files.filter(({ kind }) => kind === "notebook").length;
  return ok(
    `${commit.ref} of ${commit.repository} is ${short(commit.githash)}: ${notebooks} notebooks, ${files.length - notebooks} files`,
  );
}

/** Only the local workspace needs Python, and only in its own repository. */
export async function checkPython(cwd: string): Promise<Outcome> {
  if (!existsSync(join(cwd, "workspace", "python", "requirements.txt"))) {
    return notChecked("not needed: only the local workspace uses it, in its own repository");
  }
  const python = join(cwd, ".local", "python", "bin", "python");
  if (!existsSync(python)) {
    return warning("there is no .local/python, so the local workspace cannot run", "Run npm start.");
  }
  const versions = "from importlib.metadata import version as v; print(v('mlflow'), v('pysail'))";
  try {
    const [mlflow, sail] = (await output(python, ["-c", versions])).split(" ");
    return ok(`.local/python with mlflow ${mlflow}, pysail ${sail}`);
  } catch {
    return warning(".local/python lacks packages", "Delete .local/python and run npm start.");
  }
}
