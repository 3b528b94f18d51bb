/** What others offer for the same: the Databricks CLI's two ways, and one Pulumi resource per notebook. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { command, type CommandOptions, type CommandResult } from "../command";
import { NOTEBOOKS } from "../repository";
import { ROOT, type BenchWorkspace } from "../workspace";

type Limits = Pick<CommandOptions, "limitSeconds" | "signal">;

export interface PeerOptions extends Limits {
  readonly workspace: BenchWorkspace;
  /** The repository's folder, with the notebooks in `notebooks`. */
  readonly source: string;
  /** Unique, for a destination that does not exist yet. */
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface CliOptions extends PeerOptions {
  /** The Databricks CLI. */
  readonly program: string;
  /** Lift its own limit of 15 requests a second. */
  readonly lifted: boolean;
}

/** `databricks workspace import-dir` */
export function importDirectory(options: CliOptions): Promise<CommandResult> {
  const target = `/Users/${options.workspace.userName}/${options.name}`;
  return cli(options, options.source, ["workspace", "import-dir", NOTEBOOKS, target]);
}

/** `databricks bundle deploy` of a bundle that has these files and no resources, by its own (`direct`) engine. */
export async function bundleDeploy(options: CliOptions): Promise<CommandResult> {
  const file = join(options.source, "databricks.yml");
  writeFileSync(file, `bundle:\n  name: ${options.name}\n  engine: direct\nsync:\n  paths: [${NOTEBOOKS}]\n`);
  try {
    return await cli(options, options.source, ["bundle", "deploy"]);
  } finally {
    rmSync(file);
    // What it remembers of the destination.
    rmSync(join(options.source, ".databricks"), { recursive: true, force: true });
  }
}

function cli(options: CliOptions, cwd: string, args: string[]): Promise<CommandResult> {
  const { program, lifted, workspace, env, limitSeconds, signal } = options;
  return command(program, args, {
    cwd,
    limitSeconds,
    signal,
    env: {
      ...env,
      ...workspace.credentials,
      // The local workspace has no such route; the CLI would try it three times, half a second that is not its own.
      DATABRICKS_CLI_DISABLE_TELEMETRY: "true",
      ...(lifted ? { DATABRICKS_RATE_LIMIT: "1000" } : {}),
    },
  });
}

const PER_NOTEBOOK = `"use strict";
const { readdirSync } = require("node:fs");
const { join } = require("node:path");
const databricks = require("@pulumi/databricks");

const { SOURCE, TARGET } = process.env;
for (const folder of readdirSync(SOURCE)) {
  const target = TARGET + "/" + folder;
  const parent = new databricks.Directory(folder, { path: target });
  for (const file of readdirSync(join(SOURCE, folder))) {
    const path = target + "/" + file.replace(/\\.py$/, "");
    const source = join(SOURCE, folder, file);
    new databricks.Notebook(folder + "/" + file, { path, source }, { dependsOn: parent });
  }
}
`;

/**
 * One `databricks.Notebook` per notebook, 64 at a time, on a new stack. Their folders come first: of two notebooks
 * that make the same missing folder at once, the provider fails one.
 */
export async function notebookResources(folder: string, options: PeerOptions): Promise<CommandResult> {
  const { workspace, source, name, env, limitSeconds, signal } = options;
  const program = join(folder, "program");
  mkdirSync(join(folder, "state"), { recursive: true });
  mkdirSync(program);
  symlinkSync(join(ROOT, "node_modules"), join(program, "node_modules"));
  writeFileSync(join(program, "Pulumi.yaml"), "name: per-notebook\nruntime: nodejs\nmain: index.cjs\n");
  writeFileSync(join(program, "index.cjs"), PER_NOTEBOOK);
  const pulumi = (args: string[]) =>
    command("pulumi", ["--cwd", program, ...args, "--non-interactive", "--color", "never"], {
      limitSeconds,
      signal,
      env: {
        ...env,
        ...workspace.credentials,
        PULUMI_BACKEND_URL: pathToFileURL(join(folder, "state")).href,
        SOURCE: join(source, NOTEBOOKS),
        TARGET: `/Users/${workspace.userName}/${name}`,
      },
    });
  try {
    await pulumi(["stack", "init", "bench"]);
    return await pulumi(["up", "--yes", "--skip-preview", "--parallel", "64", "--stack", "bench"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
