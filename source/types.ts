/**
 * What a source is: the words that the rest of the program uses for a commit, its files and what can be wrong with
 * them. No code but the error class.
 */

/** Which notebooks to release: where they are, at which commit, and which of them. */
export interface SourceSpec {
  /** Any git address (https, ssh, `git@host:path`, `file://`), or the path of a local repository. */
  repository: string;
  /** Branch, tag, full or short commit, `HEAD`, or a full ref name such as `refs/pull/7/head`. */
  ref: string;
  /** Folder to release, relative to the repository's root, `/` separators. @default the whole tree */
  path?: string;
  /** Globs (picomatch, dot files included) relative to `path`: what they match is not released. */
  exclude?: readonly string[];
  /** Local repositories only: release uncommitted changes too, under a commit made of them. @default false */
  allowUncommitted?: boolean;
}

/** How to reach git and where to keep what it sent. */
export interface SourceOptions {
  /** Folder of the cached clones. @default `$NOTEBOOK_RELEASES_CACHE/git`, or `notebook-releases/git` in the user's cache */
  cacheDir?: string;
  /** Ends the work: git is stopped, the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called with a line of text when something slow begins (a fetch, waiting for another process). */
  onProgress?: (line: string) => void;
  /** Environment for git and for the tokens. @default `process.env` */
  env?: NodeJS.ProcessEnv;
  /** How long a repository may stay silent before it counts as unreachable, in ms. @default 10000 */
  timeoutMs?: number;
}

/** A commit whose objects are in the cache. */
export interface Commit {
  /** The address without credentials; for a local repository its absolute path. */
  repository: string;
  /** Full 40-hex commit id. */
  githash: string;
  /** The ref as it was asked for. */
  ref: string;
  /** Name of the branch that the ref is, or that is checked out where a local repository's `HEAD` was asked for. */
  branch?: string;
  /** First paragraph of the message, on one line. */
  subject: string;
  /** `Name <address>`. */
  author: string;
  /** Committer's time as ISO 8601, UTC. */
  committedAt: string;
  /** The same in seconds since 1970: the value for `SOURCE_DATE_EPOCH`. */
  commitTime: number;
  /** The cached bare clone that holds the commit. */
  gitDir: string;
  /** Set where the commit was made from uncommitted changes and is in no repository but the cache. */
  uncommitted?: boolean;
}

/** A notebook's language, as the workspace API spells it. */
export type Language = "PYTHON" | "SCALA" | "SQL" | "R";

/** One file of a release. */
export interface SourceFile {
  /** Relative to `SourceSpec.path`, `/` separators. */
  path: string;
  /** Git's blob id: 40 hex. */
  blob: string;
  /** Bytes. */
  size: number;
  /** A notebook has Databricks' header or is a Jupyter notebook; all else is a workspace file. */
  kind: "notebook" | "file";
  /** Notebooks only. */
  language?: Language;
  /** Path within the release: as `path`, but a notebook has lost its extension, as in the workspace. */
  target: string;
  /** Set where git has the file as executable. */
  executable?: boolean;
}

/** A commit and the manifest of what a release of it holds. */
export interface Source {
  commit: Commit;
  /** Sorted by `path`. */
  files: SourceFile[];
  /** SHA-256 (hex) over kind, target and blob of every file: equal digests mean equal contents at equal places. */
  digest: string;
}

/**
 * Something in the source is not as it must be: an unknown ref, a repository that does not answer, files that cannot
 * be released. The message is complete and made for people; it never holds a credential.
 */
export class SourceError extends Error {
  /** Every single problem, one line each; the same lines stand in the message. */
  readonly problems: string[];

  constructor(headline: string, problems: readonly string[] = []) {
    super(
      problems.length === 0 ? headline : `${headline}\n${problems.map((line) => `  - ${line}`).join("\n")}`,
    );
    this.name = "SourceError";
    this.problems = problems.length === 0 ? [headline] : [...problems];
  }
}
