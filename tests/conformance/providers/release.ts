/** Releases for tests: a complete one of the ground's first commit, and what the workspace has of it. */
import { cases } from "./cases";
import { Resource, type Values } from "./engine";
import type { Ground } from "./ground";

export const IMPORT = "POST /api/2.0/workspace/import";
export const releaseCase = cases.find(({ type }) => type === "ReleaseDirectory")!;

/** The listing of a complete release of the ground's first commit. */
export const COMPLETE = {
  ".release.json": "FILE",
  "data/zones.csv": "FILE",
  "lib/helper.py": "FILE",
  "pipeline/score": "NOTEBOOK PYTHON",
  "pipeline/train": "NOTEBOOK PYTHON",
  "tests/test_a": "NOTEBOOK PYTHON",
};

export class ReleaseRig {
  constructor(private readonly ground: Ground) {}

  async released(): Promise<{ resource: Resource; inputs: Values }> {
    const inputs = await releaseCase.inputs(this.ground);
    const resource = new Resource("ReleaseDirectory");
    await resource.up(inputs);
    return { resource, inputs };
  }

  /** A further deployment, under way. */
  async running(): Promise<{ deploymentId: string }> {
    const { deploymentId } = await this.ground.deployment();
    return { deploymentId };
  }

  /** Every object below a folder: path relative to it → type and language. */
  async listing(root: string, folder = root): Promise<Record<string, string>> {
    const route = `/api/2.0/workspace/list?path=${encodeURIComponent(folder)}`;
    const { objects = [] } = await this.ground.workspace.ok("GET", route);
    const found: Record<string, string> = {};
    for (const { path, object_type, language } of objects) {
      if (object_type === "DIRECTORY") Object.assign(found, await this.listing(root, path));
      else found[path.slice(root.length + 1)] = [object_type, language].filter(Boolean).join(" ");
    }
    return found;
  }

  async content(path: string, format = "AUTO"): Promise<Buffer> {
    const query = new URLSearchParams({ path, format }).toString();
    const { content } = await this.ground.workspace.ok("GET", `/api/2.0/workspace/export?${query}`);
    return Buffer.from(content, "base64");
  }

  async source(path: string): Promise<string> {
    return (await this.content(path, "SOURCE")).toString("utf8");
  }

  async importsOf(work: () => Promise<unknown>): Promise<number> {
    return (await this.ground.requestsOf(work)).filter((request) => request === IMPORT).length;
  }

  remove(path: string): Promise<unknown> {
    return this.ground.workspace.ok("POST", "/api/2.0/workspace/delete", { path, recursive: true });
  }
}
