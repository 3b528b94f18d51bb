import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSource, type SourceError, type SourceSpec } from "../../source/index";
import { header, makeRepository, notebook, temporaryFolder, type TestRepository } from "./support";

describe("source: from a ref to a commit", () => {
  let repository: TestRepository;
  let cacheDir: string;
  let first: string;
  let second: string;

  before(() => {
    cacheDir = temporaryFolder();
    repository = makeRepository({ "nb/a.py": notebook() }, { message: "First subject\ngoes on\n\nBody." });
    first = repository.git("rev-parse", "HEAD");
    repository.git("tag", "light");
    repository.git("tag", "-a", "v1.0", "-m", "annotated");
    repository.git("tag", "-a", "v1.0-again", "v1.0", "-m", "a tag of a tag");
    repository.git("update-ref", "refs/pull/7/head", first);
    second = repository.commit({ "nb/b.py": notebook() });
    repository.git("branch", "feature/login");
    repository.git("branch", "same");
    repository.git("tag", "same");
    repository.git("branch", "twice");
    repository.git("tag", "twice", first);
  });
  after(() => {
    repository.remove();
    rmSync(cacheDir, { recursive: true });
  });

  const read = (spec: Partial<SourceSpec>) =>
    readSource({ repository: repository.url, ref: "main", path: "nb", ...spec }, { cacheDir });

  for (const kind of ["url", "directory"] as const) {
    describe(kind === "url" ? "on a server" : "in a local folder", () => {
      const cases: Record<string, () => string> = {
        main: () => second,
        HEAD: () => second,
        "refs/heads/main": () => second,
        "heads/main": () => second,
        "feature/login": () => second,
        light: () => first,
        "v1.0": () => first,
        "tags/v1.0": () => first,
        "v1.0-again": () => first,
        "refs/pull/7/head": () => first,
        "pull/7/head": () => first,
        same: () => second,
        "refs/heads/twice": () => second,
        "refs/tags/twice": () => first,
      };
      for (const [ref, githash] of Object.entries(cases)) {
        it(`resolves ${ref}`, async () => {
          const source = await read({ repository: repository[kind], ref });
          assert.equal(source.commit.githash, githash());
          assert.equal(source.commit.ref, ref);
        });
      }

      it("resolves full and short commits, and the id of an annotated tag", async () => {
        for (const ref of [
          first,
          first.toUpperCase(),
          first.slice(0, 9),
          repository.git("rev-parse", "v1.0"),
        ]) {
          const source = await read({ repository: repository[kind], ref });
          assert.equal(source.commit.githash, first, ref);
        }
      });

      it("refuses a name that is a branch and a tag of different commits", async () => {
        await assert.rejects(read({ repository: repository[kind], ref: "twice" }), (error: SourceError) => {
          assert.match(error.message, /"twice" is ambiguous in .*source test-/);
          assert.deepEqual(error.problems, [
            `refs/heads/twice is ${second.slice(0, 12)}`,
            `refs/tags/twice is ${first.slice(0, 12)}`,
          ]);
          return true;
        });
      });

      it("names close branches for an unknown one", async () => {
        const unknown = read({ repository: repository[kind], ref: "feature/lgoin" });
        await assert.rejects(
          unknown,
          /source test-.* has no branch, tag or commit "feature\/lgoin"\. Close to it: feature\/login$/,
        );
        const far = read({ repository: repository[kind], ref: "zzzzzzzzzzzz" });
        await assert.rejects(far, /It has 4 branches and 5 tags, none with a name like this/);
      });

      it("says so if a commit is not there", async () => {
        const none = "0123456789".repeat(4);
        await assert.rejects(
          read({ repository: repository[kind], ref: none }),
          new RegExp(`has no commit ${none}`),
        );
        await assert.rejects(
          read({ repository: repository[kind], ref: "0123456789" }),
          /has no .*0123456789/,
        );
      });

      it("tells the commit's facts", async () => {
        const { commit } = await read({ repository: repository[kind], ref: first });
        assert.equal(commit.subject, "First subject goes on");
        assert.equal(commit.author, "Ada Ünal <ada@example.com>");
        assert.equal(commit.commitTime, 1_700_000_000);
        assert.equal(commit.committedAt, "2023-11-14T22:13:20.000Z");
        assert.equal(commit.repository, repository[kind]);
      });
    });
  }

  it("refuses what is no name of a ref", async () => {
    for (const ref of [
      "",
      "-x",
      "--upload-pack=touch x",
      "main~1",
      "a..b",
      "a b",
      "main^{tree}",
      "@{1}",
      "a:b",
      "x*",
    ]) {
      await assert.rejects(read({ ref }), /source\.ref/, ref);
    }
  });

  it("follows a branch that moved", async () => {
    const other = makeRepository();
    const spec = { repository: other.url, ref: "main" };
    const before = await readSource(spec, { cacheDir });
    const moved = other.commit({ "b.py": notebook() });
    const after = await readSource(spec, { cacheDir });
    assert.notEqual(before.commit.githash, moved);
    assert.equal(after.commit.githash, moved);
    assert.deepEqual(
      after.files.map((file) => file.path),
      ["a.py", "b.py"],
    );
    other.remove();
  });

  it("names a path that is not there, a file as path, and one that leaves the repository", async () => {
    await assert.rejects(
      read({ path: "nbs" }),
      /source\.path "nbs" is not in commit \w{12} of .*\. Close to it: nb$/,
    );
    await assert.rejects(read({ path: "nb/a.py" }), /source\.path "nb\/a\.py" is a file/);
    await assert.rejects(read({ path: "../x" }), /source\.path "\.\.\/x" leaves the repository/);
    await assert.rejects(read({ path: "/etc" }), /source\.path "\/etc" leaves the repository/);
  });

  it("takes a path however it is written", async () => {
    const digests = await Promise.all(
      ["nb", "./nb/", "nb//", "./nb"].map(async (path) => (await read({ path })).digest),
    );
    assert.equal(new Set(digests).size, 1);
  });

  it("refuses a path without notebooks and says what makes one", async () => {
    const other = makeRepository({ "a.py": "x = 1\n" });
    const error = readSource({ repository: other.url, ref: "main" }, { cacheDir });
    await assert.rejects(
      error,
      new RegExp(`no notebook in the tree at commit .*1 other files.*"${header.python}"`),
    );
    other.remove();
  });

  it("refuses addresses that run programs or read as options", async () => {
    for (const repository of ["ext::sh -c touch% x", "-x", "--upload-pack=x", "foo://x/y", "", "a\nb"]) {
      await assert.rejects(
        readSource({ repository, ref: "main" }, { cacheDir }),
        /source\.repository/,
        repository,
      );
    }
  });

  it("explains a local path that is no repository, and one inside a repository", async () => {
    const folder = temporaryFolder();
    await assert.rejects(read({ repository: `${folder}/none` }), /there is no folder .*none/);
    await assert.rejects(read({ repository: folder }), /is not a git repository/);
    const inside = read({ repository: `${repository.directory}/nb` });
    await assert.rejects(
      inside,
      /inside the repository .*source test-.*: name that as the repository, and nb in source\.path/,
    );
    rmSync(folder, { recursive: true });
  });

  it("says at once that nothing listens, and within its limit that nobody answers", async () => {
    const refused = readSource({ repository: "http://127.0.0.1:9/x", ref: "main" }, { cacheDir });
    await assert.rejects(refused, /cannot read http:\/\/127\.0\.0\.1:9\/x: fatal: unable to access/);
    const silent = (await import("node:net")).createServer(() => undefined);
    await new Promise<void>((ready) => silent.listen(0, "127.0.0.1", ready));
    const { port } = silent.address() as { port: number };
    const begun = Date.now();
    for (const ref of ["main", first]) {
      const mute = readSource(
        { repository: `http://127.0.0.1:${port}/x`, ref },
        { cacheDir, timeoutMs: 600 },
      );
      await assert.rejects(mute, /cannot reach http:\/\/127\.0\.0\.1:\d+\/x: no answer within 1 s/);
    }
    assert.ok(Date.now() - begun < 10_000);
    silent.close();
  });

  it("reads over ssh, and says what ssh said", async () => {
    const folder = temporaryFolder();
    const ssh = (name: string, script: string): NodeJS.ProcessEnv => {
      const file = join(folder, name);
      writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return { ...process.env, GIT_SSH_COMMAND: `'${file}'` };
    };
    // What ssh does, without the network: runs the last argument in a shell.
    const works = ssh("works", 'for last; do :; done; exec sh -c "$last"');
    const spec = { repository: `git@host.example:${repository.directory}`, ref: "v1.0", path: "nb" };
    const source = await readSource(spec, { cacheDir, env: works });
    assert.equal(source.commit.githash, first);
    assert.equal(source.commit.repository, spec.repository);
    const fails = ssh("fails", 'echo "git@host.example: Permission denied (publickey)." >&2; exit 255');
    await assert.rejects(
      readSource(spec, { cacheDir, env: fails }),
      /cannot read git@host\.example:.*: git@host\.example: Permission denied \(publickey\)\. \(fatal: Could not read/,
    );
    const asked = ssh("ssh", 'echo "$@" >&2; exit 255');
    delete asked.GIT_SSH_COMMAND;
    const ours = readSource(spec, { cacheDir, env: { ...asked, PATH: `${folder}:${process.env.PATH}` } });
    await assert.rejects(ours, /-o BatchMode=yes -o ConnectTimeout=10/);
    rmSync(folder, { recursive: true });
  });

  it("says where it could not keep a clone", async () => {
    const reading = readSource({ repository: repository.url, ref: "main" }, { cacheDir: "/dev/null/x" });
    await assert.rejects(
      reading,
      /cannot keep a clone in \/dev\/null\/x\/.*NOTEBOOK_RELEASES_CACHE may name another folder/,
    );
  });

  it("stops when it is told to", async () => {
    const stop = new AbortController();
    const other = makeRepository();
    const reading = readSource(
      { repository: other.url, ref: "main" },
      { cacheDir, signal: stop.signal, onProgress: () => stop.abort(new Error("enough")) },
    );
    await assert.rejects(reading, /enough/);
    assert.equal((await readSource({ repository: other.url, ref: "main" }, { cacheDir })).files.length, 1);
    other.remove();
  });

  it("is not led astray by git's variables in the environment", async () => {
    const env = {
      ...process.env,
      GIT_DIR: "/nonexistent",
      GIT_INDEX_FILE: "/nonexistent",
      GIT_WORK_TREE: "/",
      PAGER: "x",
    };
    const spec = { repository: repository.directory, ref: "main", path: "nb" };
    assert.equal((await readSource(spec, { cacheDir, env })).commit.githash, second);
  });
});
