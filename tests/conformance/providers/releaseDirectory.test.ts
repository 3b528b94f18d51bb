/** A release as it is made: what git has, complete or absent, whatever interrupts it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSource } from "../../../source";
import { notebook } from "../../source/support";
import { fails, Resource, type Values } from "./engine";
import { Ground, unique } from "./ground";
import { COMPLETE, IMPORT, releaseCase, ReleaseRig } from "./release";

describe("ReleaseDirectory", function () {
  this.timeout(60_000);
  let ground: Ground;
  let release: ReleaseRig;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
    release = new ReleaseRig(ground);
  });
  afterEach(() => ground.clearFaults());
  after(() => ground?.leave());

  it("is what git has: notebooks by language, everything else as files, byte for byte", async () => {
    ground.repository.git("switch", "--quiet", "--orphan", unique("branch"));
    const files: Record<string, string | Buffer> = {
      "nb/with space/täglich.py": notebook("print('ä')"),
      "nb/query.sql": "-- Databricks notebook source\nSELECT 1\n",
      "nb/job.scala": "// Databricks notebook source\nprintln(1)\n",
      "nb/stats.r": "# Databricks notebook source\nprint(1)\n",
      "nb/explore.ipynb": JSON.stringify({
        cells: [
          { cell_type: "code", source: ["print(1)"], metadata: {}, outputs: [], execution_count: null },
        ],
        metadata: { language_info: { name: "python" } },
        nbformat: 4,
        nbformat_minor: 5,
      }),
      "nb/lib/module.py": "VALUE = 1\n",
      "nb/lib/windows.txt": "one\r\ntwo\r\n",
      "nb/wheel.zip": Buffer.from([0x50, 0x4b, 5, 6, ...Array<number>(18).fill(0)]),
      "nb/binary.bin": Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      "nb/empty.txt": "",
    };
    const githash = ground.repository.commit(files);
    ground.repository.git("switch", "--quiet", "main");
    const { inputs: source } = await ground.source(githash);
    const inputs: Values = {
      ...(await releaseCase.inputs(ground)),
      ...source,
      path: `/Shared/${unique("all kinds")}/${githash}`,
    };
    const resource = new Resource("ReleaseDirectory");
    await resource.up(inputs);
    assert.deepEqual(await release.listing(inputs.path), {
      ".release.json": "FILE",
      "binary.bin": "FILE",
      "empty.txt": "FILE",
      explore: "NOTEBOOK PYTHON",
      job: "NOTEBOOK SCALA",
      "lib/module.py": "FILE",
      "lib/windows.txt": "FILE",
      query: "NOTEBOOK SQL",
      stats: "NOTEBOOK R",
      "wheel.zip": "FILE",
      "with space/täglich": "NOTEBOOK PYTHON",
    });
    for (const file of ["binary.bin", "empty.txt", "lib/module.py", "lib/windows.txt", "wheel.zip"]) {
      assert.deepEqual(
        await release.content(`${inputs.path}/${file}`),
        Buffer.from(files[`nb/${file}`]!),
        file,
      );
    }
    assert.match(
      await release.source(`${inputs.path}/with space/täglich`),
      /^# Databricks notebook source\nprint\('ä'\)/,
    );
    assert.deepEqual(resource.outs.files, { notebooks: 5, files: 5 });
    assert.equal(await resource.refresh(), true);
    assert.deepEqual(resource.outs.drift, []);
  });

  it("has a manifest with every file's blob from git, and tells MLflow how long it took", async () => {
    const { inputs } = await release.released();
    const { githash, digest, path, files } = JSON.parse(
      (await release.content(`${inputs.path}/.release.json`)).toString("utf8"),
    );
    assert.deepEqual([githash, digest, path], [inputs.githash, inputs.digest, "nb"]);
    const tree = ground.repository
      .git("ls-tree", "-r", "--format=%(objectname)", inputs.githash, "nb")
      .split("\n");
    assert.equal(files.length, 5);
    assert.ok(files.every(({ blob }: { blob: string }) => tree.includes(blob)));
    const { metrics, tags } = await ground.mlflowRun(inputs.deploymentId);
    assert.equal(metrics.notebooks, 3);
    assert.ok((metrics.upload_seconds ?? 0) > 0);
    assert.equal(tags.message, `uploaded to ${inputs.path}`);
  });

  it("that broke off has no manifest, fails its deployment, and is completed by the next create", async () => {
    for (const after of [0, 2, 4, 5]) {
      const inputs = await releaseCase.inputs(ground);
      await ground.fault({
        match: IMPORT,
        status: 400,
        errorCode: "INVALID_STATE",
        message: "broken off",
        after,
        times: 0,
      });
      await fails(
        new Resource("ReleaseDirectory").up(inputs),
        /POST \/api\/2\.0\/workspace\/import: INVALID_STATE \(HTTP 400\): broken off/,
      );
      await ground.clearFaults();
      const left = await release.listing(inputs.path);
      assert.ok(!(".release.json" in left));
      assert.ok(Object.keys(left).length <= after);
      assert.equal((await ground.mlflowRun(inputs.deploymentId)).tags.status, "failed");

      const { deploymentId } = await release.running();
      const resource = new Resource("ReleaseDirectory");
      assert.equal(await resource.up({ ...inputs, deploymentId }), "create");
      assert.deepEqual(await release.listing(inputs.path), COMPLETE);
      assert.equal(await resource.refresh(), true);
      assert.deepEqual(resource.outs.drift, []);
    }
  });

  it("bears a busy workspace, failures that pass, and lost answers", async () => {
    const inputs = await releaseCase.inputs(ground);
    await ground.fault({ match: IMPORT, status: 429, times: 3 });
    await ground.fault({ match: IMPORT, status: 503, after: 1, times: 2 });
    await ground.fault({ match: IMPORT, drop: "after", after: 2, times: 2 });
    await ground.fault({ match: "POST /api/2.0/workspace/mkdirs", drop: "after", times: 1 });
    await new Resource("ReleaseDirectory").up(inputs);
    assert.deepEqual(await release.listing(inputs.path), COMPLETE);
  });

  it("of the same commit with another folder or other exclusions is refused, naming both", async () => {
    const { inputs } = await release.released();
    const other = async (sourcePath: string, exclude: string[]) => {
      const source = await readSource({
        repository: inputs.repository,
        ref: inputs.githash,
        path: sourcePath,
        exclude,
      });
      return {
        sourcePath,
        exclude,
        digest: source.digest,
        ...(await release.running()),
      };
    };
    const refused = async (settings: Values, pattern: RegExp) => {
      const imports = await release.importsOf(() =>
        fails(
          new Resource("ReleaseDirectory").up({ ...inputs, ...settings }),
          /holds this commit with other settings: path "nb", exclude \[\*\*\/\*\.md\]/,
          pattern,
          /another releaseRoot/,
        ),
      );
      assert.equal(imports, 0);
    };
    await refused(await other("", ["**/*.md"]), /this stack asks for path "", exclude \[\*\*\/\*\.md\]/);
    await refused(await other("nb", ["lib/**"]), /this stack asks for path "nb", exclude \[lib\/\*\*\]/);
    assert.deepEqual(await release.listing(inputs.path), COMPLETE);
  });

  it("is not made of other files than the program saw", async () => {
    const inputs = { ...(await releaseCase.inputs(ground)), digest: "0".repeat(64) };
    const imports = await release.importsOf(() =>
      fails(new Resource("ReleaseDirectory").up(inputs), /are not the ones that the program saw/),
    );
    assert.equal(imports, 0);
  });

  it("may be read by its readers, and not changed; by others not even that", async () => {
    const [userName, stranger] = [`${unique("reader")}@example.com`, `${unique("stranger")}@example.com`];
    const [token, theirs] = [await ground.workspace.user(userName), await ground.workspace.user(stranger)];
    // Not in /Shared, where every user may do everything.
    const home = `/Users/admin@local.workspace/${unique("releases")}`;
    const inputs = { ...(await releaseCase.inputs(ground)), path: `${home}/${ground.githash}` };
    await new Resource("ReleaseDirectory").up({ ...inputs, readers: [{ userName }] });
    const path = `${inputs.path}/pipeline/score`;
    const read = (as: string) =>
      ground.workspace.api("GET", `/api/2.0/workspace/export?path=${path}`, undefined, { token: as });
    assert.equal((await read(token)).status, 200);
    assert.equal((await read(theirs)).status, 403);
    const edited = { path, content: "", format: "SOURCE", language: "PYTHON", overwrite: true };
    await ground.workspace.fails(403, "PERMISSION_DENIED", "POST", "/api/2.0/workspace/import", edited, {
      token,
    });
    await ground.workspace.fails(
      403,
      "PERMISSION_DENIED",
      "POST",
      "/api/2.0/workspace/delete",
      { path },
      { token },
    );
    assert.match(await release.source(path), /print\('score'\)/);
  });

  it("leaves no checkout behind, also where it failed", async () => {
    await release.released();
    const inputs = await releaseCase.inputs(ground);
    await ground.fault({ match: IMPORT, status: 400, after: 1, times: 0 });
    await fails(new Resource("ReleaseDirectory").up(inputs), /HTTP 400/);
    const left = readdirSync(tmpdir()).filter((name) => name.startsWith(`notebook-releases-${process.pid}-`));
    assert.deepEqual(left, []);
  });

  it("takes its files from the commit, not from what lies in the repository's folder", async () => {
    const file = join(ground.repository.directory, "nb/pipeline/score.py");
    const committed = readFileSync(file, "utf8");
    ground.repository.write({ "nb/pipeline/score.py": notebook("print('not committed')") });
    try {
      const { inputs } = await release.released();
      assert.match(await release.source(`${inputs.path}/pipeline/score`), /print\('score'\)/);
    } finally {
      ground.repository.write({ "nb/pipeline/score.py": committed });
    }
  });
});
