/** Where a rollback goes by itself: back, never forward, and to nothing that was rolled back from. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { PastMove } from "../../providers/registry/history";
import { wayBack } from "../../providers/registry/wayBack";

/** A history, oldest move first: `A` deploys A, `<A` rolls back to A, `=` resumes, `.` destroys. */
function history(...steps: string[]): PastMove[] {
  let live = "";
  const moves = steps.map((step): PastMove => {
    const kind =
      step === "=" ? "resume" : step === "." ? "destroy" : step.startsWith("<") ? "rollback" : "deploy";
    const fromGithash = live;
    if (kind !== "resume") live = kind === "destroy" ? "" : step.replace("<", "");
    return { kind, fromGithash, githash: live } as PastMove;
  });
  return moves.reverse();
}
const back = (...steps: string[]) => wayBack(history(...steps)).map(({ githash }) => githash);

describe("the way back", () => {
  it("is what was live before, the nearest first, each once", () => {
    assert.deepEqual(back("A", "B", "C"), ["B", "A"]);
    assert.deepEqual(back("A", "B", "A", "C"), ["A", "B"]);
    assert.deepEqual(back("A"), []);
    assert.deepEqual(back(), []);
    assert.deepEqual(back("A", "B", "B", "B"), ["A"], "other settings of the same commit are no step");
  });

  it("goes further back after a rollback, never forward", () => {
    assert.deepEqual(back("A", "B", "C", "<B"), ["A"]);
    assert.deepEqual(back("A", "B", "C", "<B", "<A"), []);
    assert.deepEqual(back("A", "B", "C", "D", "<B"), ["A"], "what was leapt over is forward, too");
    assert.deepEqual(back("A", "B", "A", "<B"), [], "A was rolled back from, wherever else it stands");
  });

  it("has what was rolled back from again once it was deployed again", () => {
    assert.deepEqual(back("A", "B", "<A", "=", "C"), ["A"]);
    assert.deepEqual(back("A", "B", "<A", "=", "B", "C"), ["B", "A"]);
  });

  it("ends where the environment was destroyed", () => {
    assert.deepEqual(back("A", "B", ".", "C", "D"), ["C"]);
    assert.deepEqual(back("A", "B", "."), []);
  });

  it("leads from any history to its end, each step shorter, none twice", () => {
    const step = fc.constantFrom<string[]>("A", "B", "C", "D", "<A", "<B", "<C", "=", ".");
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        // A rollback needs something to go back from; its target may be anything that was live.
        const done = steps.filter(
          (one, index) => !one.startsWith("<") || steps.slice(0, index).includes(one.slice(1)),
        );
        const visited: string[] = [];
        for (
          let left = back(...done);
          left.length > 0;
          left = back(...done, ...visited.map((one) => `<${one}`))
        ) {
          const [next = ""] = left;
          assert.ok(!visited.includes(next), `${next} twice in ${visited.join()}`);
          visited.push(next);
        }
      }),
    );
  });
});
