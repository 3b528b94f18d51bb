/** A stack as the operator's commands see it: its configuration, where it was deployed to, and a client for there. */
import { readFileSync } from "node:fs";
import { join, posix, resolve } from "node:path";
import { parse } from "yaml";
import { parseConfiguration, type Configuration } from "../components/configuration";
import type { Client } from "../databricks/client";
import { resolveHost } from "../databricks/credentials";
import { connect, identify, wrongWorkspace } from "../providers/connection";
import { Problem } from "./problem";
import { readConfig, readOutputs } from "./pulumi";

export interface OperatedStack {
  readonly name: string;
  readonly config: Configuration;
  readonly host: string;
  /** What the last deployment answered; empty before the first one. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Folder of the app's releases. */
  readonly releaseRoot: string;
}

/** Stands for a value that is not asked for; the configuration only needs to know that it is there. */
const SECRET = "[secret]";

/**
 * @param folder of the project; Pulumi.yaml lies there.
 * @throws Problem that says what is wrong and what to do.
 */
export async function readStack(name: string, folder: string): Promise<OperatedStack> {
  const cwd = resolve(folder);
  const project = projectName(cwd);
  const [values, outputs] = await Promise.all([readConfig(name, cwd), readOutputs(name, cwd)]);
  const plain = Object.fromEntries(
    Object.entries(values).map(([key, { value, secret }]) => [key, secret ? SECRET : (value ?? "")]),
  );
  const config = parseConfiguration(plain, project, name);
  const host = resolveHost(plain["databricks:host"]);
  refuseOtherHost(name, host, outputs.deploymentUrl);
  const deployed = typeof outputs.releasePath === "string" ? posix.dirname(outputs.releasePath) : undefined;
  const releaseRoot = config.releaseRoot ?? deployed;
  if (!releaseRoot) {
    throw new Problem(
      `Stack ${name} was not deployed yet, and its configuration has no releaseRoot: there is nothing to work on. Run pulumi up first.`,
    );
  }
  return { name, config, host, outputs, releaseRoot };
}

/** A client for the stack's workspace, with today's credentials. */
export async function connectTo({ host, config }: OperatedStack): Promise<Client> {
  const { workspaceId } = await identify(host);
  if (config.workspaceId !== undefined && config.workspaceId !== workspaceId) {
    throw new Problem(wrongWorkspace(host, workspaceId, config.workspaceId));
  }
  return connect({ host, workspaceId });
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
  const deployed =
    typeof deploymentUrl === "string" && URL.canParse(deploymentUrl) ? new URL(deploymentUrl).origin : host;
  if (deployed !== host) {
    throw new Problem(
      `Stack ${name} was deployed to ${deployed}, but the credentials at hand are for ${host}. Nothing was done. ` +
        "Set DATABRICKS_HOST (or databricks:host, or DATABRICKS_CONFIG_PROFILE) to the stack's workspace.",
    );
  }
}
