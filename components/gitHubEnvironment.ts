/** One environment of a GitHub repository: who approves, from which branches, and its variables and secrets. */
import type * as githubProvider from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import type { ExistingEnvironment } from "./gitHubExisting";

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

const CREDENTIALS = ["DATABRICKS_TOKEN", "DATABRICKS_CLIENT_SECRET"];

export interface Claim {
  /** For people; the same at every `up`. */
  readonly what: string;
  readonly isThere: boolean;
  readonly adopt: boolean;
}

/** What is declared of an environment. */
export function claimsOf(
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

export interface Place {
  /** Beginning of the resources' names. */
  readonly name: string;
  readonly repository: string;
  readonly environment: string;
}

export function declareEnvironment(
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

/** @param at names the environment, for messages. */
export function environmentProblems(
  at: string,
  { variables = {}, secrets = {}, reviewers = {}, branches }: GitHubEnvironment,
): string[] {
  const problems: string[] = [];
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
  const lasting = CREDENTIALS.filter((key) => key in secrets);
  if (lasting.length > 0) {
    void pulumi.log.warn(
      `${at}: ${lasting.join(", ")} would live long. With DATABRICKS_AUTH_TYPE=github-oidc no secret is needed.`,
    );
  }
  for (const key of CREDENTIALS) {
    if (key in variables) {
      problems.push(
        `${at}: ${key} is a secret; everybody who reads the repository's workflows sees variables`,
      );
    }
  }
  return problems;
}

/** On demand: who does not manage a repository need not have the package. */
export function provider(): typeof githubProvider {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- see above.
  return require("@pulumi/github") as typeof githubProvider;
}
