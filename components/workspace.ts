/** `Workspace`: the ground that everything else of a stack stands on. Declare it first; the other components take it. */
import * as pulumi from "@pulumi/pulumi";
import { resolveHost } from "../databricks/credentials";
import { WorkspaceCheck } from "../providers/resources";
import type { ShellOptions } from "../providers/shell";
import type { RegistryAddress } from "./registry";

export interface WorkspaceArgs {
  /** The workspace's address. @default `DATABRICKS_HOST`, or the profile's host. */
  readonly host?: string;
  /** The workspace that this stack must be deployed to. @default the workspace of the first deployment. */
  readonly workspaceId?: string;
  /**
   * The move of the registry's row that the stack is about to make: where the row is on hold, a preview and an `up` stop
   * here. @default a hold is only seen where the row is to be moved, after the tests
   */
  readonly move?: PlannedMove;
}

export interface PlannedMove {
  readonly registry: RegistryAddress;
  /** What is to be live. */
  readonly githash: string;
  /** A rollback, which a hold does not stop. @default false */
  readonly isRollback?: boolean;
}

/**
 * Checks, in a preview too, that the host answers, that the credentials work, and that it is the workspace which this
 * stack was deployed to. Nothing that depends on it is changed where one of them fails.
 * Credentials come from the environment or a profile (Databricks unified authentication) and are not stored.
 */
export class Workspace extends pulumi.ComponentResource {
  readonly host: string;
  readonly workspaceId: pulumi.Output<string>;
  /** Who made the stack's first deployment; default folders lie in their home. */
  readonly userName: pulumi.Output<string>;
  /** The stack's own id among all that deploy the same app. */
  readonly stackId: pulumi.Output<string>;
  /** The explicit, empty provider of all dynamic resources: with Pulumi's default one the stack's configuration would be stored in the state. */
  readonly dynamicProvider: pulumi.ProviderResource;
  private readonly check: WorkspaceCheck;

  /** @throws RunError where no address is given or it is not one. */
  constructor(name: string, args: WorkspaceArgs = {}, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:Workspace", name, {}, options);
    try {
      this.host = resolveHost(args.host);
    } catch (error) {
      throw new pulumi.RunError((error as Error).message);
    }
    this.dynamicProvider = new DynamicProvider(name, { parent: this });
    this.check = new WorkspaceCheck(
      name,
      {
        host: this.host,
        expectedWorkspaceId: args.workspaceId ?? "",
        move: args.move && moveInputs(args.move),
      },
      { parent: this, provider: this.dynamicProvider },
    );
    this.workspaceId = this.check.workspaceId;
    this.userName = this.check.userName;
    this.stackId = this.check.stackId;
    this.registerOutputs({ host: this.host, workspaceId: this.workspaceId });
  }

  /** The inputs that say where a resource lives. */
  get place() {
    return { host: this.host, workspaceId: this.workspaceId };
  }

  /** Options for a dynamic resource under `parent`, after the check of the ground and after `dependsOn`. */
  options(parent: pulumi.Resource, dependsOn: readonly pulumi.Resource[] = []): ShellOptions {
    return { parent, provider: this.dynamicProvider, dependsOn: this.after(...dependsOn) };
  }

  /** What a resource of another provider must wait for. */
  after(...resources: readonly pulumi.Resource[]): pulumi.Resource[] {
    return [this.check, ...resources];
  }
}

function moveInputs({ registry, githash, isRollback = false }: PlannedMove) {
  return { ...registry, githash, isRollback, stack: pulumi.getStack() };
}

/** Empty on purpose (`Workspace.dynamicProvider`). */
export class DynamicProvider extends pulumi.ProviderResource {
  constructor(name: string, options: pulumi.ResourceOptions) {
    super("pulumi-nodejs", name, {}, options);
  }
}
