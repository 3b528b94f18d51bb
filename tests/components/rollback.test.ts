/** The variable by which the command hands a rollback to the stack's program. */
import assert from "node:assert/strict";
import { branchOfRef, readRollback, ROLLBACK_VARIABLE, type Rollback } from "../../components/rollback";

const ROLLBACK: Rollback = {
  ...{ stack: "prod", githash: "a".repeat(40), from: "b".repeat(40), version: 7, note: "", retest: false },
};
const read = (value: unknown) =>
  readRollback("prod", { [ROLLBACK_VARIABLE]: typeof value === "string" ? value : JSON.stringify(value) });

describe("a rollback in the environment", () => {
  it("is read as it was written; without it there is none", () => {
    assert.deepEqual(read(ROLLBACK), ROLLBACK);
    assert.equal(read(""), undefined);
    assert.equal(readRollback("prod", {}), undefined);
  });

  it("that is another stack's is refused", () => {
    assert.throws(
      () => read({ ...ROLLBACK, stack: "staging" }),
      /is a rollback of stack staging; this is prod\. Nothing was changed\. .* unset NOTEBOOK_RELEASES_ROLLBACK/,
    );
  });

  it("that is none is refused with every problem", () => {
    assert.throws(() => read("yes"), /NOTEBOOK_RELEASES_ROLLBACK is no rollback:\n {2}- it: /);
    assert.throws(
      () => read({ ...ROLLBACK, githash: "main", version: 0 }),
      /- githash: a full commit id\n {2}- version: /,
    );
  });

  it("is tested as the branch that the stack deploys, where its ref is one", () => {
    assert.equal(branchOfRef("main"), "main");
    assert.equal(branchOfRef("refs/heads/feature/x"), "feature/x");
    for (const ref of ["a".repeat(40), "abcdef1", "refs/pull/7/head", "refs/tags/v1", "HEAD"])
      assert.equal(branchOfRef(ref), undefined, ref);
  });
});
