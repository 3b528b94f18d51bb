/** The providers by name, each loaded when it is first called. */
import type * as pulumi from "@pulumi/pulumi";
import type { TypeName } from "./tables";

/* eslint-disable @typescript-eslint/no-require-imports, @typescript-eslint/no-unsafe-return -- loaded on demand: most calls need one of them. */
const modules: Record<TypeName, () => unknown> = {
  Workspace: () => require("./workspace"),
  SecretScope: () => require("./secretScope"),
  DigestKey: () => require("./digestKey"),
  SecretValue: () => require("./secretValue"),
  SecretPermission: () => require("./secretPermission"),
  MlflowExperiment: () => require("./mlflowExperiment"),
  DeploymentRun: () => require("./deploymentRun"),
  BuiltArtifacts: () => require("./builtArtifacts"),
  ReleaseDirectory: () => require("./releaseDirectory"),
  NotebookTestRun: () => require("./notebookTestRun"),
  RegistryRow: () => require("./registryRow"),
  GitHubClaim: () => require("./gitHubClaim"),
};

export function load(type: TypeName): pulumi.dynamic.ResourceProvider {
  return (modules[type]() as { default: pulumi.dynamic.ResourceProvider }).default;
}
