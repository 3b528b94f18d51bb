/** What the benchmark measures with: commands, processes, repositories, the server's view of an upload, and cases in turn. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { command, CommandFailed, TookTooLong } from "../../bench/command";
import { memoryByRole, processTable, secondsOf, treeOf } from "../../bench/processes";
import { uploadWindow } from "../../bench/release/window";
import { makeRepository, notebookPath, notebookText, NOTEBOOK_BYTES } from "../../bench/repository";
import { Results } from "../../bench/results";
import { Runner } from "../../bench/runner";
import type { BenchWorkspace } from "../../bench/workspace";
import { temporaryFolder } from "../source/support";
import { poll } from "../scenarios/scenario";

const NODE = process.execPath;
const never = new AbortController().signal;
const options = { env: process.env, limitSeconds: 30, signal: never };

describe("the benchmark's commands", function () {
  this.timeout(60_000);

  const IDLE = "setInterval(() => {}, 1000)";
  /** A program with a child that leads a process group of its own, as the engine's plugins do. */
  const FAMILY = `
    require("node:child_process").spawn(process.execPath, ["-e", "${IDLE}"], { detached: true, stdio: "ignore" });
    ${IDLE}`;

  const gone = (pid: number) =>
    poll(`process ${pid} ends`, async () =>
      processTable().every((each) => each.pid !== pid || each.rss === 0) ? true : undefined,
    );

  it("answers time, output and memory of all its processes", async () => {
    const allocate = "const a = Buffer.alloc(200e6, 1); setTimeout(() => console.log(a.length), 500)";
    const nested = `require("node:child_process").execFileSync(process.execPath, ["-e", ${JSON.stringify(allocate)}], { stdio: "inherit" })`;
    const { seconds, stdout, memory } = await command(NODE, ["-e", nested], { ...options, memory: true });
    assert.equal(stdout.trim(), "200000000");
    assert.ok(seconds >= 0.5 && seconds < 30, String(seconds));
    assert.ok((memory.peakMB ?? 0) > 230, JSON.stringify(memory));
  });

  it("says how a command failed", async () => {
    await assert.rejects(
      command(NODE, ["-e", "console.error('no luck'); process.exit(3)"], options),
      (error) => error instanceof CommandFailed && /ended with 3: no luck/.test(error.message),
    );
    await assert.rejects(command("/there/is/none", [], options), /cannot be started/);
  });

  it("stops a command at its limit", async () => {
    const stopped = command(NODE, ["-e", IDLE], { ...options, limitSeconds: 0.5 });
    await assert.rejects(stopped, (error) => error instanceof TookTooLong && error.limitSeconds === 0.5);
  });

  it("ends a command that is interrupted, with all that it started", async () => {
    const interrupt = new AbortController();
    const signal = interrupt.signal;
    const running = command(NODE, ["-e", FAMILY], { ...options, signal });
    const family = await poll("the program and its child run", async () => {
      const found = treeOf(process.pid).filter(({ command: text }) => text.includes(IDLE));
      return found.length === 2 ? found : undefined;
    });
    interrupt.abort(new Error("interrupted"));
    await assert.rejects(running, /interrupted/);
    for (const { pid } of family) await gone(pid);
    await assert.rejects(command(NODE, ["-e", ""], { ...options, signal }), /interrupted/);
  });

  it("knows processes by their role, and ps' way to write times", () => {
    const of = (text: string) => ({ pid: 1, parent: 0, rss: 2e6, cpuSeconds: 0, command: text });
    assert.deepEqual(
      memoryByRole([
        of("/a b/pulumi up --yes"),
        of("/usr/bin/node /x/node_modules/@pulumi/pulumi/cmd/run/index.js --monitor 1"),
        of("node /x/@pulumi/pulumi/cmd/dynamic-provider/index.js 127.0.0.1:1"),
        of("/x/pulumi-resource-databricks 127.0.0.1:1"),
        of("git fetch"),
      ]),
      { peakMB: 10, engineMB: 2, programMB: 2, providersMB: 2, pluginsMB: 2, othersMB: 2 },
    );
    assert.deepEqual(["0:01.50", "01:02:03", "2-00:00:01"].map(secondsOf), [1.5, 3723, 172_801]);
  });
});

describe("the benchmark's repositories", () => {
  it("have notebooks of 2 kB in 50 folders, the same at every run", () => {
    const folder = temporaryFolder();
    try {
      const [one, other] = ["one", "other"].map((name) => makeRepository(join(folder, name), 60));
      const head = (directory = "") =>
        execFileSync("git", ["rev-parse", "HEAD"], { cwd: directory, encoding: "utf8" }).trim();
      const files = execFileSync("git", ["ls-files"], { cwd: one?.directory, encoding: "utf8" })
        .trim()
        .split("\n");
      assert.equal(files.length, 60);
      assert.equal(new Set(files.map((file) => file.split("/")[1])).size, 50);
      assert.equal(head(one?.directory), head(other?.directory));
      const next = one?.commit();
      assert.equal(next, other?.commit());
      assert.notEqual(next, one?.commit());
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    assert.equal(notebookPath(57), "folder07/notebook_00057.py");
    assert.match(notebookText(57, 0), /^# Databricks notebook source\n/);
    assert.equal(notebookText(57, 0).length, NOTEBOOK_BYTES);
    assert.notEqual(notebookText(57, 0), notebookText(58, 0));
  });
});

describe("the benchmark's view of an upload", () => {
  const request = (path: string, at: number, ms = 10, status = 200, method = "POST") => ({
    method,
    path,
    at,
    ms,
    status,
  });
  const IMPORT = "/api/2.0/workspace/import";
  const MKDIRS = "/api/2.0/workspace/mkdirs";

  it("is from the first folder or file to the last answer, refused requests left out", () => {
    const values = uploadWindow([
      request("/api/2.0/preview/scim/v2/Me", 0, 5, 200, "GET"),
      request(IMPORT, 500, 10, 429),
      request(MKDIRS, 1_000),
      request(IMPORT, 1_500, 100),
      request(IMPORT, 2_000, 1_000),
      request("/api/2.0/sql/statements", 9_000),
    ]);
    assert.deepEqual(values, { requests: 6, refused: 1, uploadSeconds: 2, sendSeconds: 0.6 });
    assert.deepEqual(uploadWindow([]), { requests: 0 });
  });

  it("of a bundle begins after its lock, and leaves out its own record", () => {
    const file = (path: string) =>
      `/api/2.0/workspace-files/import-file/Workspace%2FUsers%2Fa%2F.bundle%2Fb%2F${path}`;
    const values = uploadWindow([
      request(MKDIRS, 0),
      request(file("state%2Fdeploy.lock"), 100),
      request(MKDIRS, 1_000),
      request(file("files%2Ffolder%2Fa.py"), 1_100, 400),
      request(file("state%2Fmetadata.json"), 5_000),
    ]);
    assert.equal(values.uploadSeconds, 0.5);
  });
});

describe("the benchmark's cases", () => {
  const workspace = { serverCpuSeconds: () => 0 } as unknown as BenchWorkspace;

  it("run in turn; one that fails or takes too long is recorded and does not stop the others", async () => {
    const results = new Results();
    const order: string[] = [];
    const one = (way: string, run: () => number) => ({
      way,
      size: 1,
      prepare: async () => void order.push(`prepare ${way}`),
      run: async () => {
        order.push(way);
        return { seconds: run() };
      },
    });
    const said: string[] = [];
    await new Runner(results, { runs: 2, signal: never, say: (line) => said.push(line) }).runAll(
      "g",
      [
        one("good", () => order.length),
        one("bad", () => {
          throw new CommandFailed("ended with 1: many\nwords\n  error: it broke\nand more");
        }),
        one("slow", () => {
          throw new TookTooLong(600);
        }),
      ],
      workspace,
    );
    assert.deepEqual(order, ["prepare good", "good", "prepare bad", "bad", "prepare slow", "slow", "good"]);
    assert.equal(results.find("g", "good", 1)?.runs.length, 2);
    assert.equal(results.find("g", "bad", 1)?.failed, "ended with 1: many error: it broke");
    assert.equal(results.find("g", "slow", 1)?.over, 600);
    assert.equal(said.length, 4);
  });
});
