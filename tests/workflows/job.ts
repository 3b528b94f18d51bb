/** One job of a workflow's run, on a machine of its own: its token, its identity, its variables, and its steps one by one. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ROOT } from "../support/pulumi";
import { useAction } from "./actions";
import { fillText, holds, type Scope } from "./expressions";
import { jobVariables, programs, type Machine } from "./machine";
import type { GitHubSide, JobRun, RunOptions, StepRun } from "./runner";
import { runScript } from "./shell";
import type { Event, Job, Step, Workflow } from "./workflow";

/** The step that every job has: it is done by a link, but where `installs` names the job. */
export const INSTALL = "npm ci --ignore-scripts --no-audit --no-fund";
const LIMIT_MS = 300_000;

export interface JobPart {
  readonly workflow: Workflow;
  readonly event: Event;
  readonly github: GitHubSide;
  readonly options: RunOptions;
  readonly artifacts: Map<string, string>;
  readonly id: string;
  readonly job: Job;
  readonly number: number;
}

/** One job on a machine of its own. */
export class JobRunner {
  private readonly folder: string;
  private readonly machine: Machine;
  private readonly scope: Omit<Scope, "status">;
  private readonly env: Readonly<Record<string, string>>;
  private readonly name: string;
  private readonly group: string;
  private status: "success" | "failure" | "cancelled" = "success";
  private summary = "";

  /** @param contexts what the servers know; the environment's variables and all secrets come with the machine. */
  constructor(
    private readonly part: JobPart,
    contexts: Scope["contexts"],
  ) {
    const { job, id, number, github, options } = part;
    this.folder = join(options.folder, `${number}-${id}`);
    mkdirSync(join(this.folder, "temp"), { recursive: true });
    this.machine = { workspace: join(this.folder, "work"), path: programs() };
    const server: Scope = { contexts };
    this.name = fillText(job.name ?? id, server);
    this.group = fillText(job.concurrency?.group ?? "", server);
    const environment = job.environment && fillText(job.environment.name, server);
    const own = environment === undefined ? undefined : github.environment(environment);
    const permissions = job.permissions ?? {};
    const token = github.token(permissions);
    this.scope = {
      contexts: {
        ...contexts,
        github: { ...(contexts.github as object), token },
        vars: { ...github.variables, ...own?.variables },
        secrets: { ...github.secrets, ...own?.secrets, GITHUB_TOKEN: token },
      },
    };
    const subject = `repo:${github.repository}:${
      environment === undefined ? part.event.name : `environment:${environment}`
    }`;
    this.env = {
      ...options.env,
      ...jobVariables(part, this.folder, this.machine),
      ...(permissions["id-token"] === "write" ? { ...github.identity(subject) } : {}),
      ...this.filled(job.env),
    };
  }

  async run(): Promise<JobRun> {
    const { id, job, options, workflow } = this.part;
    const steps: StepRun[] = [];
    for (const [number, step] of job.steps.entries()) {
      const name = step.name ?? step.uses?.split("@")[0] ?? "";
      if (!holds(step.if, { ...this.scope, status: this.status })) {
        steps.push({ name, result: "skipped", output: "" });
        continue;
      }
      const { code, output } = await this.step(step, number);
      const result = options.signal?.aborted ? "cancelled" : code === 0 ? "success" : "failure";
      options.onText(`${workflow.file}: ${id}: ${name}`, output);
      steps.push({ name, result, output });
      this.status = this.status === "success" ? result : this.status;
    }
    options.onText(`${workflow.file}: ${id}: summary`, this.summary);
    const output = steps.map((step) => step.output).join("");
    const { name, group, summary } = this;
    return { id, name, group, result: this.status, steps, summary, output };
  }

  private async step(step: Step, number: number): Promise<{ code: number; output: string }> {
    if (step.uses !== undefined) {
      this.use(step.uses, step.with ?? {});
      return { code: 0, output: "" };
    }
    assert.ok(step.run !== undefined, "a step has neither run nor uses");
    const { id, options } = this.part;
    const text = fillText(step.run, this.scope);
    if (text.trim() === INSTALL && !options.installs?.includes(id)) {
      this.linkPackages();
      return { code: 0, output: "" };
    }
    const files = ["ENV", "OUTPUT", "PATH", "STEP_SUMMARY"].map((name) => {
      const file = join(this.folder, `${number}-${name.toLowerCase()}`);
      writeFileSync(file, "");
      return [`GITHUB_${name}`, file] as const;
    });
    const ended = await runScript({
      text,
      file: join(this.folder, `${number}.sh`),
      shell: step.shell,
      cwd: this.machine.workspace,
      env: {
        ...this.env,
        ...this.filled(step.env),
        ...Object.fromEntries(files),
        PATH: this.machine.path.join(delimiter),
      },
      // What runs after the cancelling is not cancelled again.
      signal: options.signal?.aborted ? undefined : options.signal,
      limitMs: LIMIT_MS,
    });
    for (const [name, file] of files) {
      const written = readFileSync(file, "utf8");
      if (name === "GITHUB_STEP_SUMMARY") {
        this.summary += written;
      } else {
        assert.equal(written, "", `the tests' runner does not know what is written to ${name}`);
      }
    }
    return ended;
  }

  private use(uses: string, given: Readonly<Record<string, string | number | boolean>>): void {
    const { artifacts, github, options } = this.part;
    useAction(uses, {
      inputs: this.filled(given),
      machine: this.machine,
      artifacts,
      store: join(options.folder, "artifacts"),
      gitOf: github.gitOf,
      defaultRef: (repository) =>
        repository === github.repository ? this.part.event.sha : github.defaultRef(repository),
    });
  }

  /** What `npm ci` leaves, where the lock file is this checkout's. */
  private linkPackages(): void {
    const lock = (folder: string) => readFileSync(join(folder, "package-lock.json"), "utf8");
    const { workspace } = this.machine;
    assert.equal(lock(workspace), lock(ROOT), "another lock file: install for real");
    assert.ok(!existsSync(join(workspace, "node_modules")));
    symlinkSync(join(ROOT, "node_modules"), join(workspace, "node_modules"));
  }

  private filled(
    texts: Readonly<Record<string, string | number | boolean>> = {},
  ): Readonly<Record<string, string>> {
    return Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [name, fillText(String(text), this.scope)]),
    );
  }
}
