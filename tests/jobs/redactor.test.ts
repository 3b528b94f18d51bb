/** The hiding of secrets, on texts that come in pieces. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Redactor, RedactedStream } from "../../workspace/jobs/redactor";

function redactorOf(...values: string[]): Redactor {
  const redactor = new Redactor();
  for (const value of values) redactor.add(Buffer.from(value));
  return redactor;
}

describe("Redactor", () => {
  it("hides the longer of two secrets where one begins with the other", () => {
    const stream = new RedactedStream(redactorOf("abc", "abcdef"));
    assert.equal(stream.push("x abc"), "x ");
    assert.equal(stream.push("def y"), "[REDACTED] y");
    assert.equal(stream.push("ab") + stream.push("cd") + stream.flush(), "[REDACTED]d");
  });

  it("does not search its own replacement", () => {
    assert.equal(redactorOf("RED", "x").redact("RED x"), "[REDACTED] [REDACTED]");
  });

  it("ignores an empty secret", () => {
    assert.equal(redactorOf("", " ").redact("a b"), "a b");
  });

  it("gives the same whether a text comes whole or in pieces, and never the secret", () => {
    const letters = fc.constantFrom("a", "b", "c", "-");
    const word = fc.string({ unit: letters, minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 1, maxLength: 3 }),
        fc.array(fc.string({ unit: letters, maxLength: 8 })),
        (secrets, pieces) => {
          const redactor = redactorOf(...secrets);
          const stream = new RedactedStream(redactor);
          const shown = pieces.map((piece) => stream.push(piece)).join("") + stream.flush();
          assert.equal(shown, redactor.redact(pieces.join("")));
          for (const secret of secrets) assert.equal(shown.includes(secret), false);
        },
      ),
    );
  });
});
