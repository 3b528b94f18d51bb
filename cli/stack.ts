/** A stack as the operator's commands see it: its configuration, where it was deployed to, and a client for there. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix, resolve } from "node:path";
import { parse } from "yaml";
import { parseConfiguration, type Configuration } from "../components/configuration";
import { Client } from "../databricks/client";
import { normalizeHost, resolveCredentials, resolveHost } from "../databricks/credentials";
import { environmentFor } from "../databricks/hosts";
import { whoAmI, type Me } from "../databricks/identity";
import { wrongWorkspace } from "../providers/connection";
import { Problem } from "./problem";
import { readConfig, readOutputs } from "./pulumi";

/** A stack, wherever it is: to look at. */
export interface FoundStack {
  readonly name: string;
  readonly config: Configuration;
  /** `databricks:host` of the stack's file, else where it was deployed to, else the environment's. */
  readonly host: string;
  /** `databricks:host` of the stack's file; undefined where it has none. */
  readonly configuredHost?: string;
  /** What the last deployment answered; empty before the first one. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Folder of the app's releases; undefined before the first deployment where the configuration does not name it. */
  readonly releaseRoot?: string;
}

/** A stack that the environment is set up for, as for `pulumi up`: to change something. */
export interface OperatedStack extends FoundStack {
  readonly releaseRoot: string;
}

/** Stands for a value that is not asked for; the configuration only needs to know that it is there. */
const SECRET = "[secret]";

/** A host that is down is to be said within seconds. */
const GROUND_MS = 8000;

/**
 * @param folder of the project; Pulumi.yaml lies there.
 * @throws Problem that says what is wrong and what to do.
 */
export async function readStack(name: string, folder: string): Promise<OperatedStack> {
  const stack = await read(name, folder);
  const { releaseRoot, outputs, configuredHost } = stack;
  const host = resolveHost(configuredHost);
  refuseOtherHost(name, host, outputs.deploymentUrl);
  if (!releaseRoot) {
    throw new Problem(
      `Stack ${name} was not deployed yet, and its configuration has no releaseRoot: there is nothing to work on. Run pulumi up first.`,
    );
  }
  return { ...stack, host, releaseRoot };
}

/**
 * As `readStack`, for commands that only look: stacks may be in other workspaces than the one that the environment is
 * set up for, and need not be deployed yet.
 */
export async function findStack(name: string, folder: string): Promise<FoundStack> {
  const stack = await read(name, folder);
  const known = stack.configuredHost || deployedHost(stack.outputs.deploymentUrl);
  return { ...stack, host: known ? normalizeHost(known) : resolveHost(undefined) };
}

async function read(name: string, folder: string) {
  const cwd = resolve(folder);
  const project = projectName(cwd);
  const [values, outputs] = await Promise.all([readConfig(name, cwd), readOutputs(name, cwd)]);
  const plain = Object.fromEntries(
    Object.entries(values).map(([key, { value, secret }]) => [key, secret ? SECRET : (value ?? "")]),
  );
  const config = parseConfiguration(plain, project, shortName(name));
  const deployed = typeof outputs.releasePath === "string" ? posix.dirname(outputs.releasePath) : undefined;
  const releaseRoot = config.releaseRoot ?? deployed;
  return { name, config, outputs, releaseRoot, configuredHost: plain["databricks:host"] || undefined };
}

/** A stack's own name: Pulumi Cloud's are `organization/project/stack` where they are not of the default organization. */
export function shortName(stack: string): string {
  return stack.slice(stack.lastIndexOf("/") + 1);
}

/** A client for the stack's workspace, with today's credentials for it (databricks/hosts.ts). */
export async function connectTo(stack: Pick<FoundStack, "host" | "config">): Promise<Client> {
  return (await meet(stack)).client;
}

/** As `connectTo`, and who we are there. */
export async function meet({
  host,
  config,
}: Pick<FoundStack, "host" | "config">): Promise<{ client: Client; me: Me }> {
  environmentFor(host);
  const client = new Client({ host, credentials: () => resolveCredentials(environmentFor(host)) });
  const me = await whoAmI(client, GROUND_MS);
  if (config.workspaceId !== undefined && config.workspaceId !== me.workspaceId) {
    throw new Problem(wrongWorkspace(host, me.workspaceId, config.workspaceId));
  }
  return { client, me };
}

/** The names of the stacks that have a file in the project's folder, sorted. */
export function stackFiles(folder: string): string[] {
  const cwd = resolve(folder);
  projectName(cwd);
  return readdirSync(cwd)
    .flatMap((file) => /^Pulumi\.(.+)\.ya?ml$/.exec(file)?.[1] ?? [])
    .sort();
}

function projectName(folder: string): string {
  let text: string;
  try {
    text = readFileSync(join(folder, "Pulumi.yaml"), "utf8");
  } catch {
    throw new Problem(
      `${folder} has no Pulumi.yaml. Call this in the project's folder, or name it with --cwd.`,
      2,
    );
  }
  const name = (parse(text) as { name?: unknown } | null)?.name;
  return typeof name === "string" ? name : "";
}

/** The stack's last deployment says where it was. */
function refuseOtherHost(name: string, host: string, deploymentUrl: unknown): void {
  const deployed = deployedHost(deploymentUrl) ?? host;
  if (deployed !== host) {
    throw new Problem(
      `Stack ${name} was deployed to ${deployed}, but the credentials at hand are for ${host}. Nothing was done. ` +
        "Set DATABRICKS_HOST (or databricks:host, or DATABRICKS_CONFIG_PROFILE) to the stack's workspace.",
    );
  }
}

function deployedHost(deploymentUrl: unknown): string | undefined {
  return typeof deploymentUrl === "string" && URL.canParse(deploymentUrl)
    ? new URL(deploymentUrl).origin
    : undefined;
}
