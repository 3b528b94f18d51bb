/** How drift is found by content: folders exported whole, whatever a workspace makes of them, and nothing guessed. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { unzipSync, zipSync } from "fflate";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { posix } from "node:path";
import { Client } from "../../../databricks/client";
import { importObject, makeDirectory } from "../../../databricks/objects";
import { findDrift, listRelease } from "../../../providers/release/listing";
import { readManifest, writeManifest, type ManifestFile } from "../../../providers/release/manifest";
import { describeRelease } from "../../../providers/release/describe";
import type { SourceFile } from "../../../source";
import { startLocalWorkspace, type LocalWorkspace } from "../../support/localWorkspace";
import { edit } from "./cases";
import { Resource } from "./engine";
import { Ground, unique } from "./ground";
import { COMPLETE, ReleaseRig } from "./release";

type Archive = Record<string, Uint8Array>;
/** What a workspace answers instead of an archive of a folder: another archive, other bytes, or a refusal. */
type Deviation = (archive: Archive, folder: string) => Archive | Buffer | { status: number; code: string };

/** A workspace whose exports of folders are not the local one's. Stands before it; lets all else through. */
class Deviating {
  deviation: Deviation = (archive) => archive;
  /** Paths that were exported, folders with a slash at the end. */
  exports: string[] = [];
  private constructor(
    readonly client: Client,
    private readonly server: Server,
  ) {}

  static async before(workspace: LocalWorkspace): Promise<Deviating> {
    const handle = async (method: string, url: string, content: Buffer) => {
      const answer = await fetch(workspace.host + url, {
        method,
        headers: { authorization: `Bearer ${workspace.token}`, "content-type": "application/json" },
        body: content.length > 0 ? new Uint8Array(content) : undefined,
      });
      const text = await answer.text();
      if (!url.startsWith("/api/2.0/workspace/export")) return { status: answer.status, text };
      const path = new URL(url, workspace.host).searchParams.get("path")!;
      const body = JSON.parse(text) as { content?: string; file_type?: string };
      self.exports.push(body.file_type === "zip" ? `${path}/` : path);
      if (body.file_type !== "zip") return { status: answer.status, text };
      const made = self.deviation(unzipSync(Buffer.from(body.content!, "base64")), path);
      if ("status" in made && "code" in made) {
        return { status: Number(made.status), text: JSON.stringify({ error_code: made.code, message: "" }) };
      }
      const bytes = Buffer.isBuffer(made) ? made : Buffer.from(zipSync(made));
      return { status: 200, text: JSON.stringify({ ...body, content: bytes.toString("base64") }) };
    };
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        handle(request.method!, request.url!, Buffer.concat(chunks)).then(
          ({ status, text }) => response.writeHead(status, { "content-type": "application/json" }).end(text),
          (error: unknown) => response.writeHead(599).end(String(error)),
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const credentials = () => ({ kind: "token" as const, token: workspace.token });
    const self = new Deviating(
      new Client({ host: `http://127.0.0.1:${port}`, credentials, attempts: 1, busyLimitMs: 0 }),
      server,
    );
    return self;
  }

  async exportsOf<T>(work: () => Promise<T>): Promise<{ exports: string[]; result: T }> {
    this.exports = [];
    const result = await work();
    return { exports: this.exports.sort(), result };
  }

  async stop(): Promise<void> {
    await this.client.close();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const CODE = { PYTHON: ["#", ".py"], SCALA: ["//", ".scala"], SQL: ["--", ".sql"], R: ["#", ".r"] } as const;
type Kind = keyof typeof CODE | "FILE";
/** Targets and what they are. */
type Layout = Record<string, Kind>;

const LAYOUT: Layout = {
  top: "PYTHON",
  "a/one": "PYTHON",
  "a/two": "SQL",
  "a/b/three": "SCALA",
  "a/b/table": "R",
  "with space/täglich": "PYTHON",
  "lib/module.py": "FILE",
};
const NOTEBOOKS = Object.keys(LAYOUT).filter((target) => LAYOUT[target] !== "FILE");

describe("a release's contents", function () {
  this.timeout(60_000);
  let workspace: LocalWorkspace;
  let deviating: Deviating;
  let client: Client;

  before(async () => {
    workspace = await startLocalWorkspace({ engines: false });
    deviating = await Deviating.before(workspace);
    client = deviating.client;
  });
  beforeEach(() => {
    deviating.deviation = (archive) => archive;
  });
  after(async () => {
    await deviating?.stop();
    await workspace?.stop();
  });

  async function put(path: string, kind: Kind, text: string): Promise<void> {
    const content =
      kind === "FILE" ? text : `${CODE[kind][0]} Databricks notebook source\n${CODE[kind][0]} ${text}\n`;
    await importObject(client, {
      path,
      content: Buffer.from(content),
      ...(kind === "FILE" ? { format: "RAW" } : { format: "SOURCE", language: kind }),
      overwrite: true,
    });
  }

  const remove = (path: string) => workspace.ok("POST", "/api/2.0/workspace/delete", { path });

  /** A release of these objects, as it is right after its upload. */
  async function released(layout: Layout = LAYOUT): Promise<{ root: string; files: ManifestFile[] }> {
    const root = `/Shared/${unique("contents")}/0123abcd`;
    await makeDirectory(client, root);
    const folders = new Set(Object.keys(layout).map((target) => posix.dirname(`${root}/${target}`)));
    for (const folder of folders) await makeDirectory(client, folder);
    for (const [target, kind] of Object.entries(layout)) await put(`${root}/${target}`, kind, target);
    const sources = Object.entries(layout).map(([target, kind]): SourceFile =>
      kind === "FILE"
        ? { target, path: target, kind: "file", blob: "", size: 0 }
        : { target, path: target + CODE[kind][1], kind: "notebook", language: kind, blob: "", size: 0 },
    );
    const listing = await listRelease(client, root);
    return { root, files: (await describeRelease(client, root, sources, listing!)).files };
  }

  async function drift(root: string, files: readonly ManifestFile[]): Promise<string[]> {
    const listing = await listRelease(client, root);
    return (await findDrift(client, root, files, listing!)).map(({ what, target }) => `${what} ${target}`);
  }

  const ways = (files: readonly ManifestFile[]) =>
    Object.fromEntries(files.map(({ target, exported }) => [target, exported.how]));

  it("are exported in one request after the upload and one in a refresh; files by their time not at all", async () => {
    const { exports, result } = await deviating.exportsOf(() => released());
    const { root, files } = result;
    assert.deepEqual(exports, [`${root}/`, `${root}/lib/module.py`]);
    const later = await deviating.exportsOf(() => drift(root, files));
    assert.deepEqual(later, { exports: [`${root}/`], result: [] });
  });

  it("are not exported at all where the workspace tells the time of a notebook's change", async () => {
    const own = await startLocalWorkspace({ engines: false, notebookModifiedAt: true });
    const outer = [workspace, deviating, client] as const;
    const telling = await Deviating.before(own);
    try {
      [workspace, deviating, client] = [own, telling, telling.client];
      const { root, files } = await released();
      const none = await telling.exportsOf(() => drift(root, files));
      assert.deepEqual(none, { exports: [], result: [] });
      await put(`${root}/a/b/three`, "SCALA", "edited");
      const one = await telling.exportsOf(() => drift(root, files));
      assert.deepEqual(one, { exports: [`${root}/a/b/`], result: ["edited a/b/three"] });
    } finally {
      [workspace, deviating, client] = outer;
      await telling.stop();
      await own.stop();
    }
  });

  it("that were edited, deleted or added are each named, and nothing else", async () => {
    const names = fc.constantFrom("a", "b", "a b", "ü", "x.y", "a.py", "R");
    const target = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
    const kind = fc.constantFrom<Kind>("PYTHON", "SCALA", "SQL", "R", "FILE");
    const fate = fc.constantFrom("kept", "kept", "edited", "deleted", "added");
    const objects = fc
      .uniqueArray(fc.tuple(target, kind, fate), { selector: ([name]) => name, minLength: 1, maxLength: 10 })
      // No object lies in another that is none of the folders.
      .map((all) => all.filter(([name]) => !all.some(([other]) => other.startsWith(`${name}/`))));
    await fc.assert(
      fc.asyncProperty(objects, async (all) => {
        const before = all.filter(([, , what]) => what !== "added");
        const { root, files } = await released(Object.fromEntries(before.map(([name, is]) => [name, is])));
        for (const [name, is, what] of all) {
          if (what === "edited") await put(`${root}/${name}`, is, "by somebody");
          if (what === "deleted") await remove(`${root}/${name}`);
          if (what === "added") {
            await makeDirectory(client, posix.dirname(`${root}/${name}`));
            await put(`${root}/${name}`, is, "by somebody");
          }
        }
        const expected = all.flatMap(([name, , what]) =>
          what === "kept" ? [] : [`${what === "deleted" ? "missing" : what} ${name}`],
        );
        assert.deepEqual((await drift(root, files)).sort(), expected.sort());
      }),
      { numRuns: 25 },
    );
  });

  describe("in an archive", () => {
    const renamed = (rename: (name: string, folder: string) => string): Deviation => {
      return (archive, folder) =>
        Object.fromEntries(Object.entries(archive).map(([name, bytes]) => [rename(name, folder), bytes]));
    };
    const layouts: Record<string, Deviation> = {
      "that starts above the folder": renamed((name, folder) => `${posix.basename(folder)}/${name}`),
      "that starts two folders above": renamed(
        (name, folder) => folder.split("/").slice(-2).join("/") + `/${name}`,
      ),
      "with the whole path": renamed((name, folder) => folder.slice(1) + `/${name}`),
      "with R's other extension": renamed((name) => name.replace(/\.r$/, ".R")),
      "with files and more beside the notebooks": (archive) => ({
        ...archive,
        "lib/module.py": Buffer.from("lib/module.py"),
        "a/b/": new Uint8Array(),
        "manifest.mf": Buffer.from("1.0"),
      }),
      "with other bytes than a single export": (archive) =>
        Object.fromEntries(
          Object.entries(archive).map(([name, bytes]) => [name, Buffer.concat([bytes, Buffer.from("\n")])]),
        ),
    };
    for (const [what, deviation] of Object.entries(layouts)) {
      it(`${what} are found`, async () => {
        deviating.deviation = deviation;
        const { root, files } = await released();
        for (const target of NOTEBOOKS) assert.equal(ways(files)[target], "folder", target);
        await put(`${root}/a/b/table`, "R", "edited");
        await put(`${root}/top`, "PYTHON", "edited");
        const { exports, result } = await deviating.exportsOf(() => drift(root, files));
        assert.deepEqual(result, ["edited a/b/table", "edited top"]);
        assert.deepEqual(exports, [`${root}/`]);
      });
    }

    it("that cannot be matched beyond doubt are exported singly, and only those", async () => {
      deviating.deviation = (archive) => {
        const { "a/one.py": one, "a/b/table.r": table, ...rest } = archive;
        return { ...rest, "a/one.ipynb": one!, "a/b/table.r": table!, "a/b/table.R": table! };
      };
      const { root, files } = await released();
      const singly = Object.keys(LAYOUT).filter((target) => ways(files)[target] === "single");
      assert.deepEqual(singly, ["a/one", "a/b/table", "lib/module.py"]);
      await put(`${root}/a/one`, "PYTHON", "edited");
      const { exports, result } = await deviating.exportsOf(() => drift(root, files));
      assert.deepEqual(result, ["edited a/one"]);
      assert.deepEqual(exports, [`${root}/`, `${root}/a/b/table`, `${root}/a/one`]);
    });

    it("are not guessed where two starts fit", async () => {
      const { root, files } = await released({ one: "PYTHON", "0123abcd/one": "PYTHON" });
      deviating.deviation = (archive) => ({ "0123abcd/one.py": archive["one.py"]! });
      await put(`${root}/one`, "PYTHON", "edited");
      assert.deepEqual(await drift(root, files), ["unknown one"]);
    });

    it("are not guessed where a file or another notebook may be meant", async () => {
      const layout: Layout = {
        job: "PYTHON",
        "job.py": "FILE",
        "lib.py": "FILE",
        other: "SQL",
        "other.sql": "R",
      };
      const plain = {
        job: "folder",
        "job.py": "single",
        "lib.py": "single",
        other: "folder",
        "other.sql": "folder",
      };
      assert.deepEqual(ways((await released(layout)).files), plain);
      // One that has files, too, of which one took the notebook's name; and one that adds no second extension.
      deviating.deviation = ({ "other.sql": _, "other.sql.r": other, ...rest }) => {
        return { ...rest, "lib.py": Buffer.from("lib.py"), "other.sql": other! };
      };
      const { files } = await released(layout);
      assert.deepEqual(new Set(Object.values(ways(files))), new Set(["single"]));
    });
  });

  describe("where an export of the folder", () => {
    const TOO_LARGE = { status: 400, code: "MAX_NOTEBOOK_SIZE_EXCEEDED" };

    it("is too large are exported by smaller folders, those beside them singly", async () => {
      deviating.deviation = (archive) => (Object.keys(archive).length > 2 ? TOO_LARGE : archive);
      const { root, files } = await released();
      assert.deepEqual(ways(files), {
        top: "single",
        "a/one": "single",
        "a/two": "single",
        "a/b/three": "folder",
        "a/b/table": "folder",
        "with space/täglich": "folder",
        "lib/module.py": "single",
      });
      await put(`${root}/a/b/three`, "SCALA", "edited");
      await put(`${root}/a/two`, "SQL", "edited");
      assert.deepEqual(await drift(root, files), ["edited a/b/three", "edited a/two"]);
    });

    const refusals: Record<string, Deviation> = {
      "is refused": () => ({ status: 400, code: "INVALID_PARAMETER_VALUE" }),
      "is not known": () => ({ status: 501, code: "NOT_IMPLEMENTED" }),
      "is no archive": () => Buffer.from("# Databricks notebook source"),
      "is empty": () => Buffer.alloc(0),
      "is damaged": (archive) => Buffer.from(zipSync(archive)).subarray(0, -30),
    };
    for (const [what, deviation] of Object.entries(refusals)) {
      it(`${what} are exported singly, and drift is found all the same`, async () => {
        deviating.deviation = deviation;
        const { root, files } = await released();
        assert.deepEqual([...new Set(Object.values(ways(files)))], ["single"]);
        await put(`${root}/a/two`, "SQL", "edited");
        assert.deepEqual(await drift(root, files), ["edited a/two"]);
      });

      it(`${what} now but was had before: what differs is not known, the rest is unedited`, async () => {
        const { root, files } = await released();
        deviating.deviation = deviation;
        assert.deepEqual(await drift(root, files), []);
        await put(`${root}/a/two`, "SQL", "edited");
        assert.deepEqual(await drift(root, files), ["unknown a/two"]);
      });
    }

    it("fails by the credentials, or by too many requests: the failure, and none for less", async () => {
      for (const [status, code] of [
        [401, "UNAUTHENTICATED"],
        [429, "REQUEST_LIMIT_EXCEEDED"],
      ] as const) {
        deviating.deviation = (archive) => archive;
        const { root, files } = await released();
        deviating.deviation = () => ({ status, code });
        deviating.exports = [];
        await assert.rejects(drift(root, files), new RegExp(code));
        assert.deepEqual([...new Set(deviating.exports)], [`${root}/`]);
      }
    });
  });

  it("of a manifest of version 1, which had single exports only, are compared singly", async () => {
    deviating.deviation = () => ({ status: 400, code: "INVALID_PARAMETER_VALUE" });
    const { root, files } = await released();
    const old = files.map((file) => ({ ...file, exported: file.exported.sha256 }));
    const rest = { githash: "0123abcd", repository: "", path: "", exclude: [], digest: "" };
    await writeManifest(client, root, { ...rest, version: 1, files: old } as never);
    deviating.deviation = (archive) => archive;
    const manifest = await readManifest(client, root);
    assert.deepEqual(manifest, {
      ...rest,
      version: 3,
      files: JSON.parse(JSON.stringify(files)),
      artifacts: [],
    });
    await put(`${root}/top`, "PYTHON", "edited");
    assert.deepEqual(await drift(root, manifest.files), ["edited top"]);
  });
});

describe("ReleaseDirectory, where a folder's export is refused for a time", function () {
  this.timeout(60_000);
  let ground: Ground;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
  });
  afterEach(() => ground.clearFaults());
  after(() => ground?.leave());

  it("says which notebooks it cannot tell of, reports no drift, and sends them when it is taken over", async () => {
    const release = new ReleaseRig(ground);
    const { resource, inputs } = await release.released();
    await edit(ground, `${inputs.path}/pipeline/score`, "print('edited')");
    // The first export is the manifest's; then the release's, and those of its two folders with notebooks.
    const refusal = { match: "GET /api/2.0/workspace/export", status: 400, after: 1, times: 3 };
    await ground.fault(refusal);
    ground.said.length = 0;
    await resource.refresh();
    assert.deepEqual(resource.outs.drift, []);
    assert.match(ground.said.join(""), /cannot be told now.*\n {2}pipeline\/score\n$/);

    await ground.clearFaults();
    await ground.fault(refusal);
    const other = new Resource("ReleaseDirectory");
    const taken = { ...inputs, ...(await release.running()) };
    assert.equal(await release.importsOf(() => other.up(taken)), 2);
    assert.match(await release.source(`${inputs.path}/pipeline/score`), /print\('score'\)/);
    await other.refresh();
    assert.deepEqual(other.outs.drift, []);
    assert.deepEqual(await release.listing(inputs.path), COMPLETE);
  });
});
