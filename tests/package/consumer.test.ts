/** Another program, in a folder of its own, that depends on the packed package: deploys with it, refreshes, destroys. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { ok, PulumiStack, ROOT } from "../support/pulumi";

const run = promisify(execFile);

const PROGRAM = `
import * as pulumi from "@pulumi/pulumi";
import * as releases from "notebook-releases";

const config = new pulumi.Config();
const app = "consumer";
const env = pulumi.getStack();

export = async () => {
  const spec: releases.SourceSpec = { repository: config.require("repository"), ref: "main" };
  const source = await releases.readSource(spec);
  const workspace = new releases.Workspace("workspace");
  const scope = new releases.SecretScope("secrets", { workspace, scope: "consumer", keys: { token: { env: "CONSUMER_TOKEN" } } });
  const experiment = new releases.Experiment("experiment", { workspace, path: "/Shared/consumer" });
  const address: releases.RegistryAddress = { table: "main.consumer.registry", warehouse: config.require("warehouse"), app, env };
  const tests = releases.selectTests(source, ["tests/**"]);
  const settings = { timeoutSeconds: 60, retries: 0, parallel: 4, parameters: {}, compute: {} };
  const deployment = new releases.Deployment("deployment", {
    workspace, experiment, app, env, source, gate: { tests, settings }, after: [scope],
  });
  const releaseRoot = "/Shared/releases/consumer";
  const release = new releases.NotebookRelease("release", { workspace, deployment, spec, source, releaseRoot, registry: address });
  const gate = new releases.Gate("gate", { workspace, experiment, deployment, release, registry: address, tests, settings });
  const registry = new releases.Registry("registry", { workspace, address, deployment, release, gate });
  const trigger = new releases.Trigger("trigger", { workspace, releaseRoot });
  const job = new releases.ReleaseJob("consumer-daily", {
    workspace, release, registry, trigger, mode: "dispatch", tasks: [{ taskKey: "main", notebook: "hello" }],
  });
  return { path: release.path, tests: gate.results, job: job.url };
};
`;

describe("a program that depends on this package", function () {
  this.timeout(300_000);
  let workspace: LocalWorkspace;
  let stack: PulumiStack;

  before(async () => {
    workspace = await sharedWorkspace();
    stack = new PulumiStack({ links: [], stack: "dev" });
    const repository = join(stack.folder, "repository");
    await makeRepository(repository);
    stack.env = {
      DATABRICKS_HOST: workspace.host,
      DATABRICKS_TOKEN: workspace.token,
      CONSUMER_TOKEN: "sesame",
    };
    stack.configure({ "consumer:repository": repository, "consumer:warehouse": workspace.warehouse_id });
    await install(stack.program);
  });

  after(() => stack?.dispose());

  it("compiles against the package's types, and deploys", async () => {
    await run(process.execPath, [
      join(ROOT, "node_modules/typescript/bin/tsc"),
      "-p",
      join(stack.program, "compile.json"),
    ]);
    ok(await stack.up());
    const outputs = await stack.outputs();
    assert.deepEqual(Object.keys(outputs.tests as object), ["tests_test_hello"]);
    const listing = await workspace.ok("GET", `/api/2.0/workspace/list?path=${outputs.path as string}`);
    assert.deepEqual(listing.objects.map(({ path }: { path: string }) => path.split("/").at(-1)).sort(), [
      ".release.json",
      "hello",
      "lib",
      "tests",
    ]);
    ok(await stack.preview("--expect-no-changes"));
  });

  it("refreshes without its program, finds an edit, and repairs it", async () => {
    const { path } = await stack.outputs();
    const content = Buffer.from("# Databricks notebook source\nprint('edited')").toString("base64");
    const edit = {
      path: `${path as string}/hello`,
      content,
      format: "SOURCE",
      language: "PYTHON",
      overwrite: true,
    };
    await workspace.ok("POST", "/api/2.0/workspace/import", edit);
    assert.match(ok(await stack.refresh("--diff")).output, /edited hello/);
    ok(await stack.up());
    ok(await stack.preview("--refresh", "--expect-no-changes"));
  });

  it("destroys all that it made", async () => {
    const { path } = await stack.outputs();
    ok(await stack.destroy());
    await workspace.fails(
      404,
      "RESOURCE_DOES_NOT_EXIST",
      "GET",
      `/api/2.0/workspace/get-status?path=${path as string}`,
    );
  });
});

/** Packs this repository and installs it, as `npm install notebook-releases` would. */
async function install(program: string): Promise<void> {
  await run(
    process.execPath,
    [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", join(ROOT, "tsconfig.build.json")],
    { cwd: ROOT },
  );
  const packed = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", program], {
    cwd: ROOT,
  });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  const dependencies = {
    "notebook-releases": `file:${filename}`,
    "@pulumi/pulumi": "3.248.0",
    "@pulumi/databricks": "1.110.0",
  };
  writeFileSync(
    join(program, "package.json"),
    JSON.stringify({ name: "consumer", private: true, dependencies }),
  );
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: program,
    timeout: 240_000,
  });
  writeFileSync(join(program, "index.ts"), PROGRAM);
  writeFileSync(
    join(program, "compile.json"),
    JSON.stringify({
      compilerOptions: {
        module: "node16",
        target: "es2022",
        strict: true,
        skipLibCheck: true,
        types: [],
        typeRoots: [],
      },
      files: ["index.ts"],
    }),
  );
  writeFileSync(
    join(program, "Pulumi.yaml"),
    "name: consumer\nmain: index.js\nruntime: { name: nodejs, options: { typescript: false } }\n",
  );
}

async function makeRepository(folder: string): Promise<void> {
  const notebook = (body: string) => `# Databricks notebook source\n${body}\n`;
  mkdirSync(join(folder, "tests"), { recursive: true });
  mkdirSync(join(folder, "lib"));
  writeFileSync(join(folder, "hello.py"), notebook("dbutils.notebook.exit('hello')"));
  writeFileSync(join(folder, "tests", "test_hello.py"), notebook("assert 1 + 1 == 2"));
  writeFileSync(join(folder, "lib", "words.py"), "WORDS = 1\n");
  const git = (...args: string[]) =>
    run("git", ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.org", ...args]);
  await git("init", "--quiet", "--initial-branch", "main");
  await git("add", ".");
  await git("commit", "--quiet", "--message", "first");
}
