/**
 * A Databricks job of one environment, with its permissions: what `ReleaseJob` and `Watch` have in common, and how a job
 * is found again that an interrupted `up` made before the engine could write it down.
 */
import { createHash } from "node:crypto";
import * as databricks from "@pulumi/databricks";
import * as pulumi from "@pulumi/pulumi";
import type * as databricksClient from "../databricks/client";
import { messageOf } from "../databricks/errors";
import { findJobs } from "../databricks/jobs";
import { splitName } from "../databricks/sql";
import type { Registry, RegistryAddress } from "./registry";
import type { Workspace } from "./workspace";

/** Who may do what with a job; exactly one name. */
export interface JobPermission {
  readonly userName?: string;
  readonly groupName?: string;
  /** The application's id. */
  readonly servicePrincipalName?: string;
  readonly level: "CAN_VIEW" | "CAN_MANAGE_RUN" | "CAN_MANAGE" | "IS_OWNER";
}

/** What every kind of job takes. */
export interface JobArgs {
  readonly workspace: Workspace;
  readonly registry: Registry;
  /** Databricks' own job settings: schedule, notifications, run-as, … */
  readonly settings?: Omit<databricks.JobArgs, "tasks" | "name">;
  /**
   * All who may use the job, beside administrators: whoever is not named loses it. Without an owner the stack's first
   * deployer is the owner. @default nothing is said of it
   */
  readonly permissions?: readonly JobPermission[];
  /** The id of a job that exists and is taken over, if the state does not know it (`existingJobs`). @default none */
  readonly existing?: string;
}

/**
 * The tags by which an environment finds its jobs again. Names alone do not tell: two stacks may give their jobs the same
 * ones. `registry` stands for the table: which stack moves `app` and `env` in there, the registry itself decides.
 */
export function jobMarks({ app, env, table }: RegistryAddress): Record<string, string> {
  // In short, because not every cloud takes a table's name for a tag.
  const name = splitName(table).join(".").toLowerCase();
  return { app, env, registry: createHash("sha256").update(name).digest("hex").slice(0, 16) };
}

/** @param own the job's tasks, tags of its kind, and after what it is made or changed. */
export function environmentJob(
  parent: pulumi.Resource,
  name: string,
  args: JobArgs,
  own: {
    readonly tasks: databricks.types.input.JobTask[];
    readonly environments?: databricks.JobArgs["environments"];
    readonly tags: Readonly<Record<string, string>>;
    readonly after: readonly pulumi.Resource[];
  },
): databricks.Job {
  const { workspace, registry, settings = {}, permissions } = args;
  const { tasks, environments = settings.environments, tags, after } = own;
  const job = new databricks.Job(
    name,
    {
      ...settings,
      name,
      tags: pulumi
        .output(settings.tags)
        .apply((given): Record<string, string> => ({ ...given, ...jobMarks(registry.address), ...tags })),
      tasks,
      environments,
    },
    // A job that the state has under this id is left alone by `import`; one that it does not know is read, then changed.
    { parent, dependsOn: workspace.after(registry, ...after), import: args.existing },
  );
  if (permissions) {
    new databricks.Permissions(
      name,
      { jobId: job.id, accessControls: withOwner(permissions, workspace.userName) },
      { parent, dependsOn: workspace.after() },
    );
  }
  return job;
}

type AccessControl = Omit<JobPermission, "level"> & { readonly permissionLevel: JobPermission["level"] };

/**
 * The owner is always named. Databricks' provider makes whoever deploys the owner where nobody is, and leaves out of what it
 * reads whoever reads: a refresh by another principal (a preview's, a person's) would take the deployer for drift.
 */
function withOwner(
  permissions: readonly JobPermission[],
  deployer: pulumi.Output<string>,
): pulumi.Output<AccessControl[]> {
  const given = permissions.map(({ level, ...who }): AccessControl => ({ ...who, permissionLevel: level }));
  return deployer.apply((name): AccessControl[] => {
    // A service principal's name is its application id.
    const owner = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name)
      ? { servicePrincipalName: name }
      : { userName: name };
    return given.some(({ permissionLevel }) => permissionLevel === "IS_OWNER")
      ? given
      : [...given, { ...owner, permissionLevel: "IS_OWNER" }];
  });
}

/**
 * The ids of the environment's jobs that are there already, by name: those that the stack made, and those that an
 * interrupted `up` of it left behind. Await it after the workspace is declared and before the jobs are, in previews too.
 *
 * Where several jobs have one name and our tags, somebody copied one: none is named, and a warning says so. Taking over
 * the wrong one would delete the other.
 * @throws RunError where the workspace does not say.
 */
export async function existingJobs(
  workspace: Workspace,
  address: RegistryAddress,
  names: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  if (names.length === 0) {
    return {};
  }
  await new Promise<void>((resolve) => void workspace.workspaceId.apply(() => resolve()));
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- on demand: the program needs it for nothing else.
  const { Client } = require("../databricks/client") as typeof databricksClient;
  const client = new Client({ host: workspace.host });
  try {
    const found = await Promise.all(
      names.map(async (name) => [name, await findJobs(client, name, jobMarks(address))] as const),
    );
    return Object.fromEntries(found.flatMap(([name, ids]) => only(name, ids)));
  } catch (error) {
    throw new pulumi.RunError(
      `Could not look for the jobs that are there already, so none was made or changed: ${messageOf(error)}`,
    );
  }
}

function only(name: string, [id, ...others]: readonly number[]): [string, string][] {
  if (id === undefined) {
    return [];
  }
  if (others.length > 0) {
    void pulumi.log.warn(
      `The jobs ${[id, ...others].join(" and ")} are both called ${name} and have this stack's tags. One is a copy: ` +
        "delete it, or take its tags away.",
    );
    return [];
  }
  return [[name, String(id)]];
}
