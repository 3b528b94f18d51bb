/** Tests that a workspace cannot run: Scala notebooks on a machine without Java. They are never counted as passed. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fails } from "../conformance/providers/engine";
import { Ground } from "../conformance/providers/ground";
import { Line } from "./ground";

describe("a gate of Scala tests where Scala is missing", function () {
  this.timeout(60_000);
  const given = process.env.NOTEBOOK_RELEASES_SCALA;
  const folder = mkdtempSync(join(tmpdir(), "no java "));
  let ground: Ground;

  before(async () => {
    ground = await Ground.enter();
    writeFileSync(join(folder, "scala.json"), JSON.stringify({ missing: "no java found on PATH" }));
    process.env.NOTEBOOK_RELEASES_SCALA = folder;
  });
  after(() => {
    if (given === undefined) delete process.env.NOTEBOOK_RELEASES_SCALA;
    else process.env.NOTEBOOK_RELEASES_SCALA = given;
    rmSync(folder, { recursive: true, force: true });
    return ground?.leave();
  });

  it("is closed, and says that they were not run here, and why", async () => {
    const line = await Line.start(ground);
    const release = await line.release({
      fine: "x = 1",
      cell: "print('before')\n\n# COMMAND ----------\n\n# MAGIC %scala println(1)",
    });
    await ground.workspace.ok("POST", "/api/2.0/workspace/import", {
      ...{ path: `${release.releasePath}/tests/scala`, format: "SOURCE", language: "SCALA" },
      content: Buffer.from('// Databricks notebook source\ndbutils.notebook.exit("passed")').toString(
        "base64",
      ),
    });
    const inputs = await line.gate({ ...release, tests: [...(release.tests as string[]), "tests/scala"] });
    await fails(
      line.run(inputs),
      /The gate is closed: 2 of 3 tests not run here\./,
      /✓ tests\/fine/,
      /✗ tests\/cell +[\d.]+ s {2}not run here: no java found on PATH; run `npm start`/,
      /✗ tests\/scala +[\d.]+ s {2}not run here: no java found on PATH; run `npm start`/,
    );
    const { params, metrics, tags } = await line.mlflow(inputs);
    const { tests_scala, tests_cell, tests_fine } = params;
    assert.deepEqual([tests_scala, tests_cell, tests_fine], ["Failed", "Failed", "passed"]);
    assert.deepEqual([metrics.tests_passed, metrics.tests_failed], [1, 2]);
    assert.match(tags.message ?? "", /2 of 3 tests not run here/);
    assert.match(
      await line.artifact(inputs, "junit.xml"),
      /failures="0" errors="2"[^]*name="scala" [^]*<error message="not run here: no java found on PATH; /,
    );
  });
});
