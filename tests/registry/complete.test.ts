/** What the row is never moved to: a release that is not whole. And what its values may be: any text. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { fails } from "../conformance/providers/engine";
import { edit } from "../conformance/providers/cases";
import { finishRelease } from "../conformance/providers/finished";
import { Ground, unique } from "../conformance/providers/ground";
import { DIGEST, RegistryRig } from "./rig";

const ENV = "test";
const OBJECTS = "/api/2.0/workspace";

describe("the release that a row is moved to", function () {
  this.timeout(120_000);
  let ground: Ground;
  let rig: RegistryRig;

  before(async () => {
    ground = await Ground.enter();
    rig = await RegistryRig.on(ground, "");
    for (const folder of ["lib", "pipeline"])
      await ground.workspace.ok("POST", `${OBJECTS}/mkdirs`, { path: `${rig.path("a")}/${folder}` });
    await write("lib/helper.py", "VALUE = 1\n");
    await edit(ground, `${rig.path("a")}/pipeline/score`, "print(1)");
    await finishRelease(ground.workspace, rig.path("a"), DIGEST);
  });
  after(() => ground?.leave());

  function write(target: string, text: string): Promise<unknown> {
    const content = Buffer.from(text).toString("base64");
    const path = `${rig.path("a")}/${target}`;
    return ground.workspace.ok("POST", `${OBJECTS}/import`, {
      path,
      content,
      format: "RAW",
      overwrite: true,
    });
  }
  function remove(target: string): Promise<unknown> {
    return ground.workspace.ok("POST", `${OBJECTS}/delete`, { path: `${rig.path("a")}/${target}` });
  }
  const inputs = (app: string) => rig.inputs(app, ENV, { letter: "a" });
  async function refused(app: string, ...patterns: RegExp[]): Promise<void> {
    const olds = await rig.row(app, ENV);
    await fails(rig.create({ ...inputs(app), adopt: true }), ...patterns);
    assert.deepEqual(await rig.row(app, ENV), olds);
  }

  it("is complete, down to each file's type; else what is wrong is named and nothing is moved", async () => {
    const app = unique("whole");
    const refresh = /aaaaaaaaaaaa at .*release a is not as it was deployed.*\n[^]*Run pulumi up --refresh/;
    await remove("pipeline/score");
    await refused(app, refresh, /\n {2}missing pipeline\/score\n/);
    await write("pipeline/score", "a file");
    await refused(app, refresh, /\n {2}edited pipeline\/score\n/);
    await remove("pipeline/score");
    await edit(ground, `${rig.path("a")}/pipeline/score`, "print(1)");
    await edit(ground, `${rig.path("a")}/pipeline/more`, "print(2)");
    await remove("lib/helper.py");
    await refused(app, /\n {2}missing lib\/helper\.py\n {2}added pipeline\/more\n/);
    await remove("pipeline/more");
    await write("lib/helper.py", "VALUE = 1\n");
    assert.equal(await rig.row(app, ENV), undefined);
    // What running a test may leave there is no difference.
    await ground.workspace.ok("POST", `${OBJECTS}/mkdirs`, { path: `${rig.path("a")}/lib/__pycache__` });
    await write("lib/__pycache__/helper.cpython-312.pyc", "compiled");
    await rig.create(inputs(app));
    await rig.live(app, ENV);
  });

  it("has a manifest, of the very commit and settings, that no collection has marked", async () => {
    const app = unique("manifest");
    const state = await rig.create(inputs(app));
    const row = await rig.row(app, ENV);
    await write(".release.json", JSON.stringify({ deleting: true }));
    await fails(rig.update(state, inputs(app)), /has no \.release\.json that can be read/);
    await remove(".release.json");
    await fails(rig.update(state, inputs(app)), /it is unfinished, or being deleted/);
    await finishRelease(ground.workspace, rig.path("a"), "e".repeat(64));
    await fails(rig.update(state, inputs(app)), /is another commit's, or of other settings/);
    assert.deepEqual(await rig.row(app, ENV), row);
    await finishRelease(ground.workspace, rig.path("a"), DIGEST);
    await rig.update(state, inputs(app));
  });

  it("is told with whatever text app, environment and note are, in the row, the history and the hold", async () => {
    await finishRelease(ground.workspace, rig.path("b"), DIGEST);
    const nasty = fc.constantFrom(
      "'",
      "''",
      '"',
      "\\",
      "\\'",
      ";",
      "--",
      "/*",
      "`",
      ":app",
      "$" + "{x}",
      "\n",
      "%",
      "_",
    );
    const text = fc
      .array(fc.oneof(nasty, fc.string({ unit: "binary", maxLength: 8 })), { minLength: 1, maxLength: 8 })
      .map((parts) => parts.join("").replaceAll("\u0000", ""));
    await fc.assert(
      fc.asyncProperty(text, text, text, async (some, env, note) => {
        const app = unique(some);
        const state = await rig.create(rig.inputs(app, env, { letter: "a", note }));
        await rig.update(state, rig.inputs(app, env, { letter: "b", note, rollbackOf: state.version }));
        const row = await rig.live(app, env);
        assert.equal(row.note, note);
        assert.ok(
          note ? row.hold.endsWith(`Z: ${note}`) : row.hold.endsWith("(no note was given)"),
          row.hold,
        );
        assert.deepEqual(
          (await rig.moves(app, env)).map((move) => [move.kind, move.note, move.recorded]),
          [
            ["rollback", note, true],
            ["deploy", note, true],
          ],
        );
        assert.equal(await rig.row(app, `${env}'`), undefined);
      }),
      { numRuns: 8, examples: [["a'; DROP TABLE x; --", "p\\", `'" OR 1=1 \\`]] },
    );
  });
});
