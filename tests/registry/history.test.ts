/**
 * Thirty random operations on one row, kills among them, each of which may come at any statement: in the end the history
 * has one entry for each thing that was done, and no other.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { readMoves } from "../../providers/registry/history";
import { resume } from "../../providers/registry/resume";
import type { RegistryEntry } from "../../providers/registry/table";
import { wayBack } from "../../providers/registry/wayBack";
import { Ground, unique } from "../conformance/providers/ground";
import { RegistryRig, type State } from "./rig";

const STATEMENTS = "POST /api/2.0/sql/statements";
const ENV = "test";
const OPERATIONS = 30;
const LETTERS = ["a", "b", "c", "d"];

/** An operation is killed at its n-th statement: before that is done, or when it is done and its answer lost. */
interface Kill {
  readonly statement: number;
  readonly drop: "before" | "after";
}

/** What must be true: entries as they must be in the history, oldest first, and what they leave. */
interface Model {
  entries: { kind: string; from: string; to: string; note: string }[];
  live: string;
  held: boolean;
  /** Operations that were tried. */
  count: number;
}

/** The real thing: a stack's state, and the row that it moves. */
class Stack {
  state: State | undefined;

  constructor(
    readonly ground: Ground,
    readonly rig: RegistryRig,
    readonly app: string,
  ) {}

  /** @returns whether it came to its end. */
  async attempt(work: () => Promise<unknown>, kill: Kill | undefined): Promise<boolean> {
    if (kill) {
      const { statement, drop } = kill;
      if (drop === "after") await this.ground.fault({ match: STATEMENTS, after: statement, drop, times: 1 });
      // Whatever comes after it is refused: what is dead asks nothing.
      const after = drop === "after" ? statement + 1 : statement;
      await this.ground.fault({ match: STATEMENTS, after, status: 403, message: "killed", times: 0 });
    }
    try {
      await work();
      return true;
    } catch (error) {
      assert.match((error as Error).message, /killed|did not answer|could not/, "only a kill may stop it");
      return false;
    } finally {
      await this.ground.clearFaults();
    }
  }

  row(): Promise<RegistryEntry | undefined> {
    return this.rig.row(this.app, ENV);
  }
}

class Operation implements fc.AsyncCommand<Model, Stack> {
  constructor(
    readonly kind: "deploy" | "rollback" | "resume" | "destroy",
    readonly letter: string,
    readonly kill: Kill | undefined,
    /** After a kill: the same again, as a person would, or a refresh and on to something else. */
    readonly again: boolean,
  ) {}

  check({ live, held, entries, count }: Readonly<Model>): boolean {
    if (count === OPERATIONS) return false;
    if (this.kind === "deploy") return !held || live === this.letter;
    if (this.kind === "rollback") return entries.length > 1 && live !== "";
    return this.kind === "resume" ? held : live !== "";
  }

  toString(): string {
    const killed = this.kill ? `, killed ${this.kill.drop} statement ${this.kill.statement + 1}` : "";
    return `${this.kind} ${this.kind === "deploy" ? this.letter : ""}${killed}${this.kill && this.again ? ", again" : ""}`;
  }

  async run(model: Model, stack: Stack): Promise<void> {
    const before = await stack.row();
    const note = unique(this.kind);
    const work = await this.work(stack, before, note);
    if (!work) return;
    model.count++;
    let done = await stack.attempt(work, this.kill);
    if (!done && this.again) done = await stack.attempt(work, undefined);
    const row = await stack.row();
    const changed = row?.moveId !== before?.moveId || row?.hold !== before?.hold;
    assert.ok(changed || !done, `${this.toString()}: it ended well and changed nothing`);
    if (!done) stack.state = stack.state && (await stack.rig.refresh(stack.state));
    if (!changed) return;
    const to = this.kind === "destroy" ? "" : (row?.githash ?? "?");
    model.entries.push({ kind: this.kind, from: model.live, to, note: this.kind === "destroy" ? "" : note });
    model.live = to;
    model.held = (row?.hold ?? "") !== "";
    assert.equal(
      model.held,
      this.kind === "rollback" || (this.kind === "deploy" && before?.hold !== "" && before !== undefined),
    );
  }

  /** The same work each time that it is called: the stack's state has the deployment already. */
  private async work(
    stack: Stack,
    before: RegistryEntry | undefined,
    note: string,
  ): Promise<(() => Promise<unknown>) | undefined> {
    const { rig, app } = stack;
    const deploymentId = randomUUID();
    const key = { table: rig.table, app, env: ENV };
    if (this.kind === "resume") {
      const seen = before!;
      return async () =>
        resume(rig.warehouse, key, { seen: (await rig.row(app, ENV)) ?? seen, who: "ada", note });
    }
    if (this.kind === "destroy") {
      if (!stack.state) return undefined;
      return async () => {
        if (stack.state) await rig.destroy(stack.state);
        stack.state = undefined;
      };
    }
    const [target] = wayBack(await readMoves(rig.warehouse, rig.table, key));
    if (this.kind === "rollback" && !target) return undefined;
    const wanted =
      this.kind === "rollback"
        ? { letter: target!.githash.slice(0, 1), note, deploymentId, rollbackOf: before?.version ?? 0 }
        : { letter: this.letter, note, deploymentId };
    const inputs = rig.inputs(app, ENV, wanted);
    return async () => {
      stack.state = stack.state
        ? await rig.update(stack.state, inputs)
        : await rig.create({ ...inputs, adopt: true });
    };
  }
}

describe("the registry's history", function () {
  this.timeout(240_000);
  let ground: Ground;
  let rig: RegistryRig;

  before(async () => {
    ground = await Ground.enter();
    rig = await RegistryRig.on(ground, LETTERS.join(""));
  });
  afterEach(() => ground.clearFaults());
  after(() => ground?.leave());

  it(`equals what was done, entry by entry, after ${OPERATIONS} random operations and kills`, async () => {
    const kind = fc.constantFrom(
      "deploy",
      "deploy",
      "deploy",
      "rollback",
      "rollback",
      "resume",
      "resume",
      "destroy",
    );
    const kill = fc.record({
      statement: fc.nat(5),
      drop: fc.constantFrom("before" as const, "after" as const),
    });
    const operation = fc
      .tuple(kind, fc.constantFrom(...LETTERS), fc.option(kill, { nil: undefined, freq: 2 }), fc.boolean())
      .map((all) => new Operation(...(all as ConstructorParameters<typeof Operation>)));
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 3 * OPERATIONS, maxLength: 3 * OPERATIONS }),
        async (operations) => {
          const app = unique("random");
          const model: Model = { entries: [], live: "", held: false, count: 0 };
          const stack = new Stack(ground, rig, app);
          await fc.asyncModelRun(() => ({ model, real: stack }), operations);
          // The last thing that happened may have been killed: what comes next completes the history.
          assert.equal(model.count, OPERATIONS);
          if (model.held) await new Operation("resume", "", undefined, false).run(model, stack);
          await new Operation("deploy", "a", undefined, false).run(model, stack);
          const moves = (await rig.moves(app, ENV)).reverse();
          // Who was killed before the line was written has left no word; what was done is known.
          const isUnknown = (index: number) => moves[index]?.movedBy === "(unknown)";
          assert.deepEqual(
            moves.map(({ kind, fromGithash, githash, note, recorded }, index) => ({
              ...{ kind, from: fromGithash, to: githash, recorded },
              note: isUnknown(index) ? "" : note,
            })),
            model.entries.map((entry, index) => ({
              ...entry,
              recorded: true,
              note: isUnknown(index) && entry.kind !== "deploy" ? "" : entry.note,
            })),
          );
        },
      ),
      { numRuns: 1, endOnFailure: true },
    );
  });
});
