/** What the story of one change is played on: a team's repository and workflows, and ways to look at what became of them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { showStatus, type StatusEntry } from "../../cli/status";
import { releases } from "../cli/cli";
import { latestStatuses, stateOf } from "../github/double";
import { notebook } from "../source/support";
import { asOwner, eventOn } from "../workflows/events";
import { Flow, NAME } from "../workflows/flow";
import { programs, pulumiPrograms } from "../workflows/machine";
import { machineVariables } from "../workflows/program";
import type { JobRun } from "../workflows/runner";
import type { Event } from "../workflows/workflow";
import { ENDED, poll } from "./scenario";
import { MINUTE, type Transcript } from "./transcript";

const cells = (...texts: string[]) => notebook(texts.join("\n\n# COMMAND ----------\n\n"));

/** The notebook that is going to be changed. */
export const limit = (value: number) => notebook(`LIMIT = ${value}`);

/** The app: a job runs `score`, which takes the limit from a notebook of its own. */
export const FILES = {
  "app/pipeline/limit.py": limit(0.5),
  "app/pipeline/score.py": cells(
    `dbutils.widgets.text("githash", "")`,
    "# MAGIC %run ./limit",
    `dbutils.notebook.exit(f"limit {LIMIT}, by {dbutils.widgets.get('githash')[:12]}")`,
  ),
  "app/tests/test_limit.py": cells(
    "# MAGIC %run ../pipeline/limit",
    `assert 0 < LIMIT < 1, f"LIMIT is {LIMIT}, but no probability is"`,
  ),
};

/** As `GitHubRepository` makes it of `ruleset: {}`. */
const RULESET = {
  name: "notebook-releases",
  target: "branch",
  enforcement: "active",
  conditions: { ref_name: { include: ["~DEFAULT_BRANCH"], exclude: [] } },
  rules: [
    {
      type: "required_status_checks",
      parameters: {
        strict_required_status_checks_policy: false,
        required_status_checks: [
          { context: "notebook-releases/preview" },
          { context: "notebook-releases/staging" },
        ],
      },
    },
  ],
};

const NONE = "–";
const CONTEXTS = ["preview", "staging", "prod"] as const;
const STACKS = ["staging", "prod"] as const;
const HEAD = [
  "commit",
  "live in",
  ...CONTEXTS.map((context) => `status \`${context}\``),
  ...STACKS.map((stack) => `deployment to ${stack}`),
];

export class Story {
  private readonly commits = new Map<string, string>();
  private readonly cache = mkdtempSync(join(tmpdir(), "story cache "));

  private constructor(
    readonly flow: Flow,
    private readonly page: Transcript,
  ) {}

  /** The program and the notebooks are in one repository; nothing is deployed. Its head is A. */
  static async start(app: string, page: Transcript): Promise<Story> {
    const flow = await Flow.start(app);
    const story = new Story(flow, page);
    flow.git.commit({ ...FILES, "app/tests/test_one.py": null }, "Call customers at risk");
    story.commit("A", flow.git.git("rev-parse", "main"));
    for (const [text, shown] of [
      [flow.github.url, "https://github.com"],
      [flow.workspace.host, "https://databricks.example.com"],
      [flow.deployer, "churn-deployer"],
      [app, "churn"],
    ] as const) {
      page.call(text, shown);
    }
    await asOwner(flow, "POST", "/rulesets", RULESET);
    return story;
  }

  /** The page calls a commit by a letter, and shows its id as so many of that letter. */
  commit(letter: string, githash: string): string {
    const id = letter.toLowerCase().repeat(12);
    this.commits.set(letter, githash);
    this.page.call(githash, id);
    this.page.call(githash.slice(0, 12), id);
    return githash;
  }

  /** Runs a workflow; answers its jobs by name. */
  async run(file: string, event: Event): Promise<Readonly<Record<string, JobRun>>> {
    const { jobs } = await this.flow.run(file, event);
    assert.ok(jobs.length > 0, `${file} has run no job`);
    return Object.fromEntries(jobs.map((job) => [job.name, job]));
  }

  /** Runs a workflow of one job, by hand where there are inputs, else at a push; answers the job, which must end so. */
  async runOne(
    file: string,
    result: JobRun["result"],
    inputs?: Readonly<Record<string, string>>,
  ): Promise<JobRun> {
    const event = eventOn(this.flow, inputs ? "workflow_dispatch" : "push", inputs);
    return only(await this.run(file, event), result);
  }

  /** The hour of `drift.yml`, which looks at these stacks; answers its jobs by stack. */
  async night(...stacks: readonly string[]): Promise<Readonly<Record<string, JobRun>>> {
    const { variables } = this.flow;
    const all = variables.NOTEBOOK_RELEASES_STACKS ?? "";
    variables.NOTEBOOK_RELEASES_STACKS = JSON.stringify(stacks);
    const jobs = await this.run("drift.yml", eventOn(this.flow, "schedule"));
    variables.NOTEBOOK_RELEASES_STACKS = all;
    return jobs;
  }

  /** As the button on a pull request's page does; answers GitHub's status and what it says. */
  async merge(number: number): Promise<{ readonly status: number; readonly message: string; sha?: string }> {
    const { url, token } = this.flow.github;
    const address = `${url}/repos/${NAME}/pulls/${number}/merge`;
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(address, { method: "PUT", headers });
    const body = (await response.json()) as { message: string; sha?: string };
    return { ...body, status: response.status };
  }

  /** The one comment of the pull request. */
  comment(number: number): { readonly id: number; readonly body: string } {
    const found = [...this.flow.repository.comments.values()].filter(({ issue }) => issue === number);
    assert.equal(found.length, 1, "one comment");
    return found[0] as (typeof found)[number];
  }

  /** The notebook of the release that is live in prod, edited by somebody who may. */
  async edit(name: string, text: string): Promise<void> {
    const { prod } = await this.flow.live();
    const content = Buffer.from(text).toString("base64");
    const body = { path: `${prod?.path}/${name}`, content, format: "SOURCE", language: "PYTHON" };
    await this.flow.workspace.ok("POST", "/api/2.0/workspace/import", { ...body, overwrite: true });
  }

  /** Runs an environment's job once; what its notebook said. */
  async job(stack: string): Promise<string> {
    const { workspace, app } = this.flow;
    const { jobs } = await workspace.ok("GET", `/api/2.2/jobs/list?name=${app}-${stack}`);
    const { run_id } = await workspace.ok("POST", "/api/2.2/jobs/run-now", { job_id: jobs[0].job_id });
    const task: number = await poll(`the job of ${stack} ends`, async () => {
      const now = await workspace.ok("GET", `/api/2.2/jobs/runs/get?run_id=${run_id}`);
      return ENDED.has(now.state.life_cycle_state) ? now.tasks[0].run_id : undefined;
    });
    const output = await workspace.ok("GET", `/api/2.2/jobs/runs/get-output?run_id=${task}`);
    return this.page.normal(output.notebook_output?.result ?? JSON.stringify(output));
  }

  /** `releases status` as somebody asks from a checkout, with the table that it prints without `--json`. */
  async status(): Promise<{ readonly entries: readonly StatusEntry[]; readonly table: string }> {
    const { flow, page } = this;
    const environment = () => ({
      ...machineVariables(),
      PATH: [...pulumiPrograms(), ...programs()].join(delimiter),
      NOTEBOOK_RELEASES_CACHE: this.cache,
      PULUMI_BACKEND_URL: flow.backend,
      PULUMI_CONFIG_PASSPHRASE: flow.passphrase,
      DATABRICKS_HOST: flow.workspace.host,
      DATABRICKS_TOKEN: flow.workspace.token,
    });
    const stack = { program: flow.git.directory, environment };
    const { code, stdout, stderr } = await releases(["status", "--json"], { stack });
    assert.equal(code, 0, stderr);
    const { environments } = JSON.parse(page.normal(stdout)) as { environments: StatusEntry[] };
    const later = Date.parse(`${MINUTE.replace(" ", "T")}:30Z`);
    return { entries: environments, table: showStatus(environments, later) };
  }

  /** Asserts the same as `shows`; the page gets it as a table. */
  async moment(...expected: readonly string[]): Promise<void> {
    const rows = await this.shows(...expected);
    this.page.table(
      HEAD,
      rows.map(([letter, ...rest]) => [`**${letter}**`, ...rest]),
    );
  }

  /**
   * Asserts what is live, and what GitHub shows of each commit: its last statuses, the states of its deployments.
   * @param expected lines such as `A | staging, prod | – | success | success | success | success`: see `HEAD`
   */
  async shows(...expected: readonly string[]): Promise<readonly (readonly string[])[]> {
    const { repository } = this.flow;
    const live = await this.flow.live();
    const rows = [...this.commits].map(([letter, sha]) => {
      const statuses = latestStatuses(repository, sha);
      const status = (name: string) =>
        statuses.find(({ context }) => context === `notebook-releases/${name}`)?.state;
      const deployments = (stack: string) =>
        repository.deployments
          .filter((one) => one.sha === sha && one.environment === stack)
          .map((one) => stateOf(one));
      const cells = [
        [STACKS.filter((stack) => live[stack]?.githash === sha).join(", ")],
        ...CONTEXTS.map((context) => [status(context)]),
        ...STACKS.map(deployments),
      ];
      return [letter, ...cells.map((texts) => texts.join(", ") || NONE)];
    });
    assert.deepEqual(
      rows.map((cells) => cells.join(" | ")),
      expected,
    );
    return rows;
  }

  stop(): Promise<void> {
    rmSync(this.cache, { recursive: true, force: true });
    return this.flow.stop();
  }
}

/** The only job, which must end so. */
export function only(jobs: Readonly<Record<string, JobRun>>, result: JobRun["result"]): JobRun {
  const [job, ...more] = Object.values(jobs);
  assert.ok(job && more.length === 0, "one job");
  assert.equal(job.result, result, job.output);
  return job;
}
