/** This repository's program on a stack of its own: what a user runs, with a registry, without tests and jobs of its own. */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { stringify } from "yaml";
import { command, type CommandOptions, type CommandResult } from "../command";
import { NOTEBOOKS, type BenchRepository } from "../repository";
import { ROOT, type BenchWorkspace } from "../workspace";

/** What a project's folder needs of this repository to be the same program. */
const PROGRAM = ["Pulumi.yaml", "index.cjs", "index.ts", "node_modules", "package.json", "providers"];
const STACK = "bench";

/** How the notebooks are sent; `auto` is what a user gets. */
export type Upload = "auto" | "archive" | "files";

export type PulumiCommand = "up" | "preview" | "refresh";

export interface OursOptions {
  /** Unique: paths and the registry's row are called after it. */
  readonly app: string;
  readonly folder: string;
  readonly repository: BenchRepository;
  readonly workspace: BenchWorkspace;
  /** The engine, its plugins, and nothing of this machine's credentials. */
  readonly env: NodeJS.ProcessEnv;
  readonly upload?: Upload;
  /** The stack's `gate`. @default none */
  readonly gate?: { readonly tests: readonly string[] };
}

type Limits = Pick<CommandOptions, "limitSeconds" | "signal" | "memory">;

export class OurStack {
  private readonly program: string;
  private readonly env: NodeJS.ProcessEnv;
  private ref = "main";
  private made = false;

  constructor(private readonly options: OursOptions) {
    const { folder, workspace, env, upload = "auto" } = options;
    this.program = join(folder, "program");
    mkdirSync(join(folder, "state"), { recursive: true });
    mkdirSync(this.program);
    for (const file of PROGRAM) {
      symlinkSync(join(ROOT, file), join(this.program, file));
    }
    this.env = {
      ...env,
      ...workspace.credentials,
      PULUMI_BACKEND_URL: pathToFileURL(join(folder, "state")).href,
      NOTEBOOK_RELEASES_CACHE: join(folder, "cache"),
      NOTEBOOK_RELEASES_UPLOAD: upload,
    };
    this.configure();
  }

  /** Deploys this commit from now on. */
  release(githash: string): void {
    this.ref = githash;
    this.configure();
  }

  /** One command as a person or CI gives it, without questions; `up` and `refresh` without a preview before. */
  async run(name: PulumiCommand, limits: Limits, env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
    if (!this.made) {
      await this.pulumi(["stack", "init", STACK], limits);
      this.made = true;
    }
    const options = name === "preview" ? [] : ["--yes", "--skip-preview"];
    return this.pulumi([name, ...options, "--stack", STACK], limits, env);
  }

  /** `releases rollback` to the release that was live before; the stack's own `ref` stays. */
  rollback({ limitSeconds, signal }: Limits): Promise<CommandResult> {
    const args = ["run", "--silent", "releases", "--", "rollback", "--yes", "--stack", STACK, "--cwd"];
    return command("npm", [...args, this.program], { cwd: ROOT, env: this.env, limitSeconds, signal });
  }

  /** Ms from the launch of node to the program's first resource, in a preview that changes nothing. */
  async startMs(limits: Limits): Promise<number> {
    const file = join(this.options.folder, "start");
    rmSync(file, { force: true });
    const preload = join(ROOT, "bench", "release", "start.cjs");
    await this.run("preview", limits, {
      // NODE_OPTIONS splits at blanks, unless in quotes.
      NODE_OPTIONS: `--require ${JSON.stringify(preload)}`,
      BENCH_START_FILE: file,
    });
    const ms = existsSync(file) ? Number(readFileSync(file, "utf8").split("\n")[0]) : NaN;
    if (!(ms > 0)) {
      throw new Error("The program registered no resource that was seen.");
    }
    return ms;
  }

  /** What the stack's last deployment logged: `upload_seconds` is the whole time of the release's resource. */
  async metric(name: string, limits: Limits): Promise<number> {
    const { stdout } = await this.pulumi(["stack", "output", "deploymentId", "--stack", STACK], limits);
    const path = `/api/2.0/mlflow/runs/get?run_id=${stdout.trim()}`;
    const { run } = await this.options.workspace.call<any>("GET", path);
    const metric = run.data.metrics.find(({ key }: { key: string }) => key === name);
    if (metric === undefined) {
      throw new Error(`The deployment logged no ${name}.`);
    }
    return metric.value as number;
  }

  private configure(): void {
    const { app, repository, workspace, gate } = this.options;
    const settings = {
      app,
      source: { repository: repository.directory, ref: this.ref, path: NOTEBOOKS },
      registry: { warehouse: workspace.warehouse, table: "main.bench.registry" },
      ...(gate ? { gate } : {}),
    };
    const config = Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [`notebook-releases:${key}`, value]),
    );
    const file = join(this.program, `Pulumi.${STACK}.yaml`);
    const salt = existsSync(file)
      ? (/^encryptionsalt: .*$/m.exec(readFileSync(file, "utf8"))?.[0] ?? "")
      : "";
    writeFileSync(file, `${salt}\n${stringify({ config })}`);
  }

  private pulumi(args: string[], limits: Limits, env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
    const all = ["--cwd", this.program, ...args, "--non-interactive", "--color", "never"];
    return command("pulumi", all, { ...limits, env: { ...this.env, ...env } });
  }
}
