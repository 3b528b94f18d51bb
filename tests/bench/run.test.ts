/** `npm run bench`, tiny: it measures, writes what it measured, and leaves nothing behind, also after Ctrl-C. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { treeOf } from "../../bench/processes";
import { poll } from "../scenarios/scenario";
import { temporaryFolder } from "../source/support";
import { ROOT } from "../support/pulumi";

describe("npm run bench", function () {
  this.timeout(300_000);
  let folder: string;
  let temporary: string;
  let said: string;

  beforeEach(() => {
    folder = temporaryFolder();
    temporary = join(folder, "tmp");
    mkdirSync(temporary);
    said = "";
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const out = () => join(folder, "results.json");
  /** What it left in its folder for temporary files, but for tsx' cache. */
  const left = () => readdirSync(temporary).filter((name) => name.includes("bench"));

  function bench(...args: string[]): ChildProcess {
    const all = ["--import", "tsx", join("bench", "main.ts"), "--no-cli", "--out", out(), ...args];
    const child = spawn(process.execPath, all, { cwd: ROOT, env: { ...process.env, TMPDIR: temporary } });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data: Buffer) => (said += data.toString()));
    }
    return child;
  }

  it("measures 10 notebooks, and writes results, goals and environment", async () => {
    const child = bench("--sizes", "10", "--runs", "1", "--only", "refresh with times");
    const [code] = await once(child, "close");
    assert.equal(code, 0, said);
    const { environment, settings, cases, goals } = JSON.parse(readFileSync(out(), "utf8"));
    assert.equal(environment.versions.node, process.versions.node);
    assert.deepEqual(settings, { sizes: [10], runs: 1, limitSeconds: 600, only: ["refresh with times"] });
    assert.equal(cases.length, 1, said);
    const [{ way, size, runs, failed }] = cases;
    assert.deepEqual([way, size, failed], ["refresh", 10, undefined], said);
    // At least one listing for each of the ten folders.
    assert.ok(runs[0].requests > 10 && runs[0].seconds > 0, JSON.stringify(runs));
    assert.ok(
      goals.every(({ reached }: { reached?: boolean }) => reached !== false || said.includes("not reached")),
    );
    assert.match(said, /refresh with times: requests/);
    assert.deepEqual(left(), []);
  });

  it("ends on Ctrl-C with all that it started, says what it has, and overwrites no results", async () => {
    const child = bench("--sizes", "10", "--runs", "1", "--only", "steady");
    const closed = once(child, "close");
    const pid = child.pid ?? 0;
    const tree = await poll("the local workspace works for it", async () => {
      assert.equal(child.exitCode, null, said);
      const processes = treeOf(pid);
      return processes.some(({ command }) => /(^|\/)pulumi --cwd/.test(command)) ? processes : undefined;
    });
    process.kill(pid, "SIGINT");
    const [code] = await closed;
    assert.equal(code, 130, said);
    assert.match(said, /Interrupted/);
    assert.ok(!existsSync(out()));
    assert.deepEqual(left(), []);
    for (const each of tree) {
      await poll(`process ${each.pid} (${each.command}) has ended`, async () =>
        treeOf(each.pid).every(({ rss }) => rss === 0) ? true : undefined,
      );
    }
  });
});
