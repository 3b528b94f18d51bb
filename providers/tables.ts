/**
 * What each provider's properties are, and what a change of them means; the one place that says so.
 * `diff` is derived from it, and the program learns from it which outputs are computed and which are secret.
 * Kept free of other imports: the program loads it at every `pulumi up`.
 */

/**
 * - `replace`: another value means another resource; `update`: changed in place;
 * - `ignore`: kept in the state for `read` and `delete`, but a change of it alone is no change of the resource;
 * - `computed`: known after it was created; `drift`: computed, empty while all is as deployed. Anything in it asks for a repair.
 */
export type Role = "replace" | "update" | "ignore" | "computed" | "drift";
export type PropertyTable = Readonly<Record<string, Role>>;

/** Which workspace: every resource holds these, so that `read` and `delete` know where, and refuse to work elsewhere. */
const place = { host: "ignore", workspaceId: "ignore" } as const;
/** Which registry row a resource belongs to. */
const row = { table: "replace", app: "replace", env: "replace", warehouse: "ignore" } as const;
const ignoredRow = { table: "ignore", app: "ignore", env: "ignore", warehouse: "ignore" } as const;
/** Where the release's files come from; the digest stands for all of it. */
const source = { repository: "ignore", sourcePath: "ignore", exclude: "ignore" } as const;

export const tables = {
  Workspace: {
    host: "ignore",
    expectedWorkspaceId: "ignore",
    workspaceId: "replace",
    userName: "ignore",
    stackId: "ignore",
    move: "ignore",
  },
  SecretScope: { ...place, scope: "replace", created: "computed" },
  DigestKey: { key: "computed" },
  SecretValue: {
    ...place,
    scope: "replace",
    key: "replace",
    from: "ignore",
    stack: "ignore",
    directory: "ignore",
    digestKey: "ignore",
    digest: "update",
    drift: "drift",
    writtenAt: "computed",
  },
  SecretPermission: { ...place, scope: "replace", principal: "replace", permission: "update" },
  MlflowExperiment: { ...place, path: "replace", experimentId: "computed" },
  DeploymentRun: {
    ...place,
    experimentId: "replace",
    app: "replace",
    env: "replace",
    githash: "replace",
    digest: "replace",
    gate: "replace",
    source: "ignore",
    pipelineId: "ignore",
    note: "ignore",
    stackId: "ignore",
    rollbackFrom: "ignore",
    github: "ignore",
    deploymentId: "computed",
    deploymentUrl: "computed",
  },
  BuiltArtifacts: {
    ...place,
    ...source,
    githash: "replace",
    command: "replace",
    globs: "replace",
    to: "replace",
    releasePath: "replace",
    timeoutSeconds: "ignore",
    deploymentId: "ignore",
    // Also an input, where `check` knows it: then a preview does too.
    artifacts: "computed",
    written: "computed",
    drift: "drift",
  },
  ReleaseDirectory: {
    ...place,
    ...source,
    ...ignoredRow,
    path: "replace",
    githash: "replace",
    digest: "replace",
    readers: "update",
    build: "replace",
    artifacts: "ignore",
    deploymentId: "ignore",
    retention: "ignore",
    files: "computed",
    drift: "drift",
  },
  NotebookTestRun: {
    ...place,
    deploymentId: "replace",
    deploymentUrl: "ignore",
    ...ignoredRow,
    experimentId: "ignore",
    githash: "ignore",
    digest: "ignore",
    gate: "ignore",
    releasePath: "ignore",
    tests: "ignore",
    artifacts: "ignore",
    settings: "ignore",
    results: "computed",
    runUrl: "computed",
  },
  GitHubClaim: { repository: "replace", declared: "update", adopted: "ignore", there: "ignore" },
  RegistryRow: {
    ...place,
    ...source,
    ...row,
    adopt: "ignore",
    rollbackOf: "ignore",
    stack: "ignore",
    retention: "ignore",
    githash: "update",
    releasePath: "update",
    deploymentId: "update",
    digest: "ignore",
    note: "ignore",
    previousGithash: "ignore",
    changes: "ignore",
    version: "computed",
    moveId: "computed",
    deployedAt: "computed",
    deployedBy: "computed",
  },
} as const satisfies Record<string, PropertyTable>;

export type TypeName = keyof typeof tables;

/** Properties whose values are secret in the state, inputs and outputs alike. */
export const secretProperties: Partial<Record<TypeName, readonly string[]>> = {
  DigestKey: ["key"],
  SecretValue: ["digestKey"],
};

export function propertiesWith(table: PropertyTable, ...roles: Role[]): string[] {
  return Object.entries(table).flatMap(([name, role]) => (roles.includes(role) ? [name] : []));
}

/** The manifest's name in a release. No file of the source may be called so. */
export const MANIFEST = ".release.json";
