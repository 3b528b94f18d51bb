/** The stack's configuration → components → outputs. See README.md, "Configuration". */
import * as pulumi from "@pulumi/pulumi";
import * as components from "./components";
import { watchName } from "./components/configuration";
import { readStack } from "./components/stack";

export = async () => {
  const stack = await readStack();
  const { config, host, spec, source, note, rollback, tests, gateSettings, secretKeys, jobs, watch } = stack;
  const { app, env } = config;
  const address = { table: config.registry.table, warehouse: config.registry.warehouse, app, env };

  const workspace = new components.Workspace("workspace", {
    host,
    workspaceId: config.workspaceId,
    move: stack.overlooksHold
      ? undefined
      : { registry: address, githash: source.commit.githash, isRollback: rollback !== undefined },
  });
  const home = pulumi.interpolate`/Users/${workspace.userName}`;
  const releaseRoot = config.releaseRoot ?? pulumi.interpolate`${home}/releases/${app}`;

  const secrets = config.secrets
    ? [new components.SecretScope("secrets", { workspace, ...config.secrets, keys: secretKeys })]
    : [];
  const experimentPath = config.experiment.path ?? pulumi.interpolate`${home}/deployments/${app}-${env}`;
  const experiment = new components.Experiment("experiment", { workspace, path: experimentPath });
  const deployment = new components.Deployment("deployment", {
    workspace,
    experiment,
    app,
    env,
    source,
    gate: components.gateRequirements(tests, gateSettings),
    build: config.build && components.buildSettings(config.build),
    pipelineId: config.pipelineId,
    note,
    rollbackFrom: rollback?.from,
    github: config.github && components.gitHubTarget(config.github, env),
    after: secrets,
  });
  const commit = { workspace, deployment, spec, source, releaseRoot };
  const release = new components.NotebookRelease("release", {
    ...commit,
    artifacts: config.build && new components.Artifacts("artifacts", { ...commit, build: config.build }),
    readers: config.readers,
    registry: address,
    retention: config.retention,
  });
  const gate = new components.Gate("gate", {
    workspace,
    experiment,
    deployment,
    release,
    registry: address,
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
    rollbackOf: rollback?.version,
    adopt: config.registry.adopt,
    retention: config.retention,
  });
  const trigger = new components.Trigger("trigger", { workspace, releaseRoot });
  const watchJob = watchName({ app, env });
  const names = [...jobs.map(({ name }) => name), ...(watch ? [watchJob] : [])];
  const existing = await components.existingJobs(workspace, address, names);
  const deployedJobs = jobs.map(({ name, ...job }) => {
    const common = { workspace, release, registry, trigger, existing: existing[name] };
    return { name, job: new components.ReleaseJob(name, { ...common, ...job }) };
  });

  if (watch) {
    new components.Watch(watchJob, {
      workspace,
      registry,
      existing: existing[watchJob],
      experiment: new components.Experiment("watch", {
        workspace,
        path: pulumi.interpolate`${experimentPath}-watch`,
      }),
      releaseRoot,
      ...watch,
    });
  }

  return {
    githash: release.githash,
    branch: stack.branch ?? "",
    releasePath: release.path,
    deploymentId: deployment.deploymentId,
    deploymentUrl: deployment.deploymentUrl,
    previousGithash: registry.previousGithash,
    tests: gate.results,
    changes: registry.changes,
    jobs: Object.fromEntries(deployedJobs.map(({ name, job }) => [name, job.url])),
  };
};
