/** Real git repositories in temporary folders, for tests. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** First lines that make a source file a notebook. */
export const header = {
  python: "# Databricks notebook source",
  scala: "// Databricks notebook source",
  sql: "-- Databricks notebook source",
  r: "# Databricks notebook source",
};

/** A notebook's text in Python. */
export function notebook(code = "print(1)"): string {
  return `${header.python}\n${code}\n`;
}

/** What a file of a test's repository is: its content, or something else than a plain file; null removes it. */
export type TestFile = string | Buffer | { link: string } | { executable: string } | null;

/** A git repository in a temporary folder. */
export interface TestRepository {
  /** Absolute path, without symbolic links. */
  directory: string;
  /** The same as a `file://` address: git treats it as a server. */
  url: string;
  /** Runs git in it, returns its trimmed output. */
  git(...args: string[]): string;
  /** Changes files without committing them. */
  write(files: Record<string, TestFile>): void;
  /** Changes files, commits everything, returns the commit's full id. */
  commit(files?: Record<string, TestFile>, message?: string): string;
  /** Removes the folder. */
  remove(): void;
}

/** A folder for one test; the name has a space in it on purpose. */
export function temporaryFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), "source test-")));
}

/** Makes a repository on branch `main` with one commit of these files. Deterministic: same files, same githash. */
export function makeRepository(
  files: Record<string, TestFile> = { "a.py": notebook() },
  options: { directory?: string; message?: string } = {},
): TestRepository {
  const directory = options.directory ?? temporaryFolder();
  mkdirSync(directory, { recursive: true });
  let commits = 0;
  const git = (...args: string[]): string => {
    const date = `${1_700_000_000 + commits * 60} +0100`;
    const env = {
      ...process.env,
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "Ada Ünal",
      GIT_AUTHOR_EMAIL: "ada@example.com",
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: "Ada Ünal",
      GIT_COMMITTER_EMAIL: "ada@example.com",
      GIT_COMMITTER_DATE: date,
    };
    const output = execFileSync("git", args, {
      cwd: directory,
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    return output.trim();
  };
  const write = (changes: Record<string, TestFile>): void => {
    for (const [path, file] of Object.entries(changes)) put(join(directory, path), file);
  };
  const commit = (changes: Record<string, TestFile> = {}, message = `commit ${commits}`): string => {
    write(changes);
    git("add", "--all", "--force");
    git("commit", "--quiet", "--allow-empty", "-m", message);
    commits++;
    return git("rev-parse", "HEAD");
  };
  git("init", "--quiet", "--initial-branch=main");
  // As GitHub and others have it: partial clones and fetches by id.
  git("config", "uploadpack.allowFilter", "true");
  git("config", "core.autocrlf", "false");
  commit(files, options.message);
  return {
    directory,
    url: `file://${directory}`,
    git,
    write,
    commit,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function put(path: string, file: TestFile): void {
  rmSync(path, { recursive: true, force: true });
  if (file === null) return;
  mkdirSync(dirname(path), { recursive: true });
  if (typeof file === "string" || Buffer.isBuffer(file)) writeFileSync(path, file);
  else if ("link" in file) symlinkSync(file.link, path);
  else {
    writeFileSync(path, file.executable);
    chmodSync(path, 0o755);
  }
}
