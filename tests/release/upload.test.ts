/** A release's upload by archives: whatever the workspace makes of them, the release ends right, object by object. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { unzipSync, zipSync } from "fflate";
import { Client, type Call } from "../../databricks/client";
import { ConnectionError } from "../../databricks/errors";
import { surplusOf } from "../../providers/release/listing";
import { recall, remember } from "../../providers/release/remembered";
import { wayOf } from "../../providers/release/upload";
import type { ArchiveMode, WorkspaceOptions } from "../../workspace/options";
import type { TestFile } from "../source/support";
import { IMPORT, Rig, tree } from "./rig";

const PLAIN_FILES = 3;

describe("release: upload", function () {
  this.timeout(120_000);
  let rig: Rig;
  afterEach(() => rig?.stop());

  async function start(
    files: Record<string, TestFile> = tree(60),
    options: WorkspaceOptions = {},
  ): Promise<Rig> {
    await rig?.stop();
    return (rig = await Rig.start(files, options));
  }

  const fault = (rule: object) =>
    rig.workspace.ok("POST", "/__workspace/faults", { match: `POST ${IMPORT}`, ...rule });

  describe("by archive", () => {
    it("sends all notebooks in one request, the other files one by one, and asks little to see that all is right", async () => {
      await start();
      const { requests, imports } = await rig.up();
      assert.equal(imports, 1 + PLAIN_FILES);
      const count = (path: string) => requests.filter((request) => request.path.endsWith(path)).length;
      // Before there is anything; then the release and its folders: 5 of notebooks, and `lib`.
      assert.equal(count("/workspace/list"), 1 + 7);
      // The manifest that is not there, all notebooks, and each of the few files.
      assert.equal(count("/workspace/export"), 1 + 1 + PLAIN_FILES);
      await rig.checkRelease();
      assert.deepEqual(await recall(await rig.workspaceId()), {});
    });

    it("exports no more than a few of many plain files", async () => {
      const data = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`data/${n}.csv`, `a,${n}\n`]));
      await start({ ...tree(20), ...data });
      const { requests } = await rig.up();
      assert.equal(requests.filter(({ path }) => path.endsWith("/export")).length, 1 + 1 + 3);
      await rig.checkRelease();
      await rig.workspace.ok("POST", IMPORT, {
        path: `${rig.path}/data/7.csv`,
        content: Buffer.from("a,8\n").toString("base64"),
        format: "RAW",
        overwrite: true,
      });
      const repair = await rig.up();
      assert.equal(repair.imports, 1);
      await rig.checkRelease();
    });

    it("brings over every kind of notebook, name and content", async () => {
      const cell = {
        cell_type: "code",
        metadata: {},
        outputs: [],
        execution_count: null,
        source: ["x = 1\n", "x"],
      };
      const markdown = { cell_type: "markdown", metadata: {}, source: ["# Title\n", "text"] };
      const jupyter = { cells: [markdown, cell], metadata: {}, nbformat: 4, nbformat_minor: 5 };
      await start({
        "ä ö/täglich.py": "# Databricks notebook source\nprint('ü')\n",
        "ä ö/日本語.sql": "-- Databricks notebook source\nselect '日本'",
        "with space/and more/s.scala": "// Databricks notebook source\nval x = 1\n",
        "with space/r.R": "# Databricks notebook source\nlibrary(x)\n",
        "windows.py": "# Databricks notebook source\r\nx = 1\r\n\r\n# COMMAND ----------\r\n\r\ny = 2\r\n",
        "only_header.py": "# Databricks notebook source",
        "no_end.py": "# Databricks notebook source\n\n\nx = 1\n# COMMAND ----------\ny = 2",
        "jupyter.ipynb": JSON.stringify(jupyter),
        "empty.txt": "",
        "__init__.py": "",
        "with space/module.py": "def f():\r\n  pass",
        "archive.zip": Buffer.from(zipSync({ "a.py": Buffer.from("# Databricks notebook source\n") })),
        "back\\slash.py": "# Databricks notebook source\n1\n",
      });
      process.env.NOTEBOOK_RELEASES_UPLOAD = "archive";
      const { imports } = await rig.up();
      assert.equal(imports, 1 + 5);
      await rig.checkRelease();
      const found = await rig.contents();
      assert.match(found.jupyter ?? "", /# MAGIC # Title[^]*x = 1\nx/);
      assert.deepEqual(await recall(await rig.workspaceId()), {});
    });

    it("takes a workspace that writes notebooks anew for what it is", async () => {
      // A carriage return alone ends a line for the local workspace, and for nobody else.
      await start({ ...tree(30), "odd.py": "# Databricks notebook source\nx = 1\ry = 2\n" });
      const { imports } = await rig.up();
      assert.equal(imports, 1 + PLAIN_FILES + 1, "the odd one is sent once more, as a file");
      await rig.checkRelease();
      assert.deepEqual(await recall(await rig.workspaceId()), {});
    });

    it("sends what is larger than an import takes in several archives, and large files in a form", async () => {
      const files: Record<string, TestFile> = { "large.bin": randomBytes(8 * 1024 * 1024) };
      for (const [index, name] of ["a/one", "a/two", "b/one", "b/two", "b/three"].entries()) {
        files[`${name}.py`] =
          `# Databricks notebook source\n# ${randomBytes(1_800_000).toString("base64")}${index}\n`;
      }
      await start(files);
      process.env.NOTEBOOK_RELEASES_UPLOAD = "archive";
      const { imports } = await rig.up();
      assert.equal(imports, 2 + 1);
      await rig.checkRelease();
    });

    it("keeps to a limit of requests a second, and learns nothing bad from it", async () => {
      await start(tree(200), { rps: 30 });
      const { imports } = await rig.up();
      assert.ok(imports <= 1 + PLAIN_FILES + 10, `${imports} imports`);
      await rig.checkRelease();
      assert.deepEqual(await recall(await rig.workspaceId()), {});
    });

    it("sends a folder that was deleted as an archive, and an edited notebook alone", async () => {
      await start(tree(100));
      await rig.up();
      await rig.workspace.ok("POST", "/api/2.0/workspace/delete", {
        path: `${rig.path}/folder 3`,
        recursive: true,
      });
      assert.equal((await rig.up()).imports, 1);
      await rig.checkRelease();
      await rig.workspace.ok("POST", "/api/2.0/workspace/delete", {
        path: `${rig.path}/folder 3/notebook_3`,
      });
      assert.equal((await rig.up()).imports, 1);
      await rig.checkRelease();
    });

    it("is not used for a few notebooks, nor where the environment says so", async () => {
      await start(tree(10));
      assert.equal((await rig.up()).imports, 10 + PLAIN_FILES);
      await rig.checkRelease();
      rig.repository.commit(tree(40));
      process.env.NOTEBOOK_RELEASES_UPLOAD = "files";
      assert.equal((await rig.up()).imports, 40 + PLAIN_FILES);
      await rig.checkRelease();
      assert.throws(() => wayOf({ NOTEBOOK_RELEASES_UPLOAD: "zip" }), /"zip".*auto, archive or files/);
    });
  });

  describe("where the workspace", () => {
    const deviations: Partial<Record<ArchiveMode, RegExp>> = {
      refuse: /refused an archive \(INVALID_PARAMETER_VALUE: Importing a directory/,
      "top-folder": /not unpacked as they were packed: .*and 57 more/,
      drop: /not unpacked as they were packed: /,
    };
    for (const [archiveMode, note] of Object.entries(deviations) as [ArchiveMode, RegExp][]) {
      it(`treats archives as in "${archiveMode}": the release is right, and the next one goes by files`, async () => {
        await start(tree(60), { archiveMode });
        const first = await rig.up();
        assert.match(first.said, note);
        await rig.checkRelease();
        const { archives } = JSON.parse(readFileSync(await rig.lessonsFile(), "utf8"));
        assert.match(archives.reason, note);
        rig.repository.commit({ "folder 1/notebook_1.py": "# Databricks notebook source\nprint('new')\n" });
        const second = await rig.up();
        assert.equal(second.imports, 60 + PLAIN_FILES);
        assert.equal(second.requests.filter(({ status }) => status === 400).length, 0);
        assert.match(second.said, /one by one: on \d{4}-\d\d-\d\d, /);
        await rig.checkRelease();
      });
    }

    it("makes notebooks of modules: none is in an archive, so nothing is amiss", async () => {
      await start(tree(60), { archiveMode: "modules-as-notebooks" });
      assert.equal((await rig.up()).imports, 1 + PLAIN_FILES);
      await rig.checkRelease();
      assert.deepEqual(await recall(await rig.workspaceId()), {});
    });

    it("spoils contents in an archive: they are sent again, and remembered", async () => {
      await start();
      const spoiling = changing(rig, (files) => {
        const name = Object.keys(files).find((file) => file.endsWith("notebook_7.py"))!;
        return { ...files, [name]: Buffer.from("# Databricks notebook source\nprint(8)\n") };
      });
      await rig.upload(spoiling);
      const { "folder 2/notebook_7": found } = await rig.contents();
      assert.match(found ?? "", /print\(7\)/);
      assert.match((await recall(await rig.workspaceId())).archives?.reason ?? "", /notebook_7/);
      await spoiling.close();
    });

    it("does not know Jupyter notebooks in an archive: the others still go by archive", async () => {
      const jupyter = JSON.stringify({ cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 });
      await start({ ...tree(40), "folder 1/j.ipynb": jupyter });
      const dropping = changing(rig, (files) =>
        Object.fromEntries(Object.entries(files).filter(([name]) => !name.endsWith(".ipynb"))),
      );
      await rig.upload(dropping);
      await dropping.close();
      const lessons = await recall(await rig.workspaceId());
      assert.deepEqual(Object.keys(lessons), ["jupyter"]);
      rig.repository.commit({ "folder 1/k.ipynb": jupyter });
      assert.equal((await rig.up()).imports, 1 + 2 + PLAIN_FILES);
      await rig.checkRelease();
    });

    it("never answers an archive: the notebooks go one by one, whether it was unpacked or not", async () => {
      for (const isDone of [false, true]) {
        await start();
        const silent = intercepted(rig, async (call) => {
          if (isDone) await call();
          throw new ConnectionError("POST", IMPORT, rig.workspace.host, "UND_ERR_HEADERS_TIMEOUT", "late");
        });
        await rig.upload(silent);
        await silent.close();
        const lesson = (await recall(await rig.workspaceId())).archives;
        assert.match(lesson?.reason ?? "", /time limit/);
        assert.ok(
          Date.parse(lesson!.until) - Date.parse(lesson!.learnedAt) === 86_400_000,
          "tried again tomorrow",
        );
        const { files } = await rig.source();
        assert.deepEqual(Object.keys(await rig.contents()).sort(), files.map(({ target }) => target).sort());
      }
    });
  });

  describe("through faults", () => {
    const faults: Record<string, object> = {
      "a 503": { status: 503 },
      "a connection that breaks before anything is done": { drop: "before" },
      "an answer that is lost": { drop: "after" },
      "two lost answers": { drop: "after", times: 2 },
      "a 429": { status: 429, times: 2 },
    };
    for (const [what, rule] of Object.entries(faults)) {
      it(`${what}, on an archive, leaves no trace`, async () => {
        await start();
        await fault(rule);
        const { imports, said } = await rig.up();
        assert.ok(imports <= 1 + PLAIN_FILES + 2, `${imports} imports`);
        assert.doesNotMatch(said, /one by one/);
        await rig.checkRelease();
        assert.deepEqual(await recall(await rig.workspaceId()), {});
      });
    }

    it("a failure at each import leaves an unfinished folder, which the next up completes", async () => {
      // So many notebooks in so many folders are an archive for each.
      await start(tree(400, 20));
      for (const after of [0, 7, 20, 22]) {
        rig.repository.commit({ "readme.txt": `commit ${after}` });
        await fault({ status: 403, after, times: 0 });
        await assert.rejects(rig.up(), { message: /PERMISSION_DENIED/ });
        assert.equal(await rig.manifest(), undefined, "no manifest: unfinished");
        await rig.workspace.ok("DELETE", "/__workspace/faults");
        await rig.up();
        assert.equal((await rig.manifest())?.files.length, 400 + PLAIN_FILES);
      }
      await rig.checkRelease();
    });

    it("two at once end in one right release", async () => {
      await start(tree(120), { latencyMs: 5, archiveMsPerObject: 1 });
      const credentials = () => ({ kind: "token" as const, token: rig.workspace.token });
      const clients = [1, 2, 3].map(() => new Client({ host: rig.workspace.host, credentials }));
      await Promise.all(clients.map((client) => rig.upload(client)));
      await Promise.all(clients.map((client) => client.close()));
      assert.deepEqual(await recall(await rig.workspaceId()), {});
      await rig.up();
      await rig.checkRelease();
    });
  });

  describe("what is remembered of a workspace", () => {
    beforeEach(() => start(tree(20)));

    it("holds until its day, and for the archives of this version", async () => {
      await remember("w", "archives", { reason: "refused", days: 2 });
      assert.equal((await recall("w")).archives?.reason, "refused");
      assert.deepEqual(await recall("w", Date.now() + 3 * 86_400_000), {});
      assert.deepEqual(await recall("x"), {});
      const file = await rig.lessonsFile();
      await remember(await rig.workspaceId(), "archives", { reason: "refused", days: 2 });
      const lessons = JSON.parse(readFileSync(file, "utf8"));
      writeFileSync(file, JSON.stringify({ archives: { ...lessons.archives, version: 0 } }));
      assert.equal((await rig.up()).imports, 1 + PLAIN_FILES);
    });

    it("is nothing where the file is damaged", async () => {
      for (const text of ["", "{", "null", "[]", '{"archives": 1}', '{"archives": {"until": "never"}}']) {
        await remember(await rig.workspaceId(), "archives", { reason: "refused", days: 2 });
        writeFileSync(await rig.lessonsFile(), text);
        assert.deepEqual(await recall(await rig.workspaceId()), {}, text);
      }
      assert.equal((await rig.up()).imports, 1 + PLAIN_FILES);
      await rig.checkRelease();
    });

    it("does not count where the environment asks for archives", async () => {
      await remember(await rig.workspaceId(), "archives", { reason: "refused", days: 2 });
      process.env.NOTEBOOK_RELEASES_UPLOAD = "archive";
      assert.equal((await rig.up()).imports, 1 + PLAIN_FILES);
    });
  });

  it("deletes what does not belong, a folder of it whole, and nothing else", () => {
    const object = (object_type: string) => ({ object_type }) as never;
    const listing = new Map([
      ["a", object("DIRECTORY")],
      ["a/one", object("NOTEBOOK")],
      ["a/two", object("FILE")],
      ["a/extra", object("NOTEBOOK")],
      ["strange", object("DIRECTORY")],
      ["strange/deep", object("DIRECTORY")],
      ["strange/deep/x", object("FILE")],
      ["empty", object("DIRECTORY")],
      ["artifacts", object("DIRECTORY")],
      ["artifacts/old.whl", object("FILE")],
      [".release.json", object("FILE")],
      ["b", object("DIRECTORY")],
      ["b/x", object("FILE")],
    ]);
    const notebook = (target: string) => ({ target, kind: "notebook" as const });
    const files = [notebook("a/one"), notebook("a/two"), notebook("b"), notebook("c/d")];
    const surplus = ["a/extra", "a/two", "artifacts/old.whl", "b", "strange"];
    assert.deepEqual(surplusOf(files, listing, ["artifacts/new.whl"]).sort(), surplus);
  });
});

type Archive = Record<string, Uint8Array>;

/** A client whose archive imports go through `what`; all else as it is. */
function intercepted(
  rig: Rig,
  what: (call: () => Promise<unknown>, options: Call) => Promise<unknown>,
): Client {
  const credentials = () => ({ kind: "token" as const, token: rig.workspace.token });
  const client = new Client({ host: rig.workspace.host, credentials });
  const call = client.call.bind(client);
  client.call = async <T>(...[method, path, options = {}]: Parameters<Client["call"]>) => {
    const body = options.body as { format?: string; language?: string } | undefined;
    const isArchive = path === IMPORT && body?.format === "SOURCE" && !body.language;
    const ask = () => call<T>(method, path, options);
    return isArchive ? ((await what(ask, options)) as T) : ask();
  };
  return client;
}

/** A client whose archives arrive changed. */
function changing(rig: Rig, change: (files: Archive) => Archive): Client {
  return intercepted(rig, (call, options) => {
    const body = options.body as { content: string };
    const files = change(unzipSync(Buffer.from(body.content, "base64")));
    body.content = Buffer.from(zipSync(files)).toString("base64");
    return call();
  });
}
