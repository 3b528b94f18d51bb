/** The archives themselves: within the limit, with each notebook under its name, the same bytes each time. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { unzipSync } from "fflate";
import { packUnits, type Archive } from "../../providers/release/archive";
import { formOfJupyter, formOfSource } from "../../providers/release/form";
import { planArchives } from "../../providers/release/plan";
import { readSource, type Source } from "../../source";
import { makeRepository, temporaryFolder, type TestFile } from "../source/support";

describe("release: archives", function () {
  this.timeout(60_000);
  const made: (() => void)[] = [];
  after(() => made.forEach((remove) => remove()));

  async function source(files: Record<string, TestFile>): Promise<Source> {
    const repository = makeRepository(files);
    const cacheDir = temporaryFolder();
    made.push(
      () => repository.remove(),
      () => rmSync(cacheDir, { recursive: true, force: true }),
    );
    return readSource({ repository: repository.directory, ref: "HEAD" }, { cacheDir });
  }

  async function packed({ commit, files }: Source, maxContent?: number) {
    const { archives } = planArchives(files);
    const found: Archive[] = [];
    const singles: string[] = [];
    for await (const one of packUnits(commit, archives, maxContent)) {
      if ("unit" in one) found.push(one);
      else singles.push(one.file.target);
    }
    return { archives: found, singles };
  }

  it("name each notebook after its path and language, with the bytes of the commit", async () => {
    const files = {
      "top.py": "# Databricks notebook source\r\n1\r\n",
      "ä ö/täglich.SQL": "-- Databricks notebook source\nselect 1",
      "ä ö/x.y.scala": "// Databricks notebook source\n",
      "ä ö/deep/er/r.R": "# Databricks notebook source\nlibrary(x)\n",
      "j.ipynb": JSON.stringify({ cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 }),
    };
    const { archives, singles } = await packed(await source(files));
    assert.deepEqual([archives.length, singles], [1, []]);
    const found = unzipSync(archives[0]!.content);
    assert.deepEqual(
      Object.fromEntries(Object.entries(found).map(([name, text]) => [name, Buffer.from(text).toString()])),
      {
        "top.py": files["top.py"],
        "ä ö/täglich.sql": files["ä ö/täglich.SQL"],
        "ä ö/x.y.scala": files["ä ö/x.y.scala"],
        "ä ö/deep/er/r.r": files["ä ö/deep/er/r.R"],
        "j.ipynb": files["j.ipynb"],
      },
    );
  });

  it("are the same bytes each time", async () => {
    const one = await source({
      "a.py": "# Databricks notebook source\n1",
      "b/c.py": "# Databricks notebook source\n2",
    });
    const [first, second] = [await packed(one), await packed(one)];
    assert.deepEqual(
      first.archives.map(({ content }) => content),
      second.archives.map(({ content }) => content),
    );
  });

  it("are taken apart until each is within the limit; what no archive can hold goes alone", async () => {
    const files: Record<string, string> = {};
    for (const folder of ["a", "a/deep", "a/deep/er", "b", "c"]) {
      for (let index = 0; index < 4; index++) {
        const size = folder === "c" && index === 0 ? 20_000 : 1000;
        files[`${folder}/n${index}.py`] =
          `# Databricks notebook source\n# ${randomBytes(size).toString("hex")}\n`;
      }
    }
    const all = await source(files);
    for (const limit of [1, 4000, 6000, 9000, 15_000, 25_000, 1_000_000]) {
      const { archives, singles } = await packed(all, limit);
      const targets = [...archives.flatMap(({ unit }) => unit.items.map(({ target }) => target)), ...singles];
      assert.deepEqual(targets.sort(), all.files.map(({ target }) => target).sort(), `limit ${limit}`);
      for (const { content, unit } of archives) {
        assert.ok(content.length <= limit, `${content.length} > ${limit}`);
        const names = unit.items.map(
          ({ target }) => target.slice(unit.folder === "" ? 0 : unit.folder.length + 1) + ".py",
        );
        assert.deepEqual(Object.keys(unzipSync(content)).sort(), names.sort());
        const inside = singles.filter((target) => target.startsWith(`${unit.folder}/`) || unit.folder === "");
        assert.deepEqual(inside, [], `the archive ${unit.folder} would meet a folder`);
        const below = archives.filter(
          (other) => other.unit !== unit && other.unit.folder.startsWith(`${unit.folder}/`),
        );
        assert.deepEqual(below, []);
      }
    }
  });

  it("compare by the text alone, and by all of it", () => {
    const of = (text: string) => formOfSource(Buffer.from(text));
    const source =
      "# Databricks notebook source\n# MAGIC %md\n# MAGIC ## Title\n\n# COMMAND ----------\n\nx = 1\nif x:\n  y = 2\n";
    const jupyter = {
      cells: [
        { cell_type: "markdown", source: ["## Title"] },
        { cell_type: "code", source: "x = 1\nif x:\n  y = 2" },
      ],
    };
    assert.equal(of(source.replaceAll("\n", "\r\n")), of(source));
    assert.equal(of(source.trimEnd()), of(source));
    assert.equal(of(source.replace("\n\n# COMMAND ----------\n\n", "\n# COMMAND ----------\n")), of(source));
    assert.equal(formOfJupyter(Buffer.from(JSON.stringify(jupyter))), of(source));
    for (const [from, to] of [
      ["x = 1", "x = 2"],
      ["  y", "    y"],
      ["Title", "Titel"],
      ["if x:\n", ""],
    ] as const) {
      assert.notEqual(of(source.replace(from, to)), of(source), from);
    }
    assert.equal(formOfJupyter(Buffer.from("{")), undefined);
  });
});
