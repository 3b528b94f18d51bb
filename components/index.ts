/** What this package offers to other Pulumi programs. */
export { Artifacts, buildSettings, type ArtifactsArgs, type BuildArgs } from "./artifacts";
export { Deployment, type DeploymentArgs } from "./deployment";
export { Experiment, type ExperimentArgs } from "./experiment";
export { Gate, gateRequirements, selectTests, type GateArgs } from "./gate";
export { gitHubTarget } from "./gitHub";
export { existingGitHub, type ExistingGitHub } from "./gitHubExisting";
export {
  GitHubRepository,
  type GitHubEnvironment,
  type GitHubRepositoryArgs,
  type GitHubRuleset,
} from "./gitHubRepository";
export { existingJobs, type JobPermission } from "./job";
export { NotebookRelease, type NotebookReleaseArgs } from "./notebookRelease";
export { Registry, type RegistryAddress, type RegistryArgs } from "./registry";
export { ReleaseJob, type ReleaseJobArgs, type ReleaseTask } from "./releaseJob";
export { SecretScope, type SecretScopeArgs } from "./secretScope";
export { Trigger, type TriggerArgs } from "./trigger";
export { Watch, type WatchArgs } from "./watch";
export { Workspace, type WorkspaceArgs } from "./workspace";
export type { Artifact, BuildSettings } from "../providers/artifacts";
export type { Principal } from "../databricks/permissions";
export type { MetricLimit } from "../providers/gate/limits";
export type { GitHubTarget } from "../providers/github/report";
export type { GateSettings } from "../providers/gate/tasks";
export type { TestResult } from "../providers/gate/results";
export type { Changes } from "../providers/registryRow";
export type { Retention } from "../providers/retention/plan";
export type { SecretSource } from "../providers/secretValue";
export { readSource, SourceError, type Source, type SourceSpec } from "../source";
