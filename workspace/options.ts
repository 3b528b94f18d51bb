/** How the local workspace is started: what `main.ts` reads from the command line, and what tests pass directly. */

/** What an archive import does: as documented, or one of the deviations that a client must survive. */
export const ARCHIVE_MODES = ["unpack", "refuse", "top-folder", "drop", "modules-as-notebooks"] as const;
export type ArchiveMode = (typeof ARCHIVE_MODES)[number];

export interface WorkspaceOptions {
  /** Folder for everything that is kept; default `.local/workspace` in the repository. */
  dataDir?: string;
  /** Port on loopback; 0 takes a free one. Default 8650. */
  port?: number;
  /** Milliseconds added to every API request. */
  latencyMs?: number;
  /** API requests admitted in any one second; unlimited by default. */
  rps?: number;
  /** Seconds sent as `Retry-After` with a 429; none by default. */
  retryAfter?: number;
  /** Milliseconds that an archive import takes for each object in it, so that its speed is no gift. Default 2. */
  archiveMsPerObject?: number;
  archiveMode?: ArchiveMode;
  /** Whether notebooks show `modified_at` and `size` as files do. Databricks documents both for files only. */
  notebookModifiedAt?: boolean;
  /** Whether to start the engines (Spark, SQL, MLflow, notebooks). Default true; tests of plain REST need none. */
  engines?: boolean;
  /** Where log lines go beside `<dataDir>/server.log`; default standard error. */
  log?: (line: string) => void;
}

/** The options that routes look at while they work. */
export interface Behaviour {
  readonly archiveMsPerObject: number;
  readonly archiveMode: ArchiveMode;
  readonly notebookModifiedAt: boolean;
}

export const DEFAULT_PORT = 8650;

export function behaviourOf(options: WorkspaceOptions): Behaviour {
  return {
    archiveMsPerObject: options.archiveMsPerObject ?? 2,
    archiveMode: options.archiveMode ?? "unpack",
    notebookModifiedAt: options.notebookModifiedAt ?? false,
  };
}
