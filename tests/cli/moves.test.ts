/** The registry's history as it is read: all moves in their order, whatever clocks and kills did to their lines. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { Client } from "../../databricks/client";
import { Warehouse } from "../../databricks/sql";
import { inOrder, readMoves, type PastMove } from "../../providers/registry/history";
import { recordMove, resumeOf } from "../../providers/registry/lines";
import { clearHold, createTables, readRow, removeRow, swap, type Move } from "../../providers/registry/table";
import { sharedWorkspace } from "../support/localWorkspace";

const TABLE = "main.history_reader.registry";

describe("reading the registry's history", function () {
  this.timeout(120_000);
  let warehouse: Warehouse;

  before(async () => {
    const { host, token, warehouse_id } = await sharedWorkspace();
    warehouse = new Warehouse(
      new Client({ host, credentials: () => ({ kind: "token", token }) }),
      warehouse_id ?? "",
    );
  });

  const move = (expected: number, minute: number, more: Partial<Move> = {}): Move => ({
    table: TABLE,
    app: "churn",
    env: "prod",
    kind: "deploy",
    moveId: randomUUID(),
    expected,
    githash: String(expected + 1).repeat(40),
    releasePath: `/Shared/releases/${String(expected + 1).repeat(40)}`,
    deploymentId: `run-${expected + 1}`,
    deployedAt: `2026-01-01T10:${String(minute).padStart(2, "0")}:00.123Z`,
    deployedBy: "ada@example.com",
    previousGithash: expected === 0 ? "" : String(expected).repeat(40),
    note: `it's "quoted" \\ ; Ünï 🚀`,
    ...more,
  });

  it("answers none where there is no table", async () => {
    assert.deepEqual(await readMoves(warehouse, "main.no_such_schema.registry", move(0, 0)), []);
  });

  it("has every move with what was written, and the one whose line is missing from the row", async () => {
    const [first, second, killed] = [move(0, 1), move(1, 2), move(2, 3)];
    await createTables(warehouse, TABLE);
    await swap(warehouse, first);
    await recordMove(warehouse, first);
    await swap(warehouse, second);
    await recordMove(warehouse, second);
    await swap(warehouse, killed);
    const other = move(0, 9, { env: "staging" });
    await swap(warehouse, other);
    await recordMove(warehouse, other);

    const asRead = (done: Move, recorded: boolean): PastMove => ({
      moveId: done.moveId,
      version: done.expected + 1,
      kind: done.kind,
      fromGithash: done.previousGithash,
      githash: done.githash,
      releasePath: done.releasePath,
      deploymentId: done.deploymentId,
      movedAt: done.deployedAt,
      movedBy: done.deployedBy,
      note: done.note,
      recorded,
    });
    assert.deepEqual(await readMoves(warehouse, TABLE, first), [
      asRead(killed, false),
      asRead(second, true),
      asRead(first, true),
    ]);
    assert.deepEqual(
      (await readMoves(warehouse, TABLE, first, { limit: 2 })).map(({ moveId }) => moveId),
      [killed.moveId, second.moveId],
    );
    const back = move(3, 4, { kind: "rollback", githash: second.githash, previousGithash: killed.githash });
    await recordMove(warehouse, killed);
    assert.deepEqual(await readMoves(warehouse, TABLE, first, { limit: 1 }), [asRead(killed, true)]);

    await swap(warehouse, back);
    const [rolledBack] = await readMoves(warehouse, TABLE, first);
    assert.deepEqual(rolledBack, asRead(back, false), "only a rollback leaves a hold");
    await recordMove(warehouse, back);
    const row = await readRow(warehouse, TABLE, first);
    assert.ok(row?.hold);
    await clearHold(warehouse, first, row);
    const [killedResume, ...before] = await readMoves(warehouse, TABLE, first);
    assert.deepEqual(before[0], asRead(back, true));
    assert.deepEqual(killedResume, {
      ...asRead(back, false),
      moveId: `${back.moveId}/resume`,
      kind: "resume",
      fromGithash: back.githash,
      movedAt: "",
      movedBy: "",
      note: "",
    });
    const resume = {
      ...resumeOf(first, row, { who: "eve@example.com", note: "all is well" }),
      deployedAt: "2026-01-01T10:04:30.000Z",
    };
    await recordMove(warehouse, resume);
    const [resumed, ...others] = await readMoves(warehouse, TABLE, first);
    assert.deepEqual(resumed, asRead(resume, true));
    assert.equal(others.length, 4);

    const gone = move(4, 5, { kind: "destroy", githash: "", releasePath: "" });
    await removeRow(warehouse, gone);
    await recordMove(warehouse, gone);
    const [latest] = await readMoves(warehouse, TABLE, first);
    assert.deepEqual([latest?.kind, latest?.version, latest?.githash], ["destroy", 5, ""]);
  });

  it("is ordered by versions where the movers' clocks disagree, from one destroy to the next", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ minutes: fc.integer({ min: 0, max: 9 }), destroys: fc.boolean() })),
        (steps) => {
          let version = 0;
          const done = steps.map(({ minutes, destroys }, index): PastMove => {
            version += 1;
            const kind = destroys ? "destroy" : "deploy";
            // Of lives an hour apart at least, each clock up to ten minutes off.
            const at = new Date(Date.UTC(2026, 0, 1, index) + minutes * 60_000).toISOString();
            const written = { moveId: String(index), version, kind, movedAt: at } as PastMove;
            version = destroys ? 0 : version;
            return written;
          });
          const shuffled = [...done].sort((a, b) => (a.moveId < b.moveId ? -1 : 1));
          assert.deepEqual(inOrder(shuffled), [...done].reverse());
        },
      ),
    );
    const fast = { moveId: "1", version: 1, kind: "deploy", movedAt: "2026-01-01T00:05:00.000Z" } as PastMove;
    const slow = { moveId: "2", version: 2, kind: "deploy", movedAt: "2026-01-01T00:01:00.000Z" } as PastMove;
    assert.deepEqual(inOrder([fast, slow]), [slow, fast]);
  });
});
