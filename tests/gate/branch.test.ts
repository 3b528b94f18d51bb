/** The branch that a deployment is of, and the tests that it adds. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { branchGlobs, branchOf } from "../../components/branch";
import { readSource } from "../../source";
import { makeRepository, notebook, type TestRepository } from "../source/support";

describe("the branch of a deployment", () => {
  let repository: TestRepository;
  let cacheDir: string;
  let githash: string;

  before(() => {
    cacheDir = mkdtempSync(join(tmpdir(), "branch cache "));
    repository = makeRepository({ "a.py": notebook("x = 1") });
    githash = repository.git("rev-parse", "HEAD");
    repository.git("checkout", "--quiet", "-b", "feature/login");
    repository.git("tag", "v1.0");
    repository.git("update-ref", "refs/pull/7/head", "HEAD");
  });
  after(() => {
    repository?.remove();
    rmSync(cacheDir, { recursive: true, force: true });
  });

  const branch = async (ref: string, env: NodeJS.ProcessEnv = {}, address = repository.directory) =>
    branchOf(await readSource({ repository: address, ref }, { cacheDir }), env);

  it("is that of source.ref where it is a branch, locally or on a server", async () => {
    const remote = `file://${repository.directory}`;
    for (const ref of ["main", "heads/main", "refs/heads/main"]) {
      assert.equal(await branch(ref, { GITHUB_HEAD_REF: "other" }), "main", ref);
    }
    assert.equal(await branch("feature/login", {}, remote), "feature/login");
  });

  it("is the one checked out where HEAD of a local repository is deployed; none where no branch is", async () => {
    assert.equal(await branch("HEAD"), "feature/login");
    repository.git("checkout", "--quiet", "--detach");
    assert.equal(await branch("HEAD"), undefined);
    repository.git("checkout", "--quiet", "feature/login");
  });

  it("is what CI says where a commit, a tag or a pull request is deployed", async () => {
    for (const ref of [githash, "v1.0", "refs/pull/7/head"]) {
      assert.equal(await branch(ref), undefined, ref);
      assert.equal(await branch(ref, { GITHUB_REF_NAME: "main", GITHUB_REF_TYPE: "branch" }), "main");
      assert.equal(await branch(ref, { GITHUB_REF_NAME: "v1.0", GITHUB_REF_TYPE: "tag" }), undefined);
      const pull = { GITHUB_HEAD_REF: "feature/x", GITHUB_REF_NAME: "7/merge", GITHUB_REF_TYPE: "branch" };
      assert.equal(await branch(ref, pull), "feature/x");
    }
  });

  it("adds the tests of every entry whose glob matches it", () => {
    const tests = {
      "feature/*": ["tests/feature/**"],
      "feature/login": ["tests/login"],
      main: ["tests/slow/**"],
    };
    assert.deepEqual(branchGlobs(tests, "feature/login"), ["tests/feature/**", "tests/login"]);
    assert.deepEqual(branchGlobs(tests, "main"), ["tests/slow/**"]);
    assert.deepEqual(branchGlobs(tests, "feature/a/b"), [], "a star stands for no slash");
    assert.deepEqual(branchGlobs(tests, undefined), []);
  });
});
