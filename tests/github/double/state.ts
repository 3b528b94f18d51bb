/** What the double remembers. Plain objects: tests may look at them and change them. */
import { randomBytes } from "node:crypto";
import type { Level } from "./http";
import { Git } from "./git";

export interface User {
  readonly id: number;
  readonly login: string;
  readonly type: "User" | "Bot" | "Organization";
}

export interface Token {
  readonly user: User;
  /** By GitHub's names (`statuses`, `deployments`, …); `all`: everything, as an owner's classic token. */
  readonly permissions: Readonly<Record<string, Level>> | "all";
  /** Full names that it reaches; default: all. */
  readonly repositories?: readonly string[];
  /** What GitHub calls it in an error. */
  readonly kind: "integration" | "personal access token";
}

export interface CommitStatus {
  readonly id: number;
  readonly sha: string;
  readonly state: "error" | "failure" | "pending" | "success";
  readonly context: string;
  readonly description: string | null;
  readonly target_url: string | null;
  readonly creator: User;
  readonly created_at: string;
}

export type DeploymentState =
  "error" | "failure" | "inactive" | "in_progress" | "queued" | "pending" | "success";

export interface DeploymentStatus {
  readonly id: number;
  readonly state: DeploymentState;
  readonly description: string;
  readonly log_url: string;
  readonly environment_url: string;
  readonly creator: User;
  readonly created_at: string;
}

export interface Deployment {
  readonly id: number;
  readonly sha: string;
  readonly ref: string;
  readonly task: string;
  readonly environment: string;
  readonly payload: unknown;
  readonly description: string | null;
  readonly transient: boolean;
  readonly production: boolean;
  readonly creator: User;
  readonly created_at: string;
  /** Oldest first. */
  readonly statuses: DeploymentStatus[];
}

export interface Comment {
  readonly id: number;
  readonly issue: number;
  readonly user: User;
  readonly created_at: string;
  body: string;
  updated_at: string;
}

export interface Issue {
  readonly number: number;
  readonly id: number;
  readonly user: User;
  readonly created_at: string;
  title: string;
  body: string | null;
  state: "open" | "closed";
  labels: string[];
  updated_at: string;
  /** Of a pull request. */
  pull?: Pull;
}

export interface Pull {
  /** Branch, and its commit now. */
  readonly head: string;
  readonly base: string;
  /** Full name of the repository that has the head; another one for a fork. */
  readonly headRepository: string;
  /** The merge's commit; empty until it is merged. */
  merged: string;
  /** The head's commit where it is no branch any more, or a fork's. */
  headSha?: string;
}

export interface Environment {
  readonly id: number;
  readonly name: string;
  readonly created_at: string;
  updated_at: string;
  wait_timer: number;
  can_admins_bypass: boolean;
  prevent_self_review: boolean;
  reviewers: { type: "User" | "Team"; id: number }[];
  deployment_branch_policy: { protected_branches: boolean; custom_branch_policies: boolean } | null;
  branchPolicies: { id: number; name: string; type: "branch" | "tag" }[];
  /** By name, which GitHub writes in capitals. */
  readonly variables: Map<string, { value: string; created_at: string; updated_at: string }>;
  /** The sealed boxes, base64; GitHub never shows them. */
  readonly secrets: Map<string, { encrypted: string; created_at: string; updated_at: string }>;
}

export interface Ruleset {
  readonly id: number;
  readonly created_at: string;
  updated_at: string;
  /** What was sent. */
  values: Record<string, any>;
}

export interface WorkflowJob {
  readonly name: string;
  readonly status: "queued" | "in_progress" | "completed";
  readonly conclusion: "success" | "failure" | "cancelled" | "skipped" | null;
  readonly steps: readonly Pick<WorkflowJob, "name" | "status" | "conclusion">[];
}

export interface WorkflowRun {
  readonly id: number;
  readonly workflow: string;
  /** What its page is called. */
  readonly title: string;
  readonly ref: string;
  readonly sha: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly actor: User;
  readonly created_at: string;
  status: "queued" | "pending" | "waiting" | "in_progress" | "completed";
  conclusion: "success" | "failure" | "cancelled" | "skipped" | "timed_out" | null;
  jobs: WorkflowJob[];
  /** While it is `waiting`: for the approval of this environment. */
  waitsFor?: string;
}

export interface Repository {
  readonly id: number;
  readonly owner: User;
  readonly name: string;
  readonly private: boolean;
  readonly defaultBranch: string;
  readonly git: Git;
  readonly statuses: CommitStatus[];
  readonly deployments: Deployment[];
  /** Issues and pull requests, by number. */
  readonly issues: Map<number, Issue>;
  readonly comments: Map<number, Comment>;
  readonly environments: Map<string, Environment>;
  readonly rulesets: Map<number, Ruleset>;
  readonly runs: WorkflowRun[];
  /** By file name: the texts of those that `workflow_dispatch` may start; empty: any inputs will do. */
  readonly workflows: Map<string, string>;
}

export interface RepositoryOptions {
  /** A git repository on disk, whose commits and branches are this one's; default: those that `git.push` was told. */
  readonly directory?: string;
  /** Default: true. */
  readonly private?: boolean;
  readonly defaultBranch?: string;
  /** File names, or texts by file name. */
  readonly workflows?: readonly string[] | Readonly<Record<string, string>>;
}

export class State {
  readonly users = new Map<string, User>();
  readonly tokens = new Map<string, Token>();
  /** Teams' names by id. */
  readonly teams = new Map<number, string>();
  readonly repositories = new Map<string, Repository>();
  private last = 1000;

  /** A new number, higher than all before. */
  id(): number {
    return ++this.last;
  }

  /** Now, by GitHub's clock, which shows seconds. */
  now(): string {
    return new Date().toISOString().replace(/\.\d+Z$/, "Z");
  }

  user(login: string, type: User["type"] = "User"): User {
    const known = this.users.get(login.toLowerCase());
    const user = known ?? { id: this.id(), login, type };
    this.users.set(login.toLowerCase(), user);
    return user;
  }

  token(options: Partial<Omit<Token, "user">> & { readonly login?: string } = {}): string {
    const { login = "deployer", kind = "personal access token", permissions = "all", repositories } = options;
    const text = `ghp_${randomBytes(18).toString("hex")}`;
    this.tokens.set(text, { user: this.user(login), kind, permissions, repositories });
    return text;
  }

  /** @param fullName `owner/name`. */
  addRepository(fullName: string, options: RepositoryOptions = {}): Repository {
    const [owner = "", name = ""] = fullName.split("/");
    const { directory, defaultBranch = "main", workflows = [] } = options;
    const repository: Repository = {
      id: this.id(),
      owner: this.user(owner, "Organization"),
      name,
      private: options.private ?? true,
      defaultBranch,
      git: new Git(directory),
      statuses: [],
      deployments: [],
      issues: new Map(),
      comments: new Map(),
      environments: new Map(),
      rulesets: new Map(),
      runs: [],
      workflows: new Map(
        Array.isArray(workflows) ? workflows.map((file) => [file, ""]) : Object.entries(workflows),
      ),
    };
    this.repositories.set(fullName.toLowerCase(), repository);
    return repository;
  }

  /** The environment of that name, made where there is none, as GitHub does for a deployment. */
  environment(repository: Repository, name: string): Environment {
    const known = repository.environments.get(name.toLowerCase());
    if (known) {
      return known;
    }
    const environment: Environment = {
      id: this.id(),
      name,
      created_at: this.now(),
      updated_at: this.now(),
      wait_timer: 0,
      can_admins_bypass: true,
      prevent_self_review: false,
      reviewers: [],
      deployment_branch_policy: null,
      branchPolicies: [],
      variables: new Map(),
      secrets: new Map(),
    };
    repository.environments.set(name.toLowerCase(), environment);
    return environment;
  }
}

export function fullName({ owner, name }: Repository): string {
  return `${owner.login}/${name}`;
}
