import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkout, readBlobs, readSource, type SourceError } from "../../source/index";
import { makeRepository, notebook, temporaryFolder, type TestRepository } from "./support";

describe("source: uncommitted changes in a local repository", () => {
  let repository: TestRepository;
  let cacheDir: string;
  beforeEach(() => {
    cacheDir = temporaryFolder();
    repository = makeRepository({
      "nb/a.py": notebook("1"),
      "nb/b.py": notebook("1"),
      "lib/c.txt": "x",
      ".gitignore": "*.log\n",
    });
  });
  afterEach(() => {
    repository.remove();
    rmSync(cacheDir, { recursive: true });
  });
  const read = (spec: object = {}) =>
    readSource({ repository: repository.directory, ref: "HEAD", path: "nb", ...spec }, { cacheDir });

  it("stop it, with up to ten names", async () => {
    repository.write({ "nb/a.py": notebook("2"), "nb/b.py": null, "nb/new é.py": notebook() });
    await assert.rejects(read(), (error: SourceError) => {
      assert.match(
        error.message,
        /nb has uncommitted changes, which the commit of HEAD does not hold: commit them, or allow/,
      );
      assert.deepEqual([...error.problems].sort(), ["nb/a.py", "nb/b.py", "nb/new é.py"]);
      return true;
    });
    for (let n = 0; n < 10; n++) repository.write({ [`nb/n${n}.py`]: notebook() });
    await assert.rejects(
      read(),
      (error: SourceError) => error.problems.length === 11 && error.problems[10] === "and 3 more",
    );
  });

  it("stop a named branch that is checked out, and a staged change too", async () => {
    repository.write({ "nb/a.py": notebook("2") });
    repository.git("add", "nb/a.py");
    for (const ref of ["main", "heads/main", "refs/heads/main"])
      await assert.rejects(read({ ref }), /uncommitted/);
  });

  it("do not matter elsewhere, excluded, ignored, or for another commit", async () => {
    const head = repository.git("rev-parse", "HEAD");
    repository.git("branch", "other");
    repository.write({ "lib/c.txt": "y", "lib/new.txt": "z", "nb/x.log": "ignored", "nb/notes.md": "n" });
    assert.equal((await read({ exclude: ["*.md"] })).commit.githash, head);
    await assert.rejects(read(), /nb\/notes\.md/);
    assert.equal((await read({ ref: head })).commit.githash, head);
    assert.equal((await read({ ref: "other" })).commit.githash, head);
  });

  it("become a commit of their own if allowed, without a trace in the repository", async () => {
    const head = repository.git("rev-parse", "HEAD");
    repository.write({
      "nb/a.py": notebook("2"),
      "nb/b.py": null,
      "nb/ new é.py": notebook("3"),
      "nb/[x].py": notebook("4"),
    });
    repository.git("add", "nb/a.py");
    repository.write({ "nb/a.py": notebook("5"), "lib/c.txt": "not released" });
    const fingerprint = (): string => {
      const index = createHash("sha256")
        .update(readFileSync(join(repository.directory, ".git", "index")))
        .digest("hex");
      const refs = repository.git("for-each-ref");
      return `${index} ${refs} ${repository.git("count-objects", "-v")}`;
    };
    const before = fingerprint();
    const source = await read({ allowUncommitted: true });
    assert.equal(fingerprint(), before);
    assert.notEqual(source.commit.githash, head);
    assert.equal(source.commit.uncommitted, true);
    assert.equal(source.commit.subject, `Uncommitted changes to 4 files on ${head.slice(0, 12)}`);
    assert.equal(source.commit.commitTime, 1_700_000_000);
    assert.deepEqual(
      source.files.map((file) => file.path),
      [" new é.py", "[x].py", "a.py"],
    );
    const contents = await readBlobs(source.commit, source.files, { cacheDir });
    assert.equal(String(contents.get(source.files[2]?.blob ?? "")), notebook("5"));

    const { directory, dispose } = await checkout(source.commit, { cacheDir });
    assert.equal(readFileSync(join(directory, "nb", "a.py"), "utf8"), notebook("5"));
    assert.equal(readFileSync(join(directory, "lib", "c.txt"), "utf8"), "x");
    await dispose();

    assert.equal(
      (await read({ allowUncommitted: true })).commit.githash,
      source.commit.githash,
      "the same tree, the same name",
    );
    const elsewhere = temporaryFolder();
    const spec = { repository: repository.directory, ref: "HEAD", path: "nb", allowUncommitted: true };
    assert.equal((await readSource(spec, { cacheDir: elsewhere })).commit.githash, source.commit.githash);
    rmSync(elsewhere, { recursive: true });
    repository.write({ "nb/a.py": notebook("6") });
    assert.notEqual((await read({ allowUncommitted: true })).commit.githash, source.commit.githash);
  });

  it("allowed, but none: HEAD as it is", async () => {
    const source = await read({ allowUncommitted: true });
    assert.equal(source.commit.githash, repository.git("rev-parse", "HEAD"));
    assert.equal(source.commit.uncommitted, undefined);
  });

  it("with an unresolved merge are never released", async () => {
    repository.git("checkout", "-q", "-b", "side");
    repository.commit({ "nb/a.py": notebook("side") });
    repository.git("checkout", "-q", "main");
    repository.commit({ "nb/a.py": notebook("main") });
    assert.throws(() => repository.git("merge", "side"));
    await assert.rejects(read({ allowUncommitted: true }), /unresolved merge.*\n {2}- nb\/a\.py$/);
  });

  it("works in a linked work tree, in a shallow clone, and in a bare repository", async () => {
    const head = repository.commit({ "nb/z.py": notebook("z") });
    const folder = temporaryFolder();
    repository.git("worktree", "add", "-q", "--detach", `${folder}/linked`, "HEAD");
    repository.git("clone", "-q", "--depth", "1", repository.url, `${folder}/shallow`);
    repository.git("clone", "-q", "--bare", repository.directory, `${folder}/bare.git`);
    for (const name of ["linked", "shallow", "bare.git"]) {
      const source = await read({ repository: `${folder}/${name}` });
      assert.equal(source.commit.githash, head, name);
    }
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${folder}/linked/nb/z.py`, notebook("changed"));
    const source = await read({ repository: `${folder}/linked`, allowUncommitted: true });
    assert.equal(source.commit.uncommitted, true);
    rmSync(folder, { recursive: true });
  });

  it("says so where nothing was ever committed", async () => {
    const folder = temporaryFolder();
    const { execFileSync } = await import("node:child_process");
    execFileSync("git", ["init", "-q", folder]);
    await assert.rejects(read({ repository: folder }), /has no commit yet/);
    rmSync(folder, { recursive: true });
  });
});
