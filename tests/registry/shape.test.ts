/** The registry's tables before a first move: made where they are absent, refused where they are something else, never altered. */
import assert from "node:assert/strict";
import { quoteName } from "../../databricks/sql";
import { ensureTables } from "../../providers/registry/shape";
import { fails } from "../conformance/providers/engine";
import { Ground, unique } from "../conformance/providers/ground";
import { RegistryRig } from "./rig";

describe("the registry's tables", function () {
  this.timeout(120_000);
  let ground: Ground;
  let rig: RegistryRig;

  before(async () => {
    ground = await Ground.enter();
    rig = await RegistryRig.on(ground, "a");
  });
  after(() => ground?.leave());

  it("are made in a schema of two parts or three, with names that need quotes, by two at once, and fit", async () => {
    const name = unique("quoted");
    for (const table of [
      `${unique("two").replaceAll("-", "_")}.registry`,
      `main.\`${name}\`.\`my-registry\``,
    ]) {
      await Promise.all([ensureTables(rig.warehouse, table), ensureTables(rig.warehouse, table)]);
      await ensureTables(rig.warehouse, table);
      assert.deepEqual(await rig.warehouse.select(`SELECT * FROM ${quoteName(table)}`, []), []);
    }
  });

  it("of another shape are refused with every difference, and stay as they are", async () => {
    const schema = `main.${unique("odd").replaceAll("-", "_")}`;
    const table = `${schema}.registry`;
    await ground.sql(`CREATE SCHEMA ${schema}`);
    await ground.sql(
      `CREATE TABLE ${table} (app STRING, env STRING, githash STRING, release_path STRING, deployment_id STRING, move_id STRING,
         version STRING, deployed_at TIMESTAMP, deployed_by STRING, previous_githash STRING, note STRING, team STRING) USING DELTA`,
    );
    const inputs = { ...rig.inputs("app", "test", { letter: "a" }), table };
    const message = await fails(
      rig.create(inputs),
      /is not what it must be, and is not altered by a deployment/,
      /has no column hold STRING: ALTER TABLE \S+ ADD COLUMNS \(hold STRING\)/,
      /column version is STRING, and must be BIGINT/,
      /delta\.isolationLevel is not set, and must be Serializable: ALTER TABLE \S+ SET TBLPROPERTIES/,
      /Nothing was changed\. Mend it/,
    );
    assert.doesNotMatch(message, /team/, "more columns are no harm");
    assert.equal((await rig.warehouse.columns(`SELECT * FROM ${table} LIMIT 0`)).length, 12);
    await assert.rejects(rig.warehouse.query(`SELECT * FROM ${table}_moves`), /NOT_FOUND/);
  });

  it("are looked at before a first move only", async () => {
    const sent = async (work: () => Promise<unknown>) =>
      (await ground.requestsOf(work)).filter((request) => request === "POST /api/2.0/sql/statements").length;
    const inputs = rig.inputs(unique("app"), "test", { letter: "a" });
    let state = await rig.create(inputs);
    const count = await sent(async () => {
      state = await rig.update(state, rig.inputs(inputs.app, "test", { letter: "a" }));
    });
    assert.equal(count, 5, "row, its line, the move, the row again, the new line");
  });
});
