/** How notebooks are divided into archives: each in one place, and no archive where another one is or will be. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { planArchives, type Packable, type Plan } from "../../providers/release/plan";

const isIn = (folder: string, path: string) =>
  folder === "" || path === folder || path.startsWith(`${folder}/`);

const names = fc.constantFrom("a", "b", "c", "a b", "ü", "x.y", "a\\b");
const target = fc.array(names, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
const trees = fc
  .uniqueArray(fc.record({ target, size: fc.integer({ min: 0, max: 60 }) }), {
    selector: (notebook) => notebook.target,
    maxLength: 60,
  })
  // No notebook has the name of a folder.
  .map((all) => all.filter((one) => !all.some((other) => other.target.startsWith(`${one.target}/`))));

/** As many notebooks of 2 kB in as many folders; 0: none. */
function many(count: number, folders: number): Packable[] {
  return Array.from({ length: count }, (_, index) => {
    return { target: `${folders > 0 ? `folder${index % folders}/` : ""}notebook${index}`, size: 2000 };
  });
}

const shape = ({ archives, singles }: Plan<Packable>) => ({
  archives: archives.length,
  largest: Math.max(0, ...archives.map(({ items }) => items.length)),
  singles: singles.length,
});

describe("release: plan of archives", () => {
  it("has each notebook once, in whole folders that do not exist, apart from each other and within the limit", () => {
    const property = fc.property(
      trees,
      fc.integer({ min: 1, max: 400 }),
      fc.array(target, { maxLength: 6 }),
      (notebooks, maxBytes, there) => {
        const exists = (path: string) => there.some((other) => isIn(path, other));
        const { archives, singles } = planArchives(notebooks, { maxBytes, exists });
        const planned = [...archives.flatMap(({ items }) => items), ...singles];
        assert.equal(planned.length, notebooks.length);
        assert.equal(new Set(planned).size, notebooks.length);
        for (const { folder, items } of archives) {
          assert.ok(items.length > 0);
          assert.ok(!exists(folder), `${folder} exists`);
          assert.ok(items.reduce((sum, { size }) => sum + size, 0) <= maxBytes, `${folder} is too large`);
          assert.ok(
            items.every((item) => item.target.startsWith(folder === "" ? "" : `${folder}/`)),
            folder,
          );
          assert.ok(items.every((item) => !item.target.includes("\\")));
          for (const other of archives) {
            assert.ok(
              other.folder === folder || !isIn(folder, other.folder),
              `${other.folder} is in ${folder}`,
            );
          }
        }
        // What is sent alone needs its folder, which an archive would then meet: so only what an archive cannot hold lies in one.
        for (const { target: path, size } of singles) {
          const inside = archives.some(({ folder }) => path.startsWith(folder === "" ? "" : `${folder}/`));
          assert.ok(!inside || size > maxBytes || path.includes("\\"), path);
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it("is one archive where that is as quick as any other, and several where they unpack side by side", () => {
    assert.deepEqual(shape(planArchives(many(100, 50))), { archives: 1, largest: 100, singles: 0 });
    assert.deepEqual(shape(planArchives(many(1000, 0))), { archives: 1, largest: 1000, singles: 0 });
    assert.deepEqual(shape(planArchives(many(1000, 50))), { archives: 50, largest: 20, singles: 0 });
    assert.deepEqual(shape(planArchives(many(5000, 50))), { archives: 50, largest: 100, singles: 0 });
  });

  it("does not take a folder apart whose own notebooks would cost more than that saves", () => {
    const notebooks = [...many(1000, 10), ...many(300, 0)];
    assert.deepEqual(shape(planArchives(notebooks)), { archives: 1, largest: 1300, singles: 0 });
  });

  it("looks below folders that hold one folder only", () => {
    const below = many(1000, 10).map((one) => ({ ...one, target: `team/src/${one.target}` }));
    assert.deepEqual(shape(planArchives(below)), { archives: 10, largest: 100, singles: 0 });
  });

  it("is the same each time", () => {
    assert.deepEqual(planArchives(many(500, 7)), planArchives(many(500, 7)));
  });
});
