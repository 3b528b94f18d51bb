/** Repositories of notebooks, the same at every run: 2 kB each, in up to 50 folders. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const FOLDERS = 50;
export const NOTEBOOK_BYTES = 2_000;
/** Where the notebooks lie in the repository. */
export const NOTEBOOKS = "notebooks";

export interface BenchRepository {
  readonly directory: string;
  readonly notebooks: number;
  /** Changes one notebook and commits it, so that there is another commit to release. Answers its githash. */
  commit(): string;
}

/** Makes a git repository of that many notebooks in a new folder. */
export function makeRepository(directory: string, notebooks: number): BenchRepository {
  mkdirSync(directory, { recursive: true });
  git(directory, 0, "init", "--quiet", "--initial-branch=main");
  for (let index = 0; index < notebooks; index++) {
    write(directory, index, 0);
  }
  let commits = 0;
  const commit = () => {
    write(directory, 0, commits);
    git(directory, commits, "add", "--all");
    git(directory, commits, "commit", "--quiet", "--message", `commit ${commits}`);
    commits++;
    return git(directory, commits, "rev-parse", "HEAD");
  };
  commit();
  return { directory, notebooks, commit };
}

function write(directory: string, index: number, version: number): void {
  const file = join(directory, NOTEBOOKS, notebookPath(index));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, notebookText(index, version));
}

/** `folder07/notebook_00057.py` */
export function notebookPath(index: number): string {
  const folder = String(index % FOLDERS).padStart(2, "0");
  return `folder${folder}/notebook_${String(index).padStart(5, "0")}.py`;
}

/** A notebook in Databricks' source format. Each is another one, so that nothing is sent or stored only once. */
export function notebookText(index: number, version: number): string {
  let text = `# Databricks notebook source\n# notebook ${index}, version ${version}\n`;
  for (let cell = 0; text.length < NOTEBOOK_BYTES - 100; cell++) {
    text += `\n# COMMAND ----------\n\nvalue_${cell} = ${(index * 7919 + cell * 104_729) % 1_000_003}\nprint(value_${cell})\n`;
  }
  return text.padEnd(NOTEBOOK_BYTES - 1, "#") + "\n";
}

function git(directory: string, commits: number, ...args: string[]): string {
  const date = `${1_700_000_000 + commits * 60} +0000`;
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "Bench",
    GIT_AUTHOR_EMAIL: "bench@example.com",
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: "Bench",
    GIT_COMMITTER_EMAIL: "bench@example.com",
    GIT_COMMITTER_DATE: date,
  };
  return execFileSync("git", args, { cwd: directory, env, encoding: "utf8" }).trim();
}
