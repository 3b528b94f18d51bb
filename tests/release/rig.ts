/** A release of a repository of its own in a local workspace of its own, brought about by the provider as `up` does it. */
import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import release, { type Inputs } from "../../providers/releaseDirectory";
import { readManifest, type Manifest } from "../../providers/release/manifest";
import { lessonsFile } from "../../providers/release/remembered";
import { uploadRelease } from "../../providers/release/upload";
import { Client } from "../../databricks/client";
import { readBlobs, readSource, type Source } from "../../source";
import type { WorkspaceOptions } from "../../workspace/options";
import { makeRepository, type TestFile, type TestRepository } from "../source/support";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";

export const IMPORT = "/api/2.0/workspace/import";

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

/** What one upload did. */
export interface Course {
  readonly requests: Seen[];
  /** Imports that were answered well or badly, without the manifest's. */
  readonly imports: number;
  /** What was said in the update's display. */
  readonly said: string;
}

const ENVIRONMENT = [
  "DATABRICKS_HOST",
  "DATABRICKS_TOKEN",
  "NOTEBOOK_RELEASES_CACHE",
  "NOTEBOOK_RELEASES_UPLOAD",
] as const;

export class Rig {
  readonly client: Client;
  readonly root = "/Shared/releases of tests";
  private stopped = false;
  private readonly before = ENVIRONMENT.map((name) => [name, process.env[name]] as const);

  private constructor(
    readonly workspace: LocalWorkspace,
    readonly repository: TestRepository,
    readonly cache: string,
  ) {
    const credentials = () => ({ kind: "token" as const, token: workspace.token });
    this.client = new Client({ host: workspace.host, credentials });
  }

  static async start(files: Record<string, TestFile>, options: WorkspaceOptions = {}): Promise<Rig> {
    const workspace = await startLocalWorkspace({ engines: false, archiveMsPerObject: 0, ...options });
    const cache = realpathSync(mkdtempSync(join(tmpdir(), "release test ")));
    const rig = new Rig(workspace, makeRepository(files), cache);
    process.env.DATABRICKS_HOST = workspace.host;
    process.env.DATABRICKS_TOKEN = workspace.token;
    process.env.NOTEBOOK_RELEASES_CACHE = cache;
    delete process.env.NOTEBOOK_RELEASES_UPLOAD;
    await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: rig.root });
    return rig;
  }

  /** Once; further calls do nothing. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    for (const [name, value] of this.before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await this.client.close();
    await this.workspace.stop();
    this.repository.remove();
    rmSync(this.cache, { recursive: true, force: true });
  }

  /** The release's folder for the repository's present commit. */
  get path(): string {
    return `${this.root}/${this.repository.git("rev-parse", "HEAD")}`;
  }

  source(): Promise<Source> {
    return readSource({ repository: this.repository.directory, ref: "HEAD", path: "" });
  }

  async workspaceId(): Promise<string> {
    const me = await this.workspace.api("GET", "/api/2.0/preview/scim/v2/Me");
    return me.headers.get("x-databricks-org-id") ?? "";
  }

  async lessonsFile(): Promise<string> {
    return lessonsFile(await this.workspaceId());
  }

  /** As `up`, without the provider around it, so that several can run at once, each with a client of its own. */
  async upload(client = this.client): Promise<void> {
    const { commit, files } = await this.source();
    const workspaceId = await this.workspaceId();
    await uploadRelease({ client, workspaceId, release: this.path, commit, files, wanted: files });
  }

  /** Brings the release about, whatever is there. */
  async up(): Promise<Course> {
    const { commit, digest } = await this.source();
    const inputs: Omit<Inputs, "retention"> = {
      host: this.workspace.host,
      workspaceId: await this.workspaceId(),
      table: "main.x.registry",
      app: "x",
      env: "test",
      warehouse: "",
      repository: this.repository.directory,
      sourcePath: "",
      exclude: [],
      path: this.path,
      githash: commit.githash,
      digest,
      readers: [],
      deploymentId: "",
    };
    await this.workspace.ok("DELETE", "/__workspace/requests");
    const lines: string[] = [];
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = (line: string) => lines.push(line) > 0;
    try {
      await release.update!(this.path, {}, inputs);
    } finally {
      process.stderr.write = write;
    }
    const { requests } = (await this.workspace.ok("GET", "/__workspace/requests")) as { requests: Seen[] };
    const imports = requests.filter(({ path }) => path === IMPORT).length - 1;
    return { requests, imports, said: lines.join("") };
  }

  manifest(): Promise<Manifest | undefined> {
    return readManifest(this.client, this.path);
  }

  /** What the release holds, asked object by object: path → type, language and content. */
  async contents(folder = this.path): Promise<Record<string, string>> {
    const ask = (route: string, query: Record<string, string>) =>
      this.client.call<any>("GET", `/api/2.0/workspace/${route}`, { query });
    const { objects = [] } = await ask("list", { path: folder });
    const found: Record<string, string> = {};
    for (const { path, object_type, language = "" } of objects) {
      if (object_type === "DIRECTORY") {
        Object.assign(found, await this.contents(path));
        continue;
      }
      const format = object_type === "NOTEBOOK" ? "SOURCE" : "AUTO";
      const { content } = await ask("export", { path, format });
      const text = Buffer.from(content, "base64").toString("latin1");
      found[path.slice(this.path.length + 1)] = `${object_type} ${language}\n${text}`;
    }
    return found;
  }

  /** Checks that the release is complete, and each object what the same upload by files makes of it. */
  async checkRelease(): Promise<void> {
    const manifest = await this.manifest();
    assert.ok(manifest, "there is a manifest");
    const { ".release.json": _, ...found } = await this.contents();
    const { commit, files } = await this.source();
    const blobs = await readBlobs(commit, files);
    assert.deepEqual(Object.keys(found).sort(), files.map(({ target }) => target).sort());
    assert.deepEqual(
      manifest.files.map(({ target, kind, language, blob }) => ({ target, kind, language, blob })),
      files.map(({ target, kind, language, blob }) => ({ target, kind, language, blob })),
    );
    for (const { target, kind, language, path, blob } of files) {
      const object = found[target] as string;
      const end = object.indexOf("\n");
      assert.equal(object.slice(0, end), `${kind.toUpperCase()} ${language ?? ""}`, target);
      const there = Buffer.from(object.slice(end + 1), "latin1");
      const sent = blobs.get(blob) as Buffer;
      if (kind === "file") assert.ok(there.equals(sent), `${target} has other bytes`);
      else if (!path.endsWith(".ipynb")) assert.equal(plain(there), plain(sent), target);
    }
    const again = await this.up();
    assert.match(again.said, /complete and unedited/);
  }
}

/** Line endings and blank lines aside: a workspace has its own way with those around a cell. */
function plain(source: Buffer): string {
  const lines = source.toString("utf8").split(/\r\n?|\n/);
  return lines.filter((line) => line !== "").join("\n");
}

/** Python notebooks by the hundred, in folders, with a module and some data among them. */
export function tree(notebooks: number, folders = 5): Record<string, TestFile> {
  const files: Record<string, TestFile> = {
    "lib/module.py": "def f():\n    return 1\n",
    "folder 0/data.csv": "a,b\n1,2\n",
    "readme.txt": "no notebook",
  };
  for (let index = 0; index < notebooks; index++) {
    const folder = folders === 0 ? "" : `folder ${index % folders}/`;
    files[`${folder}notebook_${index}.py`] = `# Databricks notebook source\nprint(${index})\n`;
  }
  return files;
}
