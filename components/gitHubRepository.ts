/** `GitHubRepository`: the GitHub side of the flow: environments with their protection and variables, and what a merge needs. */
import type * as githubProvider from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { GitHubClaim } from "../providers/resources";
import type { ExistingEnvironment, ExistingGitHub } from "./gitHubExisting";
import { DynamicProvider } from "./workspace";

export interface GitHubRepositoryArgs {
  /** User or organization; the provider must work for the same one (`github:owner`). */
  readonly owner: string;
  /** The repository's name, without its owner. It must be there. */
  readonly repository: string;
  /** What is there already (`existingGitHub`): nothing of it is overwritten unless its environment says `adopt`. */
  readonly existing: ExistingGitHub;
  /** By name. @default none: GitHub makes an unprotected one at the first deployment to it */
  readonly environments?: Readonly<Record<string, GitHubEnvironment>>;
  /** Which statuses a commit needs before it is merged. @default none */
  readonly ruleset?: GitHubRuleset;
}

/** Whatever is not given here stays as people have set it at GitHub. */
export interface GitHubEnvironment {
  /**
   * Take over what is there and is not this stack's yet: the preview shows how it differs from what is given here, and
   * `up` writes that over it. @default it is refused
   */
  readonly adopt?: boolean;
  /** Ids of up to six users and teams, one of whom approves each run of a workflow that deploys here. */
  readonly reviewers?: { readonly users?: readonly number[]; readonly teams?: readonly number[] };
  /** Whoever started a run does not approve it. */
  readonly preventSelfReview?: boolean;
  /** Minutes between a run's start and its deployment. */
  readonly waitMinutes?: number;
  /** The branches whose workflows may deploy here: name patterns, or those with a protection rule. */
  readonly branches?: readonly string[] | "protected";
  /** Values that everybody may see: `DATABRICKS_HOST` and `DATABRICKS_CLIENT_ID` are enough for OIDC. */
  readonly variables?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Kept in the state, encrypted. With OIDC there is no need for one. */
  readonly secrets?: Readonly<Record<string, pulumi.Input<string>>>;
}

export interface GitHubRuleset {
  /** @default `notebook-releases` */
  readonly name?: string;
  /** Branches that need them: `refs/heads/…`, patterns, `~DEFAULT_BRANCH` or `~ALL`. @default `["~DEFAULT_BRANCH"]` */
  readonly branches?: readonly string[];
  /** @default `["notebook-releases/preview", "notebook-releases/staging"]` */
  readonly statuses?: readonly string[];
  /** The GitHub App that alone may set them (15368: GitHub Actions). @default whoever may write statuses */
  readonly integrationId?: number;
  /** The branch must have all of its base's commits. @default false */
  readonly upToDate?: boolean;
  /** Who may merge without. @default nobody */
  readonly bypassActors?: readonly BypassActor[];
  /** The id of a ruleset that is there and is taken over; `destroy` leaves it. @default a new one */
  readonly adopt?: number;
}

/** As GitHub's REST reference has it (rules, "bypass actors"). */
export interface BypassActor {
  readonly actorId?: number;
  readonly actorType:
    | "RepositoryRole"
    | "Team"
    | "Integration"
    | "OrganizationAdmin"
    | "DeployKey"
    | "EnterpriseOwner"
    | "User";
  readonly bypassMode: "always" | "pull_request" | "exempt";
}

const STATUSES = ["notebook-releases/preview", "notebook-releases/staging"] as const;

/**
 * `destroy` keeps the environments: they hold what people have set there, and the history of deployments. It removes the
 * variables, secrets and branch policies declared here, and the ruleset.
 */
export class GitHubRepository extends pulumi.ComponentResource {
  /** @throws RunError for names that GitHub does not take, and where the provider works for another owner. */
  constructor(name: string, args: GitHubRepositoryArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:GitHubRepository", name, {}, options);
    const { owner, repository, existing, environments = {}, ruleset } = args;
    refuse(problemsOf(args, options));
    const claims = Object.entries(environments).flatMap(([environment, settings]) =>
      claimsOf(environment, settings, existing[environment]),
    );
    const there = claims.filter(({ isThere }) => isThere);
    const claim = new GitHubClaim(
      name,
      {
        repository: `${owner}/${repository}`,
        declared: claims.map(({ what }) => what),
        there: there.map(({ what }) => what),
        adopted: there.filter(({ adopt }) => adopt).map(({ what }) => what),
      },
      { parent: this, provider: new DynamicProvider(name, { parent: this }) },
    );
    for (const [environment, settings] of Object.entries(environments)) {
      const place = { name: `${name}-${environment}`, repository, environment };
      declareEnvironment(place, settings, existing[environment], { parent: this, dependsOn: [claim] });
    }
    if (ruleset) {
      declareRuleset(this, `${name}-ruleset`, repository, ruleset);
    }
    this.registerOutputs({ repository });
  }
}

interface Claim {
  /** For people; the same at every `up`. */
  readonly what: string;
  readonly isThere: boolean;
  readonly adopt: boolean;
}

/** What is declared of an environment. */
function claimsOf(
  environment: string,
  settings: GitHubEnvironment,
  existing: ExistingEnvironment | undefined,
): Claim[] {
  const { adopt = false, variables = {}, secrets = {} } = settings;
  const of = (kind: string, names: readonly string[], isThere: (name: string) => boolean | undefined) =>
    names.map((name) => ({
      what: `${environment}: ${kind} ${name}`,
      isThere: isThere(name) ?? false,
      adopt,
    }));
  return [
    { what: environment, isThere: existing !== undefined, adopt },
    ...of("branch", patternsOf(settings), (name) => existing && name in existing.branchPolicies),
    ...of("variable", Object.keys(variables), (name) => existing?.variables.includes(name)),
    ...of("secret", Object.keys(secrets), (name) => existing?.secrets.includes(name)),
  ];
}

interface Place {
  /** Beginning of the resources' names. */
  readonly name: string;
  readonly repository: string;
  readonly environment: string;
}

function declareEnvironment(
  { name, repository, environment }: Place,
  settings: GitHubEnvironment,
  existing: ExistingEnvironment | undefined,
  options: { readonly parent: pulumi.Resource; readonly dependsOn: readonly pulumi.Resource[] },
): void {
  const { variables = {}, secrets = {} } = settings;
  const gitHub = provider();
  const place = { repository, environment };
  // Without effect on what the state knows.
  const importOf = (isThere: unknown, ...parts: (string | number)[]) =>
    settings.adopt && isThere
      ? [repository, environment.replaceAll(":", "??"), ...parts].join(":")
      : undefined;
  const given = protectionOf(settings);
  const made = new gitHub.RepositoryEnvironment(
    name,
    { ...place, ...given },
    {
      parent: options.parent,
      dependsOn: [...options.dependsOn],
      import: importOf(existing),
      ignoreChanges: Object.entries(given).flatMap(([key, value]) => (value === undefined ? [key] : [])),
      retainOnDelete: true,
    },
  );
  const inside = { parent: options.parent, dependsOn: [...options.dependsOn, made] };
  for (const branchPattern of patternsOf(settings)) {
    const policy = existing?.branchPolicies[branchPattern];
    new gitHub.RepositoryEnvironmentDeploymentPolicy(
      `${name}-${branchPattern}`,
      { ...place, branchPattern },
      { ...inside, import: importOf(policy, policy ?? "") },
    );
  }
  for (const [variableName, value] of Object.entries(variables)) {
    new gitHub.ActionsEnvironmentVariable(
      `${name}-${variableName}`,
      { ...place, variableName, value },
      { ...inside, import: importOf(existing?.variables.includes(variableName), variableName) },
    );
  }
  for (const [secretName, value] of Object.entries(secrets)) {
    new gitHub.ActionsEnvironmentSecret(
      `${name}-${secretName}`,
      { ...place, secretName, value },
      { ...inside, import: importOf(existing?.secrets.includes(secretName), secretName) },
    );
  }
}

/** What protects an environment; undefined: as people have set it. */
function protectionOf({ reviewers, preventSelfReview, waitMinutes, branches }: GitHubEnvironment) {
  return {
    reviewers: reviewers && [{ users: [...(reviewers.users ?? [])], teams: [...(reviewers.teams ?? [])] }],
    preventSelfReview,
    waitTimer: waitMinutes,
    deploymentBranchPolicy: branches && {
      protectedBranches: branches === "protected",
      customBranchPolicies: branches !== "protected",
    },
    // Nothing is declared of it: the provider would set it to its own default.
    canAdminsBypass: undefined,
  };
}

function patternsOf({ branches = [] }: GitHubEnvironment): readonly string[] {
  return branches === "protected" ? [] : branches;
}

function declareRuleset(
  parent: pulumi.Resource,
  name: string,
  repository: string,
  ruleset: GitHubRuleset,
): void {
  const { branches = ["~DEFAULT_BRANCH"], statuses = STATUSES, integrationId, adopt } = ruleset;
  new (provider().RepositoryRuleset)(
    name,
    {
      repository,
      name: ruleset.name ?? "notebook-releases",
      target: "branch",
      enforcement: "active",
      bypassActors: ruleset.bypassActors && [...ruleset.bypassActors],
      conditions: { refName: { includes: [...branches], excludes: [] } },
      rules: {
        requiredStatusChecks: {
          requiredChecks: statuses.map((context) => ({ context, integrationId })),
          strictRequiredStatusChecksPolicy: ruleset.upToDate ?? false,
        },
      },
    },
    // One of the same name that is not named here is refused by GitHub: names are unique.
    {
      parent,
      import: adopt === undefined ? undefined : `${repository}:${adopt}`,
      retainOnDelete: adopt !== undefined,
    },
  );
}

/** On demand: who does not manage a repository need not have the package. */
function provider(): typeof githubProvider {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- see above.
  return require("@pulumi/github") as typeof githubProvider;
}

function problemsOf(
  { owner, repository, environments = {} }: GitHubRepositoryArgs,
  options: pulumi.ComponentResourceOptions | undefined,
): string[] {
  const problems: string[] = [];
  // As the provider: the variable goes before the configuration.
  const works = process.env.GITHUB_OWNER || new pulumi.Config("github").get("owner");
  if (!options?.provider && !options?.providers && works?.toLowerCase() !== owner.toLowerCase()) {
    problems.push(
      `the provider works for ${works ?? "whoever the token belongs to"}, not for ${owner}. Run: pulumi config set github:owner ${owner}`,
    );
  }
  for (const [environment, { variables = {}, secrets = {}, reviewers = {}, branches }] of Object.entries(
    environments,
  )) {
    const at = `${repository}, environment ${environment}`;
    for (const key of [...Object.keys(variables), ...Object.keys(secrets)]) {
      if (!/^(?!GITHUB_)[A-Z_][A-Z0-9_]*$/.test(key)) {
        problems.push(
          `${at}: ${key} is no name for GitHub; expected capitals, digits and '_', not beginning with GITHUB_ or a digit`,
        );
      }
    }
    if ((reviewers.users?.length ?? 0) + (reviewers.teams?.length ?? 0) > 6) {
      problems.push(`${at}: more than 6 reviewers; GitHub takes 6 users and teams together`);
    }
    if (branches?.length === 0) {
      problems.push(`${at}: branches is empty: nothing could be deployed there. Leave it out to set nothing`);
    }
    const lasting = ["DATABRICKS_TOKEN", "DATABRICKS_CLIENT_SECRET"].filter((key) => key in secrets);
    if (lasting.length > 0) {
      void pulumi.log.warn(
        `${at}: ${lasting.join(", ")} would live long. With DATABRICKS_AUTH_TYPE=github-oidc no secret is needed.`,
      );
    }
    for (const key of ["DATABRICKS_TOKEN", "DATABRICKS_CLIENT_SECRET"]) {
      if (key in variables) {
        problems.push(
          `${at}: ${key} is a secret; everybody who reads the repository's workflows sees variables`,
        );
      }
    }
  }
  return problems;
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) {
    throw new pulumi.RunError(
      `GitHub's side cannot be set up; nothing was changed:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`,
    );
  }
}
