/** Runs the real Pulumi engine for tests: a backend of its own in a temporary folder, no credentials but those given. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { stringify } from "yaml";

/** The repository's root. */
export const ROOT = join(__dirname, "..", "..");

export interface PulumiRun {
  readonly code: number;
  /** Standard output and error in the order of arrival, without colours. */
  readonly output: string;
  /** Standard output alone, for JSON. */
  readonly stdout: string;
}

export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;

  readonly inputs?: Record<string, any>;

  readonly outputs?: Record<string, any>;
  readonly delete?: boolean;
}

export interface StackOptions {
  /** What the project's folder has of this repository, by links. Default: what makes it the same program. */
  readonly links?: readonly string[];
  readonly stack?: string;
  /** Full keys (`notebook-releases:app`) to values. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What a project folder needs of this repository to be the same program. */
const PROGRAM_FILES = ["Pulumi.yaml", "index.cjs", "index.ts", "node_modules", "package.json", "providers"];

/** One stack in a file backend and a project folder of its own. `dispose` removes it all. */
export class PulumiStack {
  /** Backend, program and whatever else the test wants to keep with the stack. */
  readonly folder = mkdtempSync(join(tmpdir(), "pulumi stack "));
  /** The project's folder; by default this repository's program, by links. */
  readonly program = join(this.folder, "program");
  readonly stack: string;
  env: Record<string, string | undefined>;
  /** What the last command has printed so far. */
  heard = "";
  private started = false;

  constructor(options: StackOptions = {}) {
    this.stack = options.stack ?? "test";
    this.env = { ...options.env };
    mkdirSync(join(this.folder, "state"));
    mkdirSync(this.program);
    for (const file of options.links ?? PROGRAM_FILES) {
      symlinkSync(join(ROOT, file), join(this.program, file));
    }
    this.configure(options.config ?? {});
  }

  /** The stack's file. */
  get configFile(): string {
    return join(this.program, `Pulumi.${this.stack}.yaml`);
  }

  /** Replaces the stack's configuration; keeps the salt of its secrets. */
  configure(config: Readonly<Record<string, unknown>>): void {
    const before = existsSync(this.configFile) ? readFileSync(this.configFile, "utf8") : "";
    const salt = /^encryptionsalt: .*$/m.exec(before)?.[0] ?? "";
    writeFileSync(this.configFile, `${salt}\n${stringify({ config })}`);
  }

  up(...args: string[]): Promise<PulumiRun> {
    return this.run(["up", "--yes", "--skip-preview", ...args]);
  }
  preview(...args: string[]): Promise<PulumiRun> {
    return this.run(["preview", ...args]);
  }
  refresh(...args: string[]): Promise<PulumiRun> {
    return this.run(["refresh", "--yes", "--skip-preview", ...args]);
  }
  destroy(...args: string[]): Promise<PulumiRun> {
    return this.run(["destroy", "--yes", "--skip-preview", ...args]);
  }

  /** The stack's outputs, secret ones shown. */

  async outputs(): Promise<Record<string, any>> {
    return JSON.parse(ok(await this.run(["stack", "output", "--json", "--show-secrets"])).stdout) as never;
  }

  /** The state as text, as it lies in the backend. */
  async stateText(): Promise<string> {
    return ok(await this.run(["stack", "export"])).stdout;
  }

  async resources(): Promise<StateResource[]> {
    const state = JSON.parse(await this.stateText()) as { deployment: { resources?: StateResource[] } };
    return state.deployment.resources ?? [];
  }

  /** Runs `pulumi ARGS` on the stack, which is made at the first call; ends it after `limitMs` (default 3 minutes). */
  async run(args: readonly string[], limitMs = 180_000): Promise<PulumiRun> {
    if (!this.started) {
      this.started = true;
      ok(await this.pulumi(["stack", "init", this.stack, "--non-interactive"], limitMs));
    }
    const [command = "", ...rest] = args;
    const sub = command === "stack" || command === "config" ? [command, rest.shift() ?? ""] : [command];
    return this.pulumi(
      [...sub, "--stack", this.stack, ...rest, "--non-interactive", "--color", "never"],
      limitMs,
    );
  }

  private pulumi(args: readonly string[], limitMs: number): Promise<PulumiRun> {
    this.heard = "";
    return execute("pulumi", ["--cwd", this.program, ...args], this.environment(), limitMs, (text) => {
      this.heard += text;
    });
  }

  /** The variables with which `pulumi` works on this stack, and nothing else of ours. */
  environment(): NodeJS.ProcessEnv {
    const { HOME, TMPDIR, LANG, NOTEBOOK_RELEASES_CACHE, XDG_CACHE_HOME } = process.env;
    return {
      HOME,
      TMPDIR,
      LANG,
      NOTEBOOK_RELEASES_CACHE,
      XDG_CACHE_HOME,
      PATH: [join(ROOT, ".local", "engine", "bin"), process.env.PATH].join(delimiter),
      PULUMI_HOME: process.env.PULUMI_HOME ?? join(ROOT, ".local", "pulumi"),
      PULUMI_BACKEND_URL: pathToFileURL(join(this.folder, "state")).href,
      PULUMI_CONFIG_PASSPHRASE: "for tests only",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      ...this.env,
    };
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Asserts that the run succeeded, showing its output where it did not. */
export function ok(run: PulumiRun): PulumiRun {
  assert.equal(run.code, 0, run.output);
  return run;
}

/** Asserts that the run failed, and answers its output. */
export function failed(run: PulumiRun): string {
  assert.notEqual(run.code, 0, `expected a failure, got:\n${run.output}`);
  return run.output;
}

function execute(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  limitMs: number,
  hear: (text: string) => void = () => undefined,
): Promise<PulumiRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"], timeout: limitMs });
    let output = "";
    let stdout = "";
    child.stdout.on("data", (data: Buffer) => {
      hear(data.toString());
      output += data.toString();
      stdout += data.toString();
    });
    child.stderr.on("data", (data: Buffer) => {
      hear(data.toString());
      output += data.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, output, stdout }));
  });
}
