/** Where it was measured: a number without its machine says little. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, platform, release, totalmem } from "node:os";
import { join } from "node:path";
import type { Programs } from "./benchmark";
import { ROOT } from "./workspace";

export interface Environment {
  readonly at: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGB: number;
  /** Of the last minute, before the benchmark began. */
  readonly load: number;
  /** Of this repository, with a `+` where files were changed. */
  readonly commit: string;
  readonly versions: Readonly<Record<string, string>>;
}

export function describeEnvironment({ cli, env }: Programs): Environment {
  const said = (program: string, ...args: string[]) => {
    try {
      return execFileSync(program, args, {
        cwd: ROOT,
        env: { ...process.env, ...env },
        encoding: "utf8",
      }).trim();
    } catch {
      return "unknown";
    }
  };
  const packageVersion = (name: string) =>
    (
      JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")) as {
        version: string;
      }
    ).version;
  return {
    at: new Date().toISOString(),
    platform: `${platform()} ${release()}`,
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 1e9),
    load: loadavg()[0] ?? 0,
    commit:
      said("git", "rev-parse", "--short=12", "HEAD") + (said("git", "status", "--porcelain") ? "+" : ""),
    versions: {
      node: process.versions.node,
      pulumi: said("pulumi", "version"),
      "@pulumi/pulumi": packageVersion("@pulumi/pulumi"),
      "@pulumi/databricks": packageVersion("@pulumi/databricks"),
      "databricks CLI": "path" in cli ? said(cli.path, "version") : "none",
      git: said("git", "--version"),
    },
  };
}
