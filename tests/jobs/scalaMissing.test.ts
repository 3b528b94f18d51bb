import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startRig, type Rig } from "./helper";

describe("jobs: Scala notebooks on a machine without Java", function () {
  this.timeout(60_000);
  const folder = mkdtempSync(path.join(tmpdir(), "no java "));
  const given = process.env.NOTEBOOK_RELEASES_SCALA;
  let rig: Rig;

  before(async () => {
    process.env.NOTEBOOK_RELEASES_SCALA = folder;
    rig = await startRig();
  });
  after(async () => {
    if (given === undefined) delete process.env.NOTEBOOK_RELEASES_SCALA;
    else process.env.NOTEBOOK_RELEASES_SCALA = given;
    await rig?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("never count as passed: the run says that they are not run here, and why", async () => {
    writeFileSync(path.join(folder, "scala.json"), JSON.stringify({ missing: "no java found on PATH" }));
    await rig.notebook("/Shared/scala/x", 'dbutils.notebook.exit("passed")', "SCALA");
    const run = await rig.run("/Shared/scala/x");
    assert.equal(run.state.result_state, "FAILED");
    const [{ run_id: id, status }] = run.tasks;
    assert.equal(status.termination_details.code, "FEATURE_DISABLED");
    const { error } = await rig.output(id);
    assert.match(error, /^Scala notebooks are not run here: no java found on PATH; run `npm start` or/);
  });

  it("neither do %scala cells of other notebooks, nor where nothing was set up", async () => {
    rmSync(path.join(folder, "scala.json"), { force: true });
    await rig.notebook("/Shared/scala/y", "print('ran')\n===\n# MAGIC %scala println(1)");
    const run = await rig.run("/Shared/scala/y");
    assert.equal(run.state.result_state, "FAILED");
    const { error } = await rig.output(run.tasks[0].run_id);
    assert.match(error, /^ScalaNotAvailable: Scala notebooks are not run here: they are not set up;/);
  });
});
