/** `SecretScope`: a scope with its keys and ACLs; no value of a key is ever in the program's state. */
import { isAbsolute } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { SecretPermissionLevel } from "../databricks/secrets";
import { DigestKey, SecretPermission, SecretScopeName, SecretValue } from "../providers/resources";
import type { SecretSource } from "../providers/secretValue";
import type { Workspace } from "./workspace";

export interface SecretScopeArgs {
  readonly workspace: Workspace;
  /** The scope's name; one that exists is used and never deleted. */
  readonly scope: string;
  /** Key → where its value comes from: `{ env: NAME }`, or a configuration value's key and ciphertext. */
  readonly keys?: Readonly<Record<string, SecretSource>>;
  readonly acls?: readonly { readonly principal: string; readonly permission: SecretPermissionLevel }[];
}

/** Values and permissions are changed by overwriting them in place: a reader never finds one missing. */
export class SecretScope extends pulumi.ComponentResource {
  readonly scope: string;

  /** @throws RunError for key names that differ only by case: Databricks takes them for one. */
  constructor(name: string, args: SecretScopeArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:SecretScope", name, {}, options);
    const { workspace, scope, keys = {}, acls = [] } = args;
    refuseTwins(scope, Object.keys(keys));
    this.scope = scope;
    const created = new SecretScopeName(name, { ...workspace.place, scope }, workspace.options(this));
    const inScope = workspace.options(this, [created]);
    const digestKey = new DigestKey(name, workspace.options(this)).key;
    const stack = pulumi.getStack();
    const directory = projectFolder();
    for (const [key, from] of Object.entries(keys)) {
      new SecretValue(
        `${name}-${key}`,
        { ...workspace.place, scope, key, from, stack, directory, digestKey },
        inScope,
      );
    }
    for (const { principal, permission } of acls) {
      new SecretPermission(
        `${name}-${principal}`,
        { ...workspace.place, scope, principal, permission },
        inScope,
      );
    }
    this.registerOutputs({ scope });
  }
}

/** Where Pulumi.yaml lies. Older language hosts do not say; then the program was started there. */
export function projectFolder(): string {
  const folder = pulumi.runtime.getRootDirectory();
  return isAbsolute(folder) ? folder : process.cwd();
}

function refuseTwins(scope: string, keys: readonly string[]): void {
  const twins = keys.filter(
    (key, index) => keys.findIndex((other) => other.toLowerCase() === key.toLowerCase()) !== index,
  );
  if (twins.length > 0) {
    throw new pulumi.RunError(
      `The secret scope ${scope} has keys that differ only by case: ${twins.join(", ")}. Databricks ignores case; rename them.`,
    );
  }
}
