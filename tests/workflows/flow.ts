/**
 * A team's set-up for the workflows: its repositories at the double of GitHub, with environments and their variables; stacks
 * in a backend; service principals of the local workspace that trust GitHub's jobs. Nobody has a token of Databricks.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { startGitHub, type GitHubDouble, type Repository } from "../github/double";
import { makeRepository, type TestRepository } from "../source/support";
import { GitHubIssuer } from "../support/gitHubIssuer";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { Evidence } from "./evidence";
import { APP_FILES, machineVariables, writeProgram } from "./program";
import { runWorkflow, type GitHubSide, type RunOptions, type WorkflowRun } from "./runner";
import { readWorkflow, type Event } from "./workflow";

export interface FlowOptions {
  /** The program is in a repository of its own, for many apps. Default: in the app's. */
  readonly isCentral?: boolean;
  /** The stacks, with settings of each that differ from the common ones. Default: staging and prod. */
  readonly stacks?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface LiveRow {
  readonly githash: string;
  /** Empty: none. */
  readonly hold: string;
  /** The release's. */
  readonly path: string;
  readonly by: string;
}

interface Principal {
  readonly id: string;
  readonly applicationId: string;
}

const ACCOUNT = "00000000-0000-0000-0000-000000000000";
export const NAME = "acme/churn";
const CENTRAL = "acme/deployments";
/** Whose every job's token is. */
const BOT = "github-actions[bot]";

export class Flow {
  /** Variables of the repository; those of an environment are its own. */
  readonly variables: Record<string, string>;
  readonly evidence = new Evidence();
  /** The service principal of the environments that deploy. */
  deployer = "";
  private readonly folder = mkdtempSync(join(tmpdir(), "workflow runs "));
  private readonly environments = new Map<string, Readonly<Record<string, string>>>();
  /** Of all stacks. */
  readonly passphrase = this.evidence.secret(randomBytes(18).toString("hex"));
  private central: { readonly git: TestRepository; readonly token: string } | undefined;
  private runs = 0;

  private constructor(
    readonly app: string,
    readonly workspace: LocalWorkspace,
    readonly github: GitHubDouble,
    private readonly issuer: GitHubIssuer,
    /** The app's repository, and what GitHub knows of it. */
    readonly git: TestRepository,
    readonly repository: Repository,
    stacks: readonly string[],
  ) {
    this.evidence.secret(workspace.token);
    this.evidence.secret(github.token);
    this.variables = {
      NOTEBOOK_RELEASES_STACKS: JSON.stringify(stacks),
      ...{ NOTEBOOK_RELEASES_PROGRAM: "", NOTEBOOK_RELEASES_STAGING_LABEL: "" },
      ...{ NOTEBOOK_RELEASES_STAGING: "", NOTEBOOK_RELEASES_PROD: "" },
    };
  }

  /** @param app unique among all tests: paths and table are called after it. */
  static async start(app: string, options: FlowOptions = {}): Promise<Flow> {
    const { isCentral = false, stacks = { staging: {}, prod: {} } } = options;
    const [workspace, github, issuer] = await Promise.all([
      sharedWorkspace(),
      startGitHub(),
      GitHubIssuer.start(),
    ]);
    github.state.user(BOT, "Bot");
    const git = makeRepository(APP_FILES, { message: "first" });
    const repository = github.state.addRepository(NAME, { directory: git.directory });
    const flow = new Flow(app, workspace, github, issuer, git, repository, Object.keys(stacks));
    const [deployer, previewer] = [await flow.principal("deployer"), await flow.principal("previewer")];
    await flow.letRead(previewer, `/Users/${deployer.applicationId}`);
    flow.deployer = deployer.applicationId;
    for (const stack of Object.keys(stacks)) {
      await flow.environment(stack, deployer);
      await flow.environment(`preview-${stack}`, previewer);
    }
    const program = isCentral ? flow.addCentral() : git;
    const files = Object.entries(stacks).map(([name, own]) => {
      return { name, config: { ...flow.settings(name, previewer), ...own } };
    });
    const { backend, passphrase } = flow;
    writeProgram(program.directory, files, { backend, passphrase });
    program.commit({}, "the program");
    return flow;
  }

  /** What a stack's file says. */
  private settings(stack: string, { applicationId }: Principal): Readonly<Record<string, unknown>> {
    const { app, git, workspace } = this;
    const reader = { servicePrincipalName: applicationId };
    const job = { name: `${app}-${stack}`, mode: "dispatch", notebook: "pipeline/score" };
    return {
      ...{ app, source: { repository: git.directory, ref: "main", path: "app" } },
      registry: { warehouse: workspace.warehouse_id, table: `main.${app}.registry` },
      gate: { tests: ["tests/**"] },
      jobs: [{ ...job, permissions: [{ ...reader, level: "CAN_VIEW" }] }],
      readers: [reader],
      github: { owner: "acme", repository: "churn" },
    };
  }

  /** Where the stacks' states are. */
  get backend(): string {
    const state = join(this.folder, "state");
    mkdirSync(state, { recursive: true });
    return pathToFileURL(state).href;
  }

  private principal(displayName: string): Promise<Principal> {
    return this.workspace.ok("POST", "/api/2.0/preview/scim/v2/ServicePrincipals", { displayName });
  }

  private async letRead({ applicationId }: Principal, path: string): Promise<void> {
    const status = `/api/2.0/workspace/get-status?path=${encodeURIComponent(path)}`;
    const { object_id } = await this.workspace.ok("GET", status);
    const entry = { service_principal_name: applicationId, permission_level: "CAN_READ" };
    await this.workspace.ok("PATCH", `/api/2.0/permissions/directories/${object_id}`, {
      access_control_list: [entry],
    });
  }

  /** An environment of the repository: its jobs are this principal. */
  private async environment(name: string, { id, applicationId }: Principal): Promise<void> {
    const { workspace, issuer } = this;
    const policies = `/api/2.0/accounts/${ACCOUNT}/servicePrincipals/${id}/federationPolicies`;
    const audiences = [`${workspace.host}/oidc/v1/token`];
    await workspace.ok("POST", policies, {
      oidc_policy: { issuer: issuer.address, subject: `repo:${NAME}:environment:${name}`, audiences },
    });
    this.environments.set(name, {
      DATABRICKS_HOST: workspace.host,
      DATABRICKS_CLIENT_ID: applicationId,
      PULUMI_BACKEND_URL: this.backend,
    });
  }

  private addCentral(): TestRepository {
    const git = makeRepository({ "README.md": "Deployments of many apps.\n" });
    this.github.state.addRepository(CENTRAL, { directory: git.directory });
    this.variables.NOTEBOOK_RELEASES_PROGRAM = CENTRAL;
    const options = { permissions: { contents: "read" }, repositories: [CENTRAL] } as const;
    this.central = { git, token: this.evidence.secret(this.github.state.token(options)) };
    return git;
  }

  /** Runs a workflow of this repository. */
  async run(
    file: string,
    event: Event,
    options: Pick<RunOptions, "installs" | "signal"> = {},
  ): Promise<WorkflowRun> {
    const folder = join(this.folder, String(++this.runs));
    const { evidence } = this;
    const run = await runWorkflow(readWorkflow(file), event, this.side(), {
      ...{ ...options, folder, id: 1000 + this.runs, env: machineVariables() },
      onText: (where, text) => evidence.note(where, text),
    });
    evidence.noteFolder(join(folder, "artifacts"));
    return run;
  }

  private side(): GitHubSide {
    const { github, variables, environments, passphrase, central, issuer, evidence } = this;
    return {
      ...{ apiUrl: github.url, repository: NAME, variables },
      secrets: { NOTEBOOK_RELEASES_PROGRAM_TOKEN: central?.token ?? "" },
      environment: (name) => {
        const found = environments.get(name);
        assert.ok(found, `the repository has no environment ${name}`);
        const secrets = { PULUMI_ACCESS_TOKEN: "", PULUMI_CONFIG_PASSPHRASE: passphrase };
        return { variables: found, secrets };
      },
      token: (given) => {
        const named = Object.entries(given).map(([name, level]) => [name.replaceAll("-", "_"), level]);
        const permissions = Object.fromEntries(named) as Record<string, "read" | "write">;
        const owner = { login: BOT, kind: "integration", repositories: [NAME] } as const;
        return evidence.secret(github.state.token({ ...owner, permissions }));
      },
      identity: (subject) => {
        const identity = issuer.job(subject);
        evidence.secret(identity.ACTIONS_ID_TOKEN_REQUEST_TOKEN);
        return identity;
      },
      gitOf: (repository, token) => {
        const reached = github.state.tokens.get(token)?.repositories?.includes(repository);
        assert.ok(reached, `the token does not reach ${repository}`);
        return repository === CENTRAL ? (central?.git.directory ?? "") : this.git.directory;
      },
      defaultRef: () => "main",
    };
  }

  /** The registry's rows, by environment. */
  async live(): Promise<Record<string, LiveRow>> {
    const answer = await this.workspace.ok("POST", "/api/2.0/sql/statements", {
      warehouse_id: this.workspace.warehouse_id,
      statement: `SELECT env, githash, hold, release_path, deployed_by FROM main.${this.app}.registry`,
      wait_timeout: "50s",
    });
    assert.equal(answer.status.state, "SUCCEEDED", JSON.stringify(answer.status));
    const rows: (string | null)[][] = answer.result?.data_array ?? [];
    return Object.fromEntries(
      rows.map((row) => {
        const [env = "", githash = "", hold = "", path = "", by = ""] = row.map((value) => value ?? "");
        return [env, { githash, hold, path, by }];
      }),
    );
  }

  /** The stacks' states, as they lie in the backend. */
  states(): readonly string[] {
    const folder = join(this.folder, "state", ".pulumi", "stacks");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
      /\.json$/.test(file),
    );
    return files.sort().map((file) => readFileSync(join(folder, file), "utf8"));
  }

  /** The places where a secret can be read, in all that the runs have left, the stacks' state too. */
  leaks(): { readonly texts: number; readonly leaks: readonly string[] } {
    this.evidence.noteFolder(join(this.folder, "state"));
    this.evidence.noteRepository(this.repository);
    return this.evidence.look();
  }

  async stop(): Promise<void> {
    this.issuer.stop();
    this.git.remove();
    this.central?.git.remove();
    rmSync(this.folder, { recursive: true, force: true });
    await this.github.stop();
  }
}
