import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { checkout, compareSources, readBlobs, readFiles, readSource, type Source } from "../../source/index";
import { header, makeRepository, notebook, temporaryFolder, type TestRepository } from "./support";

describe("source: checkout and contents", () => {
  let repository: TestRepository;
  let cacheDir: string;
  let source: Source;
  const binary = Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * 7) % 256));
  before(async () => {
    cacheDir = temporaryFolder();
    repository = makeRepository({
      "nb/a b.py": `${header.python}\nx\n`,
      "nb/copy.py": `${header.python}\nx\n`,
      "nb/data.bin": binary,
      "nb/empty.txt": "",
      "nb/link.py": { link: "a b.py" },
      "build.sh": { executable: "#!/bin/sh\n" },
      ".gitattributes": "* text eol=crlf filter=shout\n*.txt ident export-ignore\n",
      "lib/é.txt": "$Id$\n",
    });
    source = await readSource({ repository: repository.url, ref: "main", path: "nb" }, { cacheDir });
  });
  after(() => {
    repository.remove();
    rmSync(cacheDir, { recursive: true });
  });

  it("writes the commit's tree byte for byte, and nothing of git", async () => {
    // Settings of a user that would change contents, or run a program.
    const config = join(cacheDir, "gitconfig");
    writeFileSync(
      config,
      '[core]\n\tautocrlf = true\n\tsymlinks = false\n[filter "shout"]\n\tsmudge = tr a-z A-Z\n\trequired\n',
    );
    const { directory, dispose } = await checkout(source.commit, {
      cacheDir,
      env: { ...process.env, GIT_CONFIG_GLOBAL: config },
    });
    const listed = repository.git("-c", "core.quotePath=false", "ls-files").split("\n");
    const written = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter(
      (name) => !lstatSync(join(directory, name)).isDirectory(),
    );
    assert.deepEqual(written.sort(), listed.sort());
    for (const name of listed) {
      if (lstatSync(join(directory, name)).isSymbolicLink()) continue;
      const blob = execFileSync("git", ["cat-file", "blob", `HEAD:${name}`], { cwd: repository.directory });
      assert.ok(readFileSync(join(directory, name)).equals(blob), name);
      assert.equal(statSync(join(directory, name)).mtimeMs, 1_700_000_000_000);
    }
    assert.equal(readlinkSync(join(directory, "nb", "link.py")), "a b.py");
    assert.ok(statSync(join(directory, "build.sh")).mode & 0o100);
    assert.ok(!(statSync(join(directory, "nb", "data.bin")).mode & 0o111));
    await dispose();
    assert.ok(!existsSync(directory));
    await dispose();
  });

  it("can be of one folder, and is outside of every repository", async () => {
    const { directory, dispose } = await checkout(source.commit, { cacheDir, path: "nb" });
    assert.deepEqual(readdirSync(directory).sort(), [
      "a b.py",
      "copy.py",
      "data.bin",
      "empty.txt",
      "link.py",
    ]);
    for (let at = directory; at !== dirname(at); at = dirname(at))
      assert.ok(!existsSync(join(at, ".git")), at);
    await dispose();
  });

  it("is a folder of its own each time, which a build may fill and lock", async () => {
    const [one, two] = await Promise.all([
      checkout(source.commit, { cacheDir }),
      checkout(source.commit, { cacheDir }),
    ]);
    assert.notEqual(one.directory, two.directory);
    mkdirSync(join(one.directory, "cache", "deep"), { recursive: true });
    writeFileSync(join(one.directory, "cache", "deep", "x"), "");
    chmodSync(join(one.directory, "cache", "deep"), 0o500);
    chmodSync(join(one.directory, "cache"), 0o500);
    await one.dispose();
    assert.ok(!existsSync(one.directory));
    assert.ok(existsSync(two.directory));
    await two.dispose();
  });

  it("leaves nothing behind when it fails", async () => {
    const names = () =>
      readdirSync(dirname(one.directory)).filter((name) =>
        name.startsWith(`notebook-releases-${process.pid}-`),
      );
    const one = await checkout(source.commit, { cacheDir });
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    await assert.rejects(checkout(source.commit, { cacheDir, signal: stop.signal }));
    await assert.rejects(checkout(source.commit, { cacheDir, path: "none" }));
    assert.equal(names().length, 1);
    await one.dispose();
  });

  it("gives the contents of files without a checkout", async () => {
    const contents = new Map<string, Buffer>();
    for await (const { file, content } of readFiles(source.commit, source.files, { cacheDir }))
      contents.set(file.path, content);
    assert.deepEqual(
      [...contents.keys()].sort(),
      source.files.map((file) => file.path),
    );
    assert.ok(contents.get("data.bin")?.equals(binary));
    assert.equal(String(contents.get("link.py")), `${header.python}\nx\n`);
    assert.equal(contents.get("empty.txt")?.length, 0);
    const blobs = await readBlobs(source.commit, source.files, { cacheDir });
    assert.equal(blobs.size, 3);
  });

  it("fetches again what somebody cleaned away", async () => {
    rmSync(source.commit.gitDir, { recursive: true });
    const blobs = await readBlobs(source.commit, source.files, { cacheDir });
    assert.equal(blobs.size, 3);
    rmSync(source.commit.gitDir, { recursive: true });
    const { directory, dispose } = await checkout(source.commit, { cacheDir });
    assert.ok(existsSync(join(directory, "lib", "é.txt")));
    await dispose();
  });

  it("compares a release with an earlier commit", async () => {
    const old = source.commit.githash;
    const spec = { repository: repository.url, ref: "main", path: "nb" };
    repository.commit({
      "nb/a b.py": notebook("2"),
      "nb/new.sql": `${header.sql}\n`,
      "nb/copy.py": "now a module\n",
      "nb/data.bin": null,
      "lib/x": "y",
    });
    const fresh = join(cacheDir, "fresh");
    const now = await readSource(spec, { cacheDir: fresh });
    const changes = await compareSources(old, now, spec, { cacheDir: fresh });
    assert.deepEqual(changes, {
      added: ["copy.py", "new"],
      changed: ["a b", "link"],
      removed: ["copy", "data.bin"],
    });
    assert.deepEqual(await compareSources(now.commit.githash, now, spec, { cacheDir: fresh }), {
      added: [],
      changed: [],
      removed: [],
    });
    assert.equal(await compareSources("0".repeat(40), now, spec, { cacheDir: fresh }), undefined);
    const moved = { ...spec, path: "lib2" };
    repository.commit({ "lib2/n.py": notebook() });
    const other = await readSource(moved, { cacheDir: fresh });
    assert.deepEqual(await compareSources(old, other, moved, { cacheDir: fresh }), {
      added: ["n"],
      changed: [],
      removed: [],
    });
  });
});
