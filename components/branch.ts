/** The branch that a deployment is of, and the tests that it adds (`gate.branchTests`). */
import picomatch from "picomatch";
import type { Source } from "../source";

/** A branch's name, or "" for none: who asks about a commit later (`releases drift`) knows of which branch it was deployed. */
export const BRANCH_VARIABLE = "NOTEBOOK_RELEASES_BRANCH";

/**
 * The branch's name without `refs/heads/`: that of `source.ref` where it is a branch, or `HEAD` of a local repository on
 * one. Where the ref is a commit, a tag or a pull request, CI's: of a pull request its own (`GITHUB_HEAD_REF`), else the
 * branch that the workflow runs for (`GITHUB_REF_NAME`). `NOTEBOOK_RELEASES_BRANCH` wins over all. Undefined where nobody
 * knows.
 */
export function branchOf({ commit }: Pick<Source, "commit">, env = process.env): string | undefined {
  const { GITHUB_HEAD_REF, GITHUB_REF_NAME, GITHUB_REF_TYPE, [BRANCH_VARIABLE]: told } = env;
  if (told !== undefined) {
    return told || undefined;
  }
  return commit.branch ?? (GITHUB_HEAD_REF || (GITHUB_REF_TYPE === "branch" ? GITHUB_REF_NAME : undefined));
}

/** Globs of tests for a branch: those of every entry whose glob matches its name; `*` stands for no slash. */
export function branchGlobs(
  branchTests: Readonly<Record<string, readonly string[]>>,
  branch: string | undefined,
): string[] {
  return Object.entries(branchTests).flatMap(([glob, tests]) =>
    branch !== undefined && picomatch.isMatch(branch, glob) ? tests : [],
  );
}
