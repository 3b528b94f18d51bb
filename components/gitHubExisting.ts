/** What a repository's environments have already, so that `GitHubRepository` overwrites nothing that is not its own. */
import * as pulumi from "@pulumi/pulumi";
import { messageOf } from "../databricks/errors";
import type * as api from "../providers/github/api";

/** By environment's name, of those that are there. */
export type ExistingGitHub = Readonly<Record<string, ExistingEnvironment>>;

export interface ExistingEnvironment {
  /** Name pattern → id of each policy for branches. */
  readonly branchPolicies: Readonly<Record<string, number>>;
  readonly variables: readonly string[];
  readonly secrets: readonly string[];
}

const LIMIT_MS = 60_000;
/** Of every list that GitHub has here; more than it lets an environment have of most things. */
const PAGE_SIZE = 30;

/**
 * Asks GitHub, with `GITHUB_TOKEN`, which of the environments are there. Await it before the component is declared, in
 * previews too.
 * @throws RunError where GitHub does not say: nothing may be made then, since making an environment resets one that is there.
 */
export async function existingGitHub(
  { owner, repository }: { readonly owner: string; readonly repository: string },
  environments: readonly string[],
): Promise<ExistingGitHub> {
  const path = `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(repository)}`;
  try {
    const found = await Promise.all(
      environments.map(async (name) => {
        const existing = await environmentOf(`${path}/environments/${encodeURIComponent(name)}`);
        return existing ? [[name, existing] as const] : [];
      }),
    );
    return Object.fromEntries(found.flat());
  } catch (error) {
    throw new pulumi.RunError(
      `Could not ask GitHub which environments ${owner}/${repository} has already (${messageOf(error)}), so nothing was ` +
        "changed there. GITHUB_TOKEN must see the repository, with actions: read and environments: read.",
    );
  }
}

async function environmentOf(path: string): Promise<ExistingEnvironment | undefined> {
  interface Answer {
    deployment_branch_policy: { custom_branch_policies: boolean } | null;
  }
  const found = await get<Answer>(path).catch((error: unknown) => {
    if ((error as { status?: number }).status === 404) {
      return undefined;
    }
    throw error;
  });
  if (!found) {
    return undefined;
  }
  const isCustom = found.deployment_branch_policy?.custom_branch_policies === true;
  const [policies, variables, secrets] = await Promise.all([
    isCustom ? all<Policy>(`${path}/deployment-branch-policies`, "branch_policies") : [],
    all<{ name: string }>(`${path}/variables`, "variables"),
    all<{ name: string }>(`${path}/secrets`, "secrets"),
  ]);
  const ofBranches = policies.filter(({ type }) => type !== "tag");
  return {
    branchPolicies: Object.fromEntries(ofBranches.map(({ id, name }) => [name, id])),
    variables: variables.map(({ name }) => name),
    secrets: secrets.map(({ name }) => name),
  };
}

interface Policy {
  readonly id: number;
  readonly name: string;
  readonly type?: "branch" | "tag";
}

/** All pages of a list. */
async function all<T>(path: string, key: string): Promise<T[]> {
  const items: T[] = [];
  for (let page = 1; ; page++) {
    const query = { per_page: String(PAGE_SIZE), page: String(page) };
    const { [key]: found = [] } = await get<Record<string, T[] | undefined>>(path, query);
    items.push(...found);
    if (found.length < PAGE_SIZE) {
      return items;
    }
  }
}

async function get<T>(path: string, query?: Readonly<Record<string, string>>): Promise<T> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- on demand: most programs do not manage a repository.
  const { callGitHub } = require("../providers/github/api") as typeof api;
  return callGitHub<T>("GET", path, { query, apiUrl: providerApi(), signal: AbortSignal.timeout(LIMIT_MS) });
}

/** The API that `@pulumi/github` asks, where it is not told to ask github.com. */
function providerApi(): string | undefined {
  const base = new pulumi.Config("github").get("baseUrl") ?? process.env.GITHUB_BASE_URL;
  const { host, href } = base ? new URL(base) : { host: "api.github.com", href: "" };
  const isCloud = host === "api.github.com" || host === "github.com" || host.endsWith(".ghe.com");
  return base && !isCloud ? `${href.replace(/\/(api\/v3\/?)?$/, "")}/api/v3` : undefined;
}
