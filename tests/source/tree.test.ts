import assert from "node:assert/strict";
import { mkdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { closest } from "../../source/names";
import { followLinks, parseTree, type TreeEntry } from "../../source/tree";
import { temporaryFolder } from "./support";

describe("source: symbolic links", () => {
  it("lead where the file system leads (property)", () => {
    const name = fc.constantFrom("a", "b", "c");
    const folder = fc.array(name, { maxLength: 2 });
    const target = fc
      .array(fc.constantFrom("..", ".", "a", "b", "c", "f"), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join("/"));
    const item = fc.record({ folder, name: fc.constantFrom("a", "b", "c", "f"), target: fc.option(target) });
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 10 }), (items) => {
        const root = temporaryFolder();
        try {
          const tree = join(root, "tree");
          mkdirSync(tree);
          const taken: string[] = [];
          const entries = items.flatMap((one, index): TreeEntry[] => {
            const path = [...one.folder, one.name].join("/");
            // As in git: nothing lies behind a link or a file.
            if (taken.some((other) => `${other}/`.startsWith(`${path}/`) || path.startsWith(`${other}/`)))
              return [];
            taken.push(path);
            mkdirSync(dirname(join(tree, path)), { recursive: true });
            if (one.target === null) writeFileSync(join(tree, path), String(index));
            else symlinkSync(one.target, join(tree, path));
            return [{ path, mode: one.target === null ? "100644" : "120000", oid: String(index), size: 1 }];
          });
          check(tree, entries, items);
        } finally {
          rmSync(root, { recursive: true });
        }
      }),
      { numRuns: 150 },
    );
  });

  function check(tree: string, entries: TreeEntry[], items: { target: string | null }[]): void {
    const targetOf = (entry: TreeEntry): string => items[Number(entry.oid)]?.target ?? "";
    const { files, problems } = followLinks(entries, targetOf, () => true);
    for (const file of files) assert.equal(readFileSync(join(tree, file.path), "utf8"), file.oid, file.path);
    assert.equal(new Set(files.map((file) => file.path)).size, files.length);
    const refused = new Set(problems.map((problem) => problem.slice(0, problem.indexOf(": "))));
    for (const link of entries.filter((entry) => entry.mode === "120000")) {
      let real: string | undefined;
      try {
        real = realpathSync(join(tree, link.path));
      } catch {
        real = undefined;
      }
      if (real === undefined || (real !== tree && !real.startsWith(`${tree}/`))) {
        assert.ok(refused.has(link.path), `${link.path} leads nowhere or out`);
      } else if (statSync(real).isFile() && !refused.has(link.path)) {
        assert.ok(
          files.some((file) => file.path === link.path),
          link.path,
        );
      }
    }
  }

  it("are not followed without end where each doubles the files", () => {
    const entries: TreeEntry[] = [{ path: "d0/f", mode: "100644", oid: "f", size: 1 }];
    for (let depth = 1; depth <= 40; depth++) {
      for (const name of ["x", "y"]) {
        entries.push({ path: `d${depth}/${name}`, mode: "120000", oid: `../d${depth - 1}`, size: 5 });
      }
    }
    const { problems } = followLinks(
      entries,
      (link) => link.oid,
      () => true,
    );
    assert.match(problems[0] ?? "", /make too many files$/);
  });

  it("are refused for a reason that names the target", () => {
    const entry = (path: string, mode = "100644"): TreeEntry => ({ path, mode, oid: path, size: 1 });
    const entries = [entry("x/a"), entry("x/out", "120000"), entry("x/back", "120000")];
    const { problems } = followLinks(
      entries,
      (link) => (link.path === "x/out" ? "../../y" : "../x/./a"),
      () => true,
    );
    assert.deepEqual(problems, ["x/out: the link leads out of the released tree, to ../../y"]);
  });
});

describe("source: what git lists", () => {
  it("is read with sizes, and without where the content is not here", () => {
    const oid = "0123456789".repeat(4);
    const output =
      `100644 blob ${oid}      12\ta b\0` +
      `100755 blob ${oid}     BAD\té\tx\0` +
      `160000 commit ${oid}       -\tsub\0`;
    assert.deepEqual(parseTree(output), [
      { path: "a b", mode: "100644", oid, size: 12 },
      { path: "é\tx", mode: "100755", oid, size: undefined },
      { path: "sub", mode: "160000", oid, size: undefined },
    ]);
  });
});

describe("source: names that come close", () => {
  it("are few, the closest first, and none where nothing is close", () => {
    const names = ["main", "master", "release/1.2", "release/1.3", "feature/login", "dev"];
    assert.deepEqual(closest("mian", names), ["main"]);
    assert.deepEqual(closest("release-1.2", names), ["release/1.2", "release/1.3"]);
    assert.deepEqual(closest("login", names), ["feature/login"]);
    assert.deepEqual(closest("quite different", names), []);
    assert.equal(
      closest(
        "a1",
        Array.from({ length: 20 }, (_, index) => `a${index}`),
      ).length,
      5,
    );
  });
});
