/** Nothing that the server starts outlives it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort, startProcess, withFreePort } from "../../workspace/engines/processes";
import { plainPath } from "../../workspace/engines/spark";
import { alive } from "../support/alive";

const python =
  process.env.NOTEBOOK_RELEASES_PYTHON ?? path.resolve(__dirname, "../../.local/python/bin/python");

describe("engine processes", function () {
  this.timeout(90_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "engine processes "));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A shell that ignores SIGTERM, with a child that does so too; writes both pids. */
  const stubborn = (pids: string) => ["-c", `trap '' TERM; sleep 300 & echo "$$ $!" > "$0"; wait`, pids];

  async function pidsIn(file: string): Promise<number[]> {
    for (let tries = 0; tries < 1200; tries++) {
      try {
        const pids = readFileSync(file, "utf8").trim().split(" ").map(Number);
        if (pids.length === 2) return pids;
      } catch {
        // Not there yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error("the process did not start");
  }

  async function gone(pids: readonly number[]): Promise<void> {
    for (let tries = 0; tries < 1200; tries++) {
      if (!pids.some(alive)) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`still there: ${pids.filter(alive).join()}`);
  }

  it("end with all they started when they are stopped, even if they ignore SIGTERM", async () => {
    const pids = path.join(folder, "stopped");
    const started = startProcess({
      ...{ name: "test", python, command: "sh", args: stubborn(pids), graceMs: 200 },
      logFile: path.join(folder, "stopped.log"),
    });
    const found = await pidsIn(pids);
    await started.stop();
    assert.equal(started.alive(), false);
    await gone(found);
  });

  it("end when whoever started them is killed", async () => {
    const pids = path.join(folder, "killed");
    const program = path.join(folder, "parent.ts");
    const module = path.resolve(__dirname, "../../workspace/engines/processes");
    const options = { name: "test", python, command: "sh", args: stubborn(pids), graceMs: 200 };
    writeFileSync(
      program,
      `import { startProcess } from ${JSON.stringify(module)};
       startProcess({ ...${JSON.stringify(options)}, logFile: ${JSON.stringify(path.join(folder, "killed.log"))} });
       setInterval(() => undefined, 1000);`,
    );
    const parent = spawn(process.execPath, ["--import", "tsx", program], {
      cwd: path.resolve(__dirname, "../.."),
      stdio: "inherit",
    });
    const found = await pidsIn(pids);
    parent.kill("SIGKILL");
    await gone(found);
  });

  it("say why they did not start", async () => {
    await assert.rejects(
      withFreePort(
        "Thing",
        10_000,
        () =>
          startProcess({
            ...{ name: "Thing", python, command: "sh", args: ["-c", "echo it is broken; exit 3"] },
            logFile: path.join(folder, "broken.log"),
          }),
        () => Promise.resolve(false),
      ),
      /Thing ended while starting.*it is broken/s,
    );
  });

  it("get different free ports", async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, () => freePort()));
    assert.equal(new Set(ports).size, 20);
  });

  it("find a folder with spaces under a plain path", () => {
    const spaced = path.join(folder, "ware house é");
    mkdirSync(spaced);
    const plain = plainPath(spaced);
    assert.match(plain, /^[A-Za-z0-9/._-]+$/);
    assert.equal(realpathSync(plain), realpathSync(spaced));
    assert.equal(plainPath(spaced), plain);
  });
});
