/** The evaluator of GitHub's expressions, with which the tests run the workflows. */
import assert from "node:assert/strict";
import { evaluate, fill, holds, type Scope, type Value } from "./expressions";

describe("an expression of a workflow", () => {
  const contexts: Scope["contexts"] = {
    github: { event: { action: "Labeled", labels: [{ name: "deploy" }, { name: "it's" }], none: null } },
    vars: { STACKS: '["staging", "prod"]', EMPTY: "" },
  };
  const braces = (expression: string) => `$\{{ ${expression} }}`;
  const scope = (status?: Scope["status"]): Scope => ({ contexts, status });

  it("has GitHub's values, operators and functions", () => {
    const expected: [string, Value][] = [
      ["vars.EMPTY || 'prod'", "prod"],
      ["vars.STACKS != '' && 'set' || 'unset'", "set"],
      ["github.event.action == 'labeled'", true],
      ["github.event.none == ''", true],
      ["github.event.none.deeper.still", null],
      ["!(github.event.action != 'labeled')", true],
      ["contains(github.event.labels.*.name, 'it''s')", true],
      ["contains(fromJSON(vars.STACKS || '[]'), 'dev')", false],
      ["fromJSON(vars.EMPTY || '[]')", []],
      ["true && 1", 1],
      ["'1' == 1", true],
    ];
    for (const [expression, value] of expected) {
      assert.deepEqual(evaluate(expression, scope()), value, expression);
    }
  });

  it("is put into texts, and keeps its type where it is all of them", () => {
    assert.equal(fill(`a ${braces("vars.EMPTY")}b ${braces("'c'")}`, scope()), "a b c");
    assert.deepEqual(fill(braces("fromJSON(vars.STACKS)"), scope()), ["staging", "prod"]);
    assert.throws(() => fill(`x ${braces("github.event.labels")}`, scope()), /a list or an object/);
  });

  it("as a condition holds only after a success, unless it asks for another status", () => {
    const all = ["success", "failure", "cancelled"] as const;
    const when = (condition?: string) => all.filter((status) => holds(condition, scope(status)));
    assert.deepEqual(when(), ["success"]);
    assert.deepEqual(when("vars.EMPTY == ''"), ["success"]);
    assert.deepEqual(when(braces("!cancelled()")), ["success", "failure"]);
    assert.deepEqual(when("cancelled()"), ["cancelled"]);
    assert.deepEqual(when("always() && vars.EMPTY != ''"), []);
  });

  it("fails where something is not given, or is none", () => {
    assert.throws(() => evaluate("vars.OTHER", scope()), /Expression vars\.OTHER: OTHER is not given/);
    assert.throws(() => evaluate("secrets.TOKEN", scope()), /secrets is not given/);
    assert.throws(() => evaluate("hashFiles('x')", scope()), /no function hashFiles/);
    assert.throws(() => evaluate("vars.EMPTY vars", scope()), /after its end/);
    assert.throws(() => evaluate("vars.EMPTY ~ 1", scope()), /cannot read "~ 1"/);
    assert.throws(() => evaluate("success()", scope()), /for conditions only/);
  });
});
