/** The stack's configuration → components → outputs. See README.md, "Configuration". */
import * as pulumi from "@pulumi/pulumi";
import * as components from "./components";
import { readStack } from "./components/stack";

export = async () => {
  const { config, host, spec, source, tests, gateSettings, secretKeys, jobs } = await readStack();
  const { app, env, deployNote: note } = config;

  const workspace = new components.Workspace("workspace", { host, workspaceId: config.workspaceId });
  const home = pulumi.interpolate`/Users/${workspace.userName}`;
  const releaseRoot = config.releaseRoot ?? pulumi.interpolate`${home}/releases/${app}`;
  const address = { table: config.registry.table, warehouse: config.registry.warehouse, app, env };

  const secrets = config.secrets
    ? [new components.SecretScope("secrets", { workspace, ...config.secrets, keys: secretKeys })]
    : [];
  const experiment = new components.Experiment("experiment", {
    workspace,
    path: config.experiment.path ?? pulumi.interpolate`${home}/deployments/${app}-${env}`,
  });
  const deployment = new components.Deployment("deployment", {
    workspace,
    experiment,
    app,
    env,
    source,
    gate: { tests, gateSettings },
    pipelineId: config.pipelineId,
    note,
    after: secrets,
  });
  const release = new components.NotebookRelease("release", {
    workspace,
    deployment,
    spec,
    source,
    releaseRoot,
    readers: config.readers,
    registry: address,
  });
  const gate = new components.Gate("gate", {
    workspace,
    experiment,
    deployment,
    release,
    env,
    tests,
    settings: gateSettings,
  });
  const registry = new components.Registry("registry", {
    workspace,
    address,
    deployment,
    release,
    gate,
    note,
    adopt: config.registry.adopt,
  });
  const trigger = new components.Trigger("trigger", { workspace, releaseRoot });
  const deployedJobs = jobs.map(({ name, ...job }) => ({
    name,
    job: new components.ReleaseJob(name, { workspace, release, registry, trigger, ...job }),
  }));

  return {
    githash: release.githash,
    releasePath: release.path,
    deploymentId: deployment.deploymentId,
    deploymentUrl: deployment.deploymentUrl,
    previousGithash: registry.previousGithash,
    tests: gate.results,
    changes: registry.changes,
    jobs: Object.fromEntries(deployedJobs.map(({ name, job }) => [name, job.url])),
  };
};
