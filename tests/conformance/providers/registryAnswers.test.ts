/** A move of the registry whose answer is lost, or whose program is killed: done once, and once in the history. */
import assert from "node:assert/strict";
import { Client } from "../../../databricks/client";
import { ConnectionError } from "../../../databricks/errors";
import { Warehouse, type StatementOptions } from "../../../databricks/sql";
import { applyMove } from "../../../providers/registry/move";
import type { Move } from "../../../providers/registry/table";
import type { Inputs } from "../../../providers/registryRow";
import { fails, Resource } from "./engine";
import { Ground } from "./ground";
import { RegistryRig, rowCase, STATEMENTS } from "./registry";

describe("RegistryRow, with a lost answer", function () {
  this.timeout(120_000);
  let ground: Ground;
  let registry: RegistryRig;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
    registry = new RegistryRig(ground);
  });
  afterEach(() => ground.clearFaults());
  after(() => ground?.leave());

  /** Counts the statements of an undisturbed update, so that each of them can be disturbed in turn. */
  async function statementsOf(work: () => Promise<unknown>): Promise<number> {
    return (await ground.requestsOf(work)).filter((request) => request === STATEMENTS).length;
  }

  for (const drop of ["before", "after"] as const) {
    it(`of any one statement of a first deployment (connection closed ${drop} the work), moves once`, async () => {
      const count = await statementsOf(() => registry.deployed());
      for (let after = 0; after < count; after++) {
        const inputs = await rowCase.inputs(ground);
        const resource = new Resource("RegistryRow");
        await ground.fault({ match: STATEMENTS, drop, after, times: 1 });
        assert.equal(await resource.up(inputs), "create", `statement ${after + 1}`);
        await ground.clearFaults();
        assert.equal((await registry.rows(inputs)).length, 1);
        assert.deepEqual(await registry.versions(inputs), [1], `statement ${after + 1}`);
      }
    });

    it(`of any one statement of an update (connection closed ${drop} the work), moves once`, async () => {
      const { resource, inputs, next } = await registry.deployed();
      const count = await statementsOf(() => resource.up(next));
      for (let after = 0; after < count; after++) {
        const { deploymentId } = await ground.deployment("tested");
        await ground.fault({ match: STATEMENTS, drop, after, times: 1 });
        assert.equal(await resource.up({ ...next, deploymentId }), "update", `statement ${after + 1}`);
        await ground.clearFaults();
        assert.equal((await registry.rows(inputs))[0]?.deployment_id, deploymentId);
      }
      const expected = Array.from({ length: count + 2 }, (_, i) => i + 1);
      assert.deepEqual(await registry.versions(inputs), expected);
    });
  }

  it("and with another's move since, is told to have been done, and is in the history", async () => {
    const { resource, inputs, next } = await registry.deployed();
    const { deploymentId } = await ground.deployment("tested");
    const quicker = registry.copyOf(resource);
    class Losing extends Warehouse {
      override async query(statement: string, options: StatementOptions = {}) {
        const answer = await super.query(statement, options);
        if (!statement.startsWith("UPDATE")) return answer;
        assert.equal(await quicker.refresh(), true);
        await quicker.up({ ...inputs, deploymentId });
        throw new ConnectionError(
          "POST",
          "/api/2.0/sql/statements",
          ground.place.host,
          "ECONNRESET",
          "socket hang up",
        );
      }
    }
    const warehouse = new Losing(new Client({ host: ground.place.host }), inputs.warehouse);
    const { table, app, env, githash, releasePath } = inputs as Inputs;
    const move: Move = {
      ...{ table, app, env, githash, releasePath, kind: "deploy", moveId: "ours", expected: 1, note: "" },
      ...{
        deploymentId: next.deploymentId,
        deployedAt: new Date().toISOString(),
        deployedBy: "me",
        previousGithash: githash,
      },
    };
    await fails(
      applyMove(warehouse, move),
      /version 3, we expected 1\)\. Our own move was done before that\./,
    );
    assert.deepEqual(
      (await registry.moves(inputs)).map(({ version, moved_by }) => [version, moved_by]),
      [
        ["1", "admin@local.workspace"],
        ["2", "me"],
        ["3", "admin@local.workspace"],
      ],
    );
  });

  it("of a gateway that did not wait, looks before it tries again", async () => {
    const { resource, inputs, next } = await registry.deployed();
    // The first statement reads the row, the second asks the history for it, the third moves it.
    await ground.fault({ match: STATEMENTS, status: 504, after: 2, times: 1 });
    assert.equal(await resource.up(next), "update");
    assert.deepEqual(await registry.versions(inputs), [1, 2]);
  });

  it("is taken up again after the program was killed between the move and its answer", async () => {
    const { resource, inputs, next } = await registry.deployed();
    const killed = registry.copyOf(resource);
    await killed.up(next);
    // The state still has the first move; the row has the second, with the same deployment.
    assert.equal(await resource.up(next), "update");
    assert.deepEqual(await registry.versions(inputs), [1, 2]);
    assert.equal(resource.outs.version, 2);
    assert.equal((await ground.mlflowRun(next.deploymentId)).tags.status, "live");
    assert.equal((await ground.mlflowRun(inputs.deploymentId)).tags.status, "superseded");

    const first = new Resource("RegistryRow");
    assert.equal(await first.up(next), "create", "the same for a state that was never written");
    assert.equal(first.outs.version, 2);
  });

  it("has each move in its history, also one whose program was killed before it wrote it there", async () => {
    const { resource, inputs, next } = await registry.deployed();
    await ground.sql(`DELETE FROM ${inputs.table}_moves WHERE app = '${inputs.app}'`);
    await resource.up(next);
    const history = await registry.moves(inputs);
    assert.deepEqual(
      history.map(({ version }) => version),
      ["1", "2"],
    );
    assert.equal(history[0]?.deployment_id, inputs.deploymentId);
    assert.equal(history[0]?.moved_by, "admin@local.workspace");
  });
});
