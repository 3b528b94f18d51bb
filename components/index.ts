/** What this package offers to other Pulumi programs. */
export { Deployment, type DeploymentArgs } from "./deployment";
export { Experiment, type ExperimentArgs } from "./experiment";
export { Gate, selectTests, type GateArgs } from "./gate";
export { NotebookRelease, type NotebookReleaseArgs } from "./notebookRelease";
export { Registry, type RegistryAddress, type RegistryArgs } from "./registry";
export { ReleaseJob, type ReleaseJobArgs, type ReleaseTask } from "./releaseJob";
export { SecretScope, type SecretScopeArgs } from "./secretScope";
export { Trigger, type TriggerArgs } from "./trigger";
export { Workspace, type WorkspaceArgs } from "./workspace";
export type { Principal } from "../databricks/permissions";
export type { GateSettings } from "../providers/gate/tasks";
export type { TestResult } from "../providers/gate/results";
export type { Changes } from "../providers/registryRow";
export type { SecretSource } from "../providers/secretValue";
export { readSource, SourceError, type Source, type SourceSpec } from "../source";
