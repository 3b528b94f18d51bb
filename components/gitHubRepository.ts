/** `GitHubRepository`: the GitHub side of the flow: environments with their protection and variables, and what a merge needs. */
import * as pulumi from "@pulumi/pulumi";
import { GitHubClaim } from "../providers/resources";
import {
  claimsOf,
  declareEnvironment,
  environmentProblems,
  provider,
  type GitHubEnvironment,
} from "./gitHubEnvironment";
import type { ExistingGitHub } from "./gitHubExisting";
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
  for (const [environment, settings] of Object.entries(environments)) {
    problems.push(...environmentProblems(`${repository}, environment ${environment}`, settings));
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
