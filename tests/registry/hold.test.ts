/** A hold: set by the very move of a rollback, kept against all but another one, ended by a resume that moves nothing. */
import assert from "node:assert/strict";
import { recordRow } from "../../providers/registry/lines";
import { clearHold } from "../../providers/registry/table";
import { resume } from "../../providers/registry/resume";
import { fails, Resource } from "../conformance/providers/engine";
import { Ground, unique } from "../conformance/providers/ground";
import { commit, RegistryRig, type State } from "./rig";

const STATEMENTS = "POST /api/2.0/sql/statements";
const ENV = "test";
const HELD =
  /is on hold: rolled back from b{12} to a{12} by admin@local\.workspace at 20\d\d-.*Z: too slow\. a{12} stays live/;
const RESUME = /npm run releases -- resume --stack test$/;

describe("a row on hold", function () {
  this.timeout(120_000);
  let ground: Ground;
  let rig: RegistryRig;

  before(async () => {
    ground = await Ground.enter();
    rig = await RegistryRig.on(ground, "abc");
  });
  afterEach(() => ground.clearFaults());
  after(() => ground?.leave());

  /** A is live and on hold, after B was. */
  async function held(): Promise<{ app: string; state: State; before: State }> {
    const app = unique("app");
    const first = await rig.create(rig.inputs(app, ENV, { letter: "a" }));
    const before = await rig.update(first, rig.inputs(app, ENV, { letter: "b" }));
    const wanted = { letter: "a", note: "too slow", rollbackOf: before.version };
    return { app, before, state: await rig.update(before, rig.inputs(app, ENV, wanted)) };
  }
  const seen = async (app: string) => ({ seen: await rig.live(app, ENV), who: "ada", note: "mended" });
  const key = (app: string) => ({ table: rig.table, app, env: ENV });

  it("takes no other commit, from whoever; the same one goes on, and the hold stays", async () => {
    const { app, state, before } = await held();
    const row = await rig.live(app, ENV);
    await fails(rig.update(state, rig.inputs(app, ENV, { letter: "c" })), HELD, RESUME);
    await fails(rig.update(before, rig.inputs(app, ENV, { letter: "c" })), HELD, RESUME);
    await fails(rig.create({ ...rig.inputs(app, ENV, { letter: "c" }), adopt: true }), HELD, RESUME);
    assert.deepEqual(await rig.live(app, ENV), row);

    const same = await rig.update(state, rig.inputs(app, ENV, { letter: "a", note: "other tests" }));
    const after = await rig.live(app, ENV);
    assert.deepEqual([after.hold, after.version, after.note], [row.hold, row.version + 1, "other tests"]);
    await fails(rig.update(same, rig.inputs(app, ENV, { letter: "c" })), HELD);
    assert.deepEqual(await rig.history(app, ENV), ["deploy ->a", "deploy a>b", "rollback b>a", "deploy a>a"]);
  });

  it("goes further back by another rollback, also one that the state knows nothing of", async () => {
    const { app, before } = await held();
    const { version } = await rig.live(app, ENV);
    await rig.update(before, rig.inputs(app, ENV, { letter: "c", note: "", rollbackOf: version }));
    const row = await rig.live(app, ENV);
    assert.match(row.hold, /^rolled back from a{12} to c{12} .* \(no note was given\)$/);
  });

  it("is refused to a rollback whose row somebody moved since it was looked at", async () => {
    const { app, state } = await held();
    const { version } = await rig.live(app, ENV);
    await rig.update(state, rig.inputs(app, ENV, { letter: "a" }));
    const late = rig.inputs(app, ENV, { letter: "c", rollbackOf: version });
    await fails(rig.update(state, late), /was moved by somebody else: admin@local\.workspace at 20/);
  });

  it("moves again once it is resumed, by the state of before; the history says who resumed", async () => {
    const { app, state } = await held();
    const row = await rig.live(app, ENV);
    assert.equal(await resume(rig.warehouse, key(app), await seen(app)), true);
    assert.deepEqual(await rig.live(app, ENV), { ...row, hold: "" });
    assert.equal(await resume(rig.warehouse, key(app), await seen(app)), false, "there is no hold any more");
    assert.deepEqual(await rig.refresh(state), state, "a refresh sees no difference");
    await rig.update(state, rig.inputs(app, ENV, { letter: "c" }));
    const [last, line, ...others] = await rig.moves(app, ENV);
    assert.deepEqual([line?.kind, line?.movedBy, line?.note], ["resume", "ada", "mended"]);
    assert.deepEqual([last?.kind, last?.fromGithash, others.length], ["deploy", commit("a"), 3]);
  });

  it("stays where somebody rolled back again since it was looked at", async () => {
    const { app, state } = await held();
    const before = await seen(app);
    await rig.update(state, rig.inputs(app, ENV, { letter: "c", rollbackOf: state.version }));
    await fails(
      resume(rig.warehouse, key(app), before),
      /admin@local\.workspace moved it at 20.* from a{12} to c{12}\. The hold was left as it is/,
    );
    assert.match((await rig.live(app, ENV)).hold, /to c{12}/);
  });

  it("has a line for a rollback and for a resume that were killed before they wrote theirs", async () => {
    const { app, state } = await held();
    await ground.sql(`DELETE FROM ${rig.table}_moves WHERE app = '${app}' AND kind = 'rollback'`);
    await clearHoldOnly(app);
    await rig.update(state, rig.inputs(app, ENV, { letter: "c" }));
    assert.deepEqual(await rig.history(app, ENV), [
      "deploy ->a",
      "deploy a>b",
      "rollback b>a",
      "resume a>a",
      "deploy a>c",
    ]);
    assert.equal((await rig.moves(app, ENV))[1]?.movedBy, "(unknown)");

    const other = await held();
    await clearHoldOnly(other.app);
    assert.equal(
      await resume(rig.warehouse, key(other.app), await seen(other.app)),
      true,
      "said again, it ends",
    );
    assert.equal((await rig.moves(other.app, ENV))[0]?.movedBy, "ada");
  });

  /** What a resume does that is killed after its write of the row. */
  async function clearHoldOnly(app: string): Promise<void> {
    const row = await rig.live(app, ENV);
    await recordRow(rig.warehouse, key(app), row);
    await clearHold(rig.warehouse, key(app), row);
    assert.deepEqual(await rig.live(app, ENV), { ...row, hold: "" });
  }

  describe("stops a stack at its first resource", () => {
    const workspace = (app: string, letter: string, more: object = {}) => ({
      host: ground.place.host,
      expectedWorkspaceId: "",
      move: {
        ...{
          ...key(app),
          warehouse: rig.warehouse.id,
          githash: commit(letter),
          isRollback: false,
          stack: ENV,
        },
        ...more,
      },
    });
    const reasons = async (resource: Resource, news: object) =>
      (await resource.check(news)).failures.map(({ reason }) => reason);

    it("in a preview too, without a stack trace; a rollback and the same commit pass", async () => {
      const { app } = await held();
      const resource = new Resource("Workspace");
      const [reason = "", ...others] = await reasons(resource, workspace(app, "c"));
      assert.deepEqual(others, []);
      assert.match(reason, HELD);
      assert.match(reason, RESUME);
      assert.deepEqual(await reasons(resource, workspace(app, "a")), []);
      assert.deepEqual(await reasons(resource, workspace(app, "c", { isRollback: true })), []);
      await resume(rig.warehouse, key(app), await seen(app));
      assert.deepEqual(await reasons(resource, workspace(app, "c")), []);
    });

    it("and asks no warehouse where the commit stays, or is rolled back to", async () => {
      const app = unique("app");
      const resource = new Resource("Workspace");
      const first = await ground.requestsOf(() => resource.up(workspace(app, "a")));
      assert.equal(first.filter((request) => request === STATEMENTS).length, 1);
      const others = await ground.requestsOf(async () => {
        await resource.up(workspace(app, "a"));
        await resource.up(workspace(app, "b", { isRollback: true }));
        await resource.up(workspace(app, "b"));
      });
      assert.deepEqual(
        others.filter((request) => request === STATEMENTS),
        [],
      );
    });

    it("and says so where it could not be asked", async () => {
      await ground.fault({ match: STATEMENTS, status: 403, message: "no permission to use the warehouse" });
      const [reason = ""] = await reasons(new Resource("Workspace"), workspace("any", "c"));
      assert.match(reason, /Whether any\/test is on hold could not be asked of main\..*no permission to use/);
    });
  });
});
