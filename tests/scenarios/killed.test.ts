/**
 * A release of eight files whose `up` is killed after its k-th request, for every k: what is left never looks complete
 * while it is not, and the next `up` makes it right.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSource } from "../../source";
import { makeRepository, notebook, type TestRepository } from "../source/support";
import { killEngine } from "../support/engineProcess";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { Proxy } from "../support/proxy";
import { failed, ok, PulumiStack } from "../support/pulumi";
import { credentials } from "./scenario";

/** One resource, so that every request that names the release is the release's own. */
const PROGRAM = `
require("./later.cjs");
require("./compile.cjs");
const pulumi = require("@pulumi/pulumi");
const { ReleaseDirectory } = require("./providers/resources.ts");
const provider = new (class extends pulumi.ProviderResource {})("pulumi-nodejs", "releases", {});
const inputs = JSON.parse(require("node:fs").readFileSync("release.json", "utf8"));
new ReleaseDirectory("release", inputs, { provider, retainOnDelete: true });
`;

/** What of the repository it needs. */
const LINKS = ["compile.cjs", "later.cjs", "node_modules", "package.json", "providers"];

/** Far more requests than eight files need: a release that never ends is a defect of its own. */
const MOST_REQUESTS = 60;

/** Eight files whose contents are the commit's own. */
function files(commit: number): Record<string, string> {
  const notebooks = ["pipeline/score", "pipeline/train", "tests/test a", "täglich", "top"];
  return {
    ...Object.fromEntries(notebooks.map((path) => [`${path}.py`, notebook(`print("${path} ${commit}")`)])),
    "query.sql": `-- Databricks notebook source\nSELECT ${commit}\n`,
    "lib/helper.py": `VALUE = ${commit}\n`,
    "data/zones.csv": `zone,name\n1,Harbour ${commit}\n`,
  };
}

/** By archive only after requests that change something: what a question leaves is what the change before it left. */
const WAYS = [
  { way: "files", what: "requests", counts: () => true },
  { way: "archive", what: "changes", counts: (method: string) => method === "POST" },
] as const;

for (const { way, what, counts } of WAYS) {
  describe(`a release by ${way}, killed after each of its ${what}`, function () {
    this.timeout(600_000);
    let workspace: LocalWorkspace;
    let proxy: Proxy;
    let repository: TestRepository;
    let stack: PulumiStack;

    before(async () => {
      workspace = await sharedWorkspace();
      proxy = await Proxy.start(workspace.host);
      repository = makeRepository(files(0));
      stack = new PulumiStack({ links: LINKS });
      stack.env = { ...credentials(workspace), NOTEBOOK_RELEASES_UPLOAD: way };
      stack.env.NOTEBOOK_RELEASES_CACHE = join(stack.folder, "cache");
      writeFileSync(join(stack.program, "killed.cjs"), PROGRAM);
      writeFileSync(
        join(stack.program, "Pulumi.yaml"),
        "name: killed\nmain: killed.cjs\nruntime: { name: nodejs, options: { typescript: false } }\n",
      );
    });
    after(async () => {
      await proxy?.stop();
      stack?.dispose();
      repository?.remove();
    });

    it("ends in one right release, whichever request was the last", async () => {
      let kills = 0;
      for (let k = 1; k <= MOST_REQUESTS; k++) {
        const githash = repository.commit(files(k));
        const path = `/Shared/killed/${way}/${githash}`;
        await declare(path, githash);
        let seen = 0;
        proxy.afterwards = ({ method, path: asked, body }) => {
          const isOurs = counts(method) && `${decodeURIComponent(asked)} ${body}`.includes(path);
          if (!isOurs || ++seen !== k) {
            return false;
          }
          killEngine(stack.program);
          return true;
        };
        const first = await stack.up();
        proxy.afterwards = () => false;
        if (seen < k) {
          ok(first);
          await assertRight(path, k);
          break;
        }
        kills++;
        failed(first);
        if (await exists(`${path}/.release.json`)) {
          await assertRight(path, k);
        }
        ok(await stack.run(["cancel", "--yes"]));
        ok(await stack.up());
        await assertRight(path, k);
      }
      assert.ok(kills >= 4 && kills < MOST_REQUESTS, `${kills} kills`);
      ok(await stack.refresh("--expect-no-changes"));
      ok(await stack.up("--expect-no-changes"));
    });

    /** What the program asks for: the commit's release, of a deployment of its own. */
    async function declare(path: string, githash: string): Promise<void> {
      const me = await workspace.api("GET", "/api/2.0/preview/scim/v2/Me");
      const source = await readSource({ repository: repository.directory, ref: githash });
      const inputs = {
        host: proxy.host,
        workspaceId: me.headers.get("x-databricks-org-id"),
        warehouse: workspace.warehouse_id,
        table: "main.killed.registry",
        app: "killed",
        env: way,
        repository: repository.directory,
        sourcePath: "",
        exclude: [],
        path,
        githash,
        digest: source.digest,
        readers: [],
        deploymentId: await deployment(),
      };
      writeFileSync(join(stack.program, "release.json"), JSON.stringify(inputs));
    }

    async function deployment(): Promise<string> {
      await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: "/Shared/killed" });
      const name = `/Shared/killed/experiment ${way}`;
      const found = await workspace.api(
        "GET",
        `/api/2.0/mlflow/experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`,
      );
      const experiment_id =
        found.body.experiment?.experiment_id ??
        (await workspace.ok("POST", "/api/2.0/mlflow/experiments/create", { name })).experiment_id;
      const { run } = await workspace.ok("POST", "/api/2.0/mlflow/runs/create", {
        experiment_id,
        start_time: Date.now(),
        tags: [{ key: "status", value: "running" }],
      });
      return run.info.run_id;
    }

    async function exists(path: string): Promise<boolean> {
      const query = encodeURIComponent(path);
      return (await workspace.api("GET", `/api/2.0/workspace/get-status?path=${query}`)).status === 200;
    }

    /** Every file is there with the commit's content, nothing else is, and the manifest is a whole one. */
    async function assertRight(root: string, commit: number): Promise<void> {
      const expected = Object.entries(files(commit)).map(([file, text]): [string, string] => {
        const isNotebook = /^(#|--) Databricks notebook source/.test(text);
        return [isNotebook ? file.replace(/\.[a-z]+$/, "") : file, text];
      });
      const found = await contents(root);
      const manifest = found.get(".release.json");
      found.delete(".release.json");
      assert.deepEqual([...found].sort(), expected.sort(), `after request ${commit}`);
      const listed: { target: string }[] = JSON.parse(manifest ?? "null").files;
      assert.deepEqual(listed.map(({ target }) => target).sort(), [...found.keys()].sort());
    }

    /** Path below the folder → its text, ending in one new line where it is a notebook's. */
    async function contents(root: string, folder = root): Promise<Map<string, string>> {
      const listing = await workspace.ok("GET", `/api/2.0/workspace/list?path=${encodeURIComponent(folder)}`);
      const found = new Map<string, string>();
      for (const { path, object_type } of listing.objects ?? []) {
        if (object_type === "DIRECTORY") {
          for (const [name, text] of await contents(root, path)) found.set(name, text);
          continue;
        }
        const format = object_type === "NOTEBOOK" ? "SOURCE" : "AUTO";
        const query = new URLSearchParams({ path, format }).toString();
        const { content } = await workspace.ok("GET", `/api/2.0/workspace/export?${query}`);
        const text = Buffer.from(content, "base64").toString("utf8");
        found.set(path.slice(root.length + 1), object_type === "NOTEBOOK" ? `${text.trimEnd()}\n` : text);
      }
      return found;
    }
  });
}
