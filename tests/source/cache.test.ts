import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { readSource, type Source } from "../../source/index";
import { serveGit } from "./server";
import { makeRepository, notebook, temporaryFolder, type TestFile, type TestRepository } from "./support";

/** Starts a process of its own that reads a source and prints it as JSON. */
function reader(spec: object, cacheDir: string): ChildProcess {
  const script = `
    const { readSource } = require(${JSON.stringify(join(__dirname, "../../source/index.ts"))});
    readSource(${JSON.stringify(spec)}, { cacheDir: ${JSON.stringify(cacheDir)}, onProgress: (line) => console.error(line) })
      .then((source) => console.log(JSON.stringify(source)), (error) => { console.error(error); process.exitCode = 1; });`;
  return spawn(process.execPath, ["--import", "tsx", "-e", script], { stdio: ["ignore", "pipe", "pipe"] });
}

async function outputOf(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk: Buffer) => (out += String(chunk)));
  child.stderr?.on("data", (chunk: Buffer) => (err += String(chunk)));
  const code = await new Promise<number | null>((done) => child.on("close", done));
  return { code, out, err };
}

describe("source: the cache", () => {
  let repository: TestRepository;
  let cacheDir: string;
  beforeEach(() => {
    const files: Record<string, TestFile> = {};
    for (let n = 0; n < 60; n++) files[`nb/f${n % 7}/n${n}.py`] = notebook(`print(${n})`);
    repository = makeRepository({ ...files, "other/large.bin": "x".repeat(5000) });
    cacheDir = temporaryFolder();
  });
  afterEach(() => {
    repository.remove();
    rmSync(cacheDir, { recursive: true });
  });
  const spec = () => ({ repository: repository.url, ref: "main", path: "nb" });
  const gitIn = (source: Source, ...args: string[]) =>
    repository.git(`--git-dir=${source.commit.gitDir}`, ...args);

  it("is asked nothing of the server for a commit that it holds", async () => {
    const source = await readSource(spec(), { cacheDir });
    renameSync(repository.directory, `${repository.directory}.away`);
    const lines: string[] = [];
    const full = { ...spec(), ref: source.commit.githash };
    const again = await readSource(full, { cacheDir, onProgress: (line) => lines.push(line) });
    const elsewise = await readSource(
      { ...full, exclude: ["f1/**"] },
      { cacheDir, onProgress: (line) => lines.push(line) },
    );
    assert.deepEqual(again.files, source.files);
    assert.ok(elsewise.files.length < source.files.length);
    assert.deepEqual(lines, []);
    await assert.rejects(readSource(spec(), { cacheDir }), /cannot read file:/);
    renameSync(`${repository.directory}.away`, repository.directory);
  });

  it("fetches a commit without history, and contents below the path only, in two requests", async () => {
    repository.commit({ "nb/new.py": notebook("new") });
    const lines: string[] = [];
    const source = await readSource(spec(), { cacheDir, onProgress: (line) => lines.push(line) });
    assert.deepEqual(
      lines.map((line) => line.replace(/[0-9a-f]{12}/, "…")),
      [`fetching commit … from ${repository.url}`, `fetching 61 files from ${repository.url}`],
    );
    const large = repository.git("rev-parse", "HEAD:other/large.bin");
    const parent = repository.git("rev-parse", "HEAD~1");
    assert.throws(() => gitIn(source, "cat-file", "-e", large));
    assert.throws(() => gitIn(source, "cat-file", "-e", parent));
    assert.ok(!readFileSync(join(source.commit.gitDir, "config"), "utf8").includes("promisor"));
    assert.equal(
      gitIn(source, "log", "--format=%H", `refs/releases/${source.commit.githash}`),
      source.commit.githash,
    );
  });

  it("fetches only what is new of the next commit", async () => {
    await readSource(spec(), { cacheDir });
    repository.commit({ "nb/new.py": notebook("new") });
    const lines: string[] = [];
    await readSource(spec(), { cacheDir, onProgress: (line) => lines.push(line) });
    assert.match(lines[1] ?? "", /^fetching 1 file from/);
  });

  it("serves a server that knows no partial clones and gives out no ids", async () => {
    repository.git("config", "uploadpack.allowFilter", "false");
    const old = repository.git("rev-parse", "HEAD");
    repository.commit({ "nb/new.py": notebook("new") });
    assert.equal((await readSource(spec(), { cacheDir })).files.length, 61);
    assert.equal((await readSource({ ...spec(), ref: old }, { cacheDir })).files.length, 60);
    // Protocol 0 gives out what a branch or tag points to, and nothing else.
    const env = {
      ...process.env,
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "protocol.version",
      GIT_CONFIG_VALUE_0: "0",
    };
    const other = temporaryFolder();
    assert.equal((await readSource({ ...spec(), ref: old }, { cacheDir: other, env })).files.length, 60);
    rmSync(other, { recursive: true });
  });

  it("is filled once by eight processes at once", async function () {
    this.timeout(60_000);
    const results = await Promise.all(Array.from({ length: 8 }, () => outputOf(reader(spec(), cacheDir))));
    for (const { code, err } of results) assert.equal(code, 0, err);
    assert.equal(new Set(results.map(({ out }) => out)).size, 1);
    const fetches = results
      .flatMap(({ err }) => err.split("\n"))
      .filter((line) => line.startsWith("fetching"));
    assert.equal(fetches.length, 2, fetches.join("\n"));
    const gitDir = (JSON.parse(results[0]?.out ?? "") as Source).commit.gitDir;
    assert.deepEqual(readdirSync(cacheDir), [gitDir.slice(cacheDir.length + 1)]);
    assert.deepEqual(readdirSync(join(gitDir, "incoming")), []);
    assert.ok(!existsSync(join(gitDir, "fetch.lock")));
  });

  it("survives a kill -9 in the middle of a fetch", async function () {
    this.timeout(60_000);
    let hang = true;
    const server = await serveGit(join(repository.directory, ".."), {
      // Begins to answer the fetch, and no more: the process is killed while it waits.
      before: (request, response) => {
        if (!hang || request.method !== "POST" || server.requests.length < 4) return false;
        response
          .writeHead(200, { "Content-Type": "application/x-git-upload-pack-result" })
          .write("0008NAK\n");
        return true;
      },
    });
    const remote = {
      ...spec(),
      repository: `${server.origin}/${encodeURIComponent(repository.directory.split("/").at(-1) ?? "")}/.git`,
    };
    const child = reader(remote, cacheDir);
    const ended = outputOf(child);
    const limit = Date.now() + 60_000;
    while (server.requests.length < 4 && Date.now() < limit)
      await new Promise((next) => setTimeout(next, 20));
    assert.equal(server.requests.length, 4);
    const clone = join(cacheDir, readdirSync(cacheDir)[0] ?? "");
    assert.ok(existsSync(join(clone, "fetch.lock")));
    assert.equal(readdirSync(join(clone, "incoming")).length, 1);
    child.kill("SIGKILL");
    hang = false;
    const begun = Date.now();
    const source = await readSource(remote, { cacheDir });
    assert.ok(Date.now() - begun < 10_000, "a dead owner's lock is not waited for");
    assert.equal(source.files.length, 60);
    assert.deepEqual(readdirSync(join(clone, "incoming")), []);
    assert.ok(!existsSync(join(clone, "fetch.lock")));
    await server.close();
    await ended;
  });

  it("does not wait for a lock that nobody keeps any more", async () => {
    const source = await readSource(spec(), { cacheDir });
    repository.commit({ "nb/new.py": notebook() });
    const lock = join(source.commit.gitDir, "fetch.lock");
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: "another-machine" }));
    const long = new Date(Date.now() - 60_000);
    utimesSync(lock, long, long);
    assert.equal((await readSource(spec(), { cacheDir })).files.length, 61);
  });

  it("reads a damaged or half-written manifest again", async () => {
    const source = await readSource(spec(), { cacheDir });
    const folder = join(source.commit.gitDir, "manifests");
    const file = join(folder, readdirSync(folder)[0] ?? "");
    const whole = readFileSync(file, "utf8");
    for (const damaged of ["", whole.slice(0, 100), whole.replace(/"blob":"./, '"blob":"x'), "{}"]) {
      writeFileSync(file, damaged);
      assert.deepEqual(await readSource(spec(), { cacheDir }), source);
    }
  });

  it("finds everything among many packs", async function () {
    this.timeout(60_000);
    for (let n = 0; n < 11; n++) {
      repository.commit({ "nb/new.py": notebook(`${n}`) });
      await readSource(spec(), { cacheDir });
    }
    const source = await readSource({ ...spec(), ref: repository.git("rev-parse", "HEAD~5") }, { cacheDir });
    assert.ok(existsSync(join(source.commit.gitDir, "objects", "pack", "multi-pack-index")));
  });

  it("lies where the environment says", async () => {
    const env = { ...process.env, NOTEBOOK_RELEASES_CACHE: join(cacheDir, "mine") };
    const source = await readSource(spec(), { env });
    assert.ok(source.commit.gitDir.startsWith(join(cacheDir, "mine", "git")));
    mkdirSync(join(cacheDir, "home"));
    const home = {
      ...process.env,
      NOTEBOOK_RELEASES_CACHE: "",
      XDG_CACHE_HOME: "",
      HOME: join(cacheDir, "home"),
    };
    assert.ok((await readSource(spec(), { env: home })).commit.gitDir.startsWith(join(cacheDir, "home")));
  });
});
