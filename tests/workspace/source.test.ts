/** The Databricks source format: what is kept of a notebook, and what a second import keeps. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { fromJupyter, toJupyter } from "../../workspace/objects/jupyter";
import {
  canonicalSource,
  fromMagic,
  headerOf,
  joinCells,
  splitCells,
  toMagic,
} from "../../workspace/objects/source";
import type { Language } from "../../workspace/objects/tree";

const language = fc.constantFrom<Language>("PYTHON", "SCALA", "SQL", "R");
const line = fc.oneof(
  fc.string(),
  fc.constantFrom(
    "",
    "# COMMAND ----------",
    "-- COMMAND ----------",
    "# MAGIC %md",
    "print(1)\r",
    "# Databricks notebook source",
  ),
);
const text = fc.array(line, { maxLength: 12 }).map((lines) => lines.join("\n"));

describe("workspace: source format", () => {
  it("changes a notebook once at most: the export of an export is the same", () => {
    fc.assert(
      fc.property(text, language, (source, of) => {
        const once = canonicalSource(Buffer.from(source), of);
        assert.deepEqual(canonicalSource(once, of), once);
        assert.ok(once.toString().startsWith(`${headerOf(of)}\n`));
      }),
    );
  });

  it("keeps each cell's text but for line breaks around it", () => {
    const cells = fc.array(fc.constantFrom("a = 1", "b\n\nc", "# MAGIC %md\n# MAGIC text", "  indented"), {
      minLength: 1,
    });
    fc.assert(
      fc.property(cells, language, (given, of) => {
        assert.deepEqual(splitCells(joinCells(given, of), of), given);
      }),
    );
  });

  it("writes magics as comments and reads them back", () => {
    fc.assert(
      fc.property(fc.array(fc.string().filter((one) => !one.includes("\n"))), language, (lines, of) => {
        const cell = ["%md", ...lines].join("\n");
        assert.equal(fromMagic(toMagic(cell, of), of), cell);
      }),
    );
    assert.equal(fromMagic("# MAGIC %md\ncode", "PYTHON"), undefined);
  });

  it("goes through Jupyter and back unchanged", () => {
    const cells = fc.array(
      fc.constantFrom(
        "x = 1",
        "a\n\nb",
        "# MAGIC %md\n# MAGIC # Title\n# MAGIC\n# MAGIC text",
        "# MAGIC %sql\n# MAGIC select 1",
      ),
      {
        minLength: 1,
      },
    );
    fc.assert(
      fc.property(cells, (given) => {
        const source = Buffer.from(joinCells(given, "PYTHON"));
        const back = fromJupyter(toJupyter(source, "PYTHON", "n"));
        assert.deepEqual([back.language, back.source.toString()], ["PYTHON", source.toString()]);
      }),
    );
  });
});
