import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { removeSandboxes, sandbox } from "./sandbox";

const ROOT = join(__dirname, "..", "..");

describe("npm start and npm stop: the local workspace in the background", function () {
  this.timeout(120_000);
  after(removeSandboxes);

  it("starts on a free port, is found again, and stops with its data kept", async () => {
    const { pathsOf } = await import("../../scripts/setup/paths.mjs");
    const { runningWorkspace, startWorkspace, stopWorkspace } =
      await import("../../scripts/local/workspace.mjs");
    const paths = { ...pathsOf(ROOT), local: sandbox() };
    const occupied = createServer();
    // Another workspace may run there already: either way the port is taken.
    await new Promise<void>((resolve) =>
      occupied.once("error", () => resolve()).listen(8650, "127.0.0.1", resolve),
    );
    try {
      const { ready, started, words } = await startWorkspace(paths, () => {});
      assert.ok(started);
      assert.notEqual(new URL(ready.host).port, "8650");
      assert.match(words, /\(port 8650 is taken by another program\)$/);
      assert.equal(
        statSync(join(paths.local, "workspace.json")).mode & 0o077,
        0,
        "only the user can read the token",
      );
      const logs = readdirSync(join(paths.local, "workspace")).filter((name) => name.endsWith(".log"));
      for (const log of logs) {
        assert.ok(!readFileSync(join(paths.local, "workspace", log), "utf8").includes(ready.token), log);
      }

      assert.deepEqual(await runningWorkspace(paths), ready);
      const again = await startWorkspace(paths, () => {});
      assert.deepEqual([again.started, again.ready.pid], [false, ready.pid]);

      assert.deepEqual(await stopWorkspace(paths), ready);
      assert.throws(() => process.kill(ready.pid, 0), /ESRCH/);
      assert.equal(await runningWorkspace(paths), undefined);
      assert.equal(await stopWorkspace(paths), undefined);
      assert.ok(statSync(join(paths.local, "workspace")).isDirectory());
    } finally {
      await stopWorkspace(paths);
      occupied.close();
    }
  });
});
