import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { alive } from "../support/alive";
import { modules } from "./modules";
import { collector, removeSandboxes, sandbox } from "./sandbox";

const script = (name: string) =>
  JSON.stringify(pathToFileURL(join(__dirname, "../../scripts/setup", name)).href);

describe("set-up: steps", () => {
  after(removeSandboxes);

  it("runs what is not done, says so, and skips it silently the next time", async () => {
    const { runSteps } = await modules.steps();
    const done = new Set(["old"]);
    const step = (title: string) => ({
      title,
      done: () => done.has(title),
      run: async () => void done.add(title),
    });
    const first = collector();
    assert.deepEqual(await runSteps([step("old"), step("new")], first), ["new"]);
    assert.match(first.text, /^… new\n✓ new \(\d+\.\d s\)\n$/);
    const second = collector();
    assert.deepEqual(await runSteps([step("old"), step("new")], second), []);
    assert.equal(second.text, "");
  });

  it("stops at the step that fails, with its error", async () => {
    const { runSteps } = await modules.steps();
    const later = { title: "later", done: () => false, run: () => assert.fail("must not run") };
    const failing = {
      title: "failing",
      done: () => false,
      run: () => Promise.reject(new Error("no network")),
    };
    const out = collector();
    await assert.rejects(runSteps([failing, later], out), /no network/);
    assert.match(out.text, /✗ failing/);
  });

  it("moves one line on a terminal, and leaves only the result there", async () => {
    const { runSteps } = await modules.steps();
    const out = collector(true);
    const step = {
      title: "engine",
      done: () => false,
      run: async (detail: (text: string) => void) => {
        detail("compiled 3 of 9");
        for (let waited = 0; !out.text.includes("compiled 3 of 9") && waited < 200; waited++) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        return "v3";
      },
    };
    await runSteps([step], out);
    assert.match(out.text, /engine · 0 s · compiled 3 of 9/);
    assert.match(out.text.split("\r\x1b[2K").at(-1)!, /^✓ engine: v3 \(\d\.\d s\)\n$/);
  });

  it("makes a folder whole or not at all, and clears what an interrupted one left", async () => {
    const { makeWhole } = await modules.files();
    const folder = join(sandbox(), "engine");
    mkdirSync(`${folder}.draft-999999`);
    await assert.rejects(
      makeWhole(folder, async (draft) => {
        writeFileSync(join(draft, "half"), "");
        throw new Error("interrupted");
      }),
    );
    assert.deepEqual(readdirSync(join(folder, "..")), []);
    await makeWhole(folder, async (draft) => writeFileSync(join(draft, "whole"), ""));
    assert.deepEqual(readdirSync(folder), ["whole"]);
  });
});

describe("set-up: lock", () => {
  after(removeSandboxes);

  it("lets two processes work one after the other", async () => {
    const folder = sandbox();
    const program = `
      import { appendFileSync } from "node:fs";
      const { withLock } = await import(${script("lock.mjs")});
      await withLock(process.argv[1] + "/lock", async () => {
        appendFileSync(process.argv[1] + "/log", "begin ");
        await new Promise((resolve) => setTimeout(resolve, 60));
        appendFileSync(process.argv[1] + "/log", "end ");
      });`;
    const children = [1, 2, 3].map(() =>
      spawn(process.execPath, ["--input-type=module", "-e", program, folder]),
    );
    const statuses = await Promise.all(
      children.map(async (child) => ((await once(child, "exit")) as [number])[0]),
    );
    assert.deepEqual(statuses, [0, 0, 0]);
    assert.equal(readFileSync(join(folder, "log"), "utf8"), "begin end ".repeat(3));
    assert.ok(!existsSync(join(folder, "lock")));
  });

  it("takes over at once from a process that was killed", async () => {
    const { withLock } = await modules.lock();
    const lock = join(sandbox(), "lock");
    const program = `
      const { withLock } = await import(${script("lock.mjs")});
      await withLock(process.argv[1], async () => {
        console.log("held");
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program, lock]);
    await once(createInterface(child.stdout), "line");
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.ok(existsSync(lock), "the killed process left its lock");
    const started = performance.now();
    assert.equal(await withLock(lock, async () => "done"), "done");
    assert.ok(performance.now() - started < 2_000);
  });

  it("of many that find the same dead owner, one at a time gets in", async () => {
    const { withLock } = await modules.lock();
    const lock = join(sandbox(), "lock");
    writeFileSync(lock, JSON.stringify({ id: "dead", pid: 2 ** 22 + 1, host: hostname() }));
    let inside = 0;
    const most: number[] = [];
    const work = async () => {
      most.push(++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
    };
    await Promise.all(Array.from({ length: 5 }, () => withLock(lock, work)));
    assert.deepEqual(most, [1, 1, 1, 1, 1]);
  });

  it("waits for a live owner, and names it", async () => {
    const { withLock } = await modules.lock();
    const lock = join(sandbox(), "lock");
    const waitedFor: number[] = [];
    let release = () => {};
    const first = withLock(lock, () => new Promise<void>((resolve) => (release = resolve)));
    const second = withLock(
      lock,
      async () => "second",
      (owner) => {
        waitedFor.push(owner.pid);
        release();
      },
    );
    assert.equal(await second, "second");
    await first;
    assert.deepEqual(waitedFor, [process.pid]);
  });
});

describe("set-up: a step that is interrupted", () => {
  after(removeSandboxes);

  it("stops what it started, leaves nothing half done, and is done by the next run", async () => {
    const folder = sandbox();
    const program = `
      const { runSteps } = await import(${script("steps.mjs")});
      const { makeWhole } = await import(${script("files.mjs")});
      const { withLock } = await import(${script("lock.mjs")});
      const { run } = await import(${script("command.mjs")});
      const { existsSync } = await import("node:fs");
      const [folder, seconds] = process.argv.slice(1);
      const result = folder + "/result";
      const step = { title: "slow", done: () => existsSync(result), run: () => makeWhole(result, (draft) =>
        run("sh", ["-c", 'echo half > "$1/file"; echo $$; sleep "$2"; echo whole > "$1/file"', "sh", draft, seconds],
          { limitSeconds: 90, onLine: console.log })) };
      await withLock(folder + "/lock", () => runSteps([step]));`;
    const start = (seconds: string) =>
      spawn(process.execPath, ["--input-type=module", "-e", program, folder, seconds]);

    const first = start("80");
    let pid = 0;
    for await (const line of createInterface(first.stdout)) {
      pid = Number(line);
      if (pid > 0) break;
    }
    first.kill("SIGTERM");
    assert.deepEqual(await once(first, "exit"), [143, null]);
    assert.ok(!existsSync(join(folder, "result")));
    assert.ok(!existsSync(join(folder, "lock")));
    await until(() => !alive(pid));

    const second = start("0");
    assert.deepEqual(await once(second, "exit"), [0, null]);
    assert.deepEqual(readdirSync(folder), ["result"]);
    assert.equal(readFileSync(join(folder, "result", "file"), "utf8"), "whole\n");
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail("did not happen within 30 s");
}
