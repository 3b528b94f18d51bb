/** What the cases are called, in the table and where goals look for them. */

export const WAYS = {
  importDir: "databricks workspace import-dir",
  importDirLifted: "databricks workspace import-dir, limiter lifted",
  bundle: "databricks bundle deploy",
  bundleLifted: "databricks bundle deploy, limiter lifted",
  notebookResources: "pulumi up, one databricks.Notebook each",
  ours: (upload: string) => `ours: pulumi up, ${upload}`,
  noop: "up, nothing changed",
  preview: "preview, nothing changed",
  start: "launch of node to the first resource",
  memoryNoop: "memory: up, nothing changed",
  memoryRelease: "memory: up of a new commit",
  upload: (upload: string) => `a new release, ${upload}`,
  takeover: "an existing release",
  refresh: "refresh",
  first: "up, a stack's first",
  rollback: "releases rollback",
};

export const SIZES = {
  /** What the largest is compared with where the goal is that size does not matter. */
  small: 10,
  /** The size that most goals name; the largest where it is not measured. */
  main: (sizes: readonly number[]): number => (sizes.includes(1_000) ? 1_000 : SIZES.large(sizes)),
  large: (sizes: readonly number[]): number => Math.max(...sizes),
};

/** Values that have a table of their own, and its heading. */
export const UNITS: Readonly<Record<string, string>> = {
  seconds: "seconds",
  uploadSeconds: "seconds from the first to the last request of the upload, as the server saw it",
  sendSeconds: "seconds of these until the last notebook was there, before what arrived was checked",
  releaseSeconds: "seconds of the release's resource alone",
  requests: "requests",
  peakMB: "peak memory of all processes, MB (pages that they share count in each)",
  programMB: "peak memory of the program's node, MB",
  providersMB: "peak memory of the providers' node, MB",
  engineMB: "peak memory of the engine, MB",
};
