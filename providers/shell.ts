/**
 * The program's side of a dynamic provider. What Pulumi keeps in the state of every resource, and later runs `read`
 * and `delete` from, is the text below: it only names the provider, whose code is loaded when it is called
 * (docs/decisions/001). Written by hand, so it depends on no transpiler and can capture nothing, no secret either.
 */
import * as pulumi from "@pulumi/pulumi";
import { propertiesWith, secretProperties, tables, type TypeName } from "./tables";

const METHODS = ["check", "diff", "create", "read", "update", "delete"] as const;

/** The module `handler` of a provider; stable, because a change of it would be stored anew for every resource. */
export function shellText(type: TypeName): string {
  const methods = METHODS.map((method) => `  ${method}: (...args) => load().${method}(...args),`).join("\n");
  return `// notebook-releases: ${type}
const load = () => {
  const { createRequire } = require("node:module");
  return createRequire(process.cwd() + "/program.js")("notebook-releases/providers")("${type}");
};
exports.handler = () => ({
${methods}
});
`;
}

export interface ShellOptions extends pulumi.CustomResourceOptions {
  /** The explicit, empty provider resource that all of them share; with the default one the engine would store the stack's configuration. */
  readonly provider: pulumi.ProviderResource;
}

/** A resource of one of our providers. Subclasses declare its outputs. */
export abstract class ShellResource extends pulumi.CustomResource {
  constructor(
    type: TypeName,
    name: string,
    inputs: Readonly<Record<string, unknown>>,
    options: ShellOptions,
  ) {
    const computed = Object.fromEntries(
      propertiesWith(tables[type], "computed", "drift").map((property) => [property, undefined]),
    );
    super(
      `pulumi-nodejs:dynamic/notebook-releases:${type}`,
      name,
      { ...computed, ...inputs, __provider: shellText(type) },
      { ...options, additionalSecretOutputs: [...(secretProperties[type] ?? [])] },
    );
  }
}
