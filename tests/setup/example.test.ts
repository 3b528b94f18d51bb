import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addCommit, makeExample, parentOf, subjectOf } from "../../scripts/start/example";
import { findScala } from "../../scripts/start/scala";
import { BUILD } from "../../scripts/start/stack";
import { readSource } from "../../source";
import { build } from "../../source/build";
import { removeSandboxes, sandbox } from "./sandbox";

const NOTEBOOKS = join(__dirname, "..", "..", "notebooks");

describe("npm start: the example's repository", () => {
  after(removeSandboxes);

  const git = (bare: string, ...args: string[]) =>
    execFileSync("git", args, { cwd: bare, encoding: "utf8" }).trim();
  const head = (bare: string) => git(bare, "rev-parse", "main");

  it("has two commits that are the same on every machine and differ in one line", async () => {
    const [one, two] = [join(sandbox(), "example.git"), join(sandbox(), "example.git")];
    await makeExample(NOTEBOOKS, one);
    await makeExample(NOTEBOOKS, two);
    assert.equal(head(one), head(two));
    assert.equal(git(one, "rev-list", "--count", "main"), "2");
    assert.equal(git(one, "diff", "--numstat", "main~1", "main"), "1\t1\tlib/settings.py");
    assert.match(git(one, "show", "main~1:lib/settings.py"), /^HORIZON_DAYS = 3$/m);
    assert.equal(git(one, "fsck", "--strict"), "");
  });

  it("holds what a team would commit, byte for byte, and not the deployer's own notebooks", async () => {
    const bare = join(sandbox(), "example.git");
    await makeExample(NOTEBOOKS, bare);
    const files = git(bare, "ls-tree", "-r", "--name-only", "main").split("\n");
    assert.ok(files.includes("pipeline/score.py") && files.some((file) => file.startsWith("tests/")));
    assert.ok(!files.some((file) => /^(trigger|deploy)\.py$|__pycache__/.test(file)));
    for (const file of files) {
      const content = execFileSync("git", ["show", `main:${file}`], { cwd: bare });
      assert.ok(content.equals(readFileSync(join(NOTEBOOKS, file))), file);
    }
  });

  it("has what its build needs: the testkit's wheel, by Python alone, and its jar, the same each time", async () => {
    const folder = sandbox();
    const bare = join(folder, "example.git");
    const jar = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    writeFileSync(join(folder, "testkit.jar"), jar);
    const testkit = join(NOTEBOOKS, "..", "testkit", "python");
    await makeExample(NOTEBOOKS, bare, testkit, join(folder, "testkit.jar"));
    const spec = { repository: bare, ref: "main", exclude: ["**/*.md", "testkit/**"] };
    const options = { cacheDir: join(folder, "cache") };
    const once = async () => {
      const { commit, files } = await readSource(spec, options);
      assert.ok(!files.some(({ target }) => target.startsWith("testkit")));
      const built = await build(commit, BUILD, options);
      await built.dispose();
      return built.files.map(({ name, sha256 }) => `${name} ${sha256}`);
    };
    const [wheel, ...more] = await once();
    assert.match(wheel ?? "", /^notebook_releases_testkit-[\d.]+-py3-none-any\.whl /);
    assert.deepEqual([wheel, ...more], await once());
    assert.deepEqual(more, [`testkit.jar ${createHash("sha256").update(jar).digest("hex")}`]);
    const before = head(bare);
    await makeExample(NOTEBOOKS, bare, testkit);
    assert.equal(git(bare, "rev-parse", "main~1"), before, "Scala that is gone is another commit");
    assert.equal((await once()).length, 1, "the wheel alone");
  });

  it("has no jar where Scala is not set up, or Java is missing or gone, and says which", async () => {
    const root = sandbox();
    const reason = async (setUp?: object) => {
      if (setUp) writeFileSync(join(root, ".local", "scala", "scala.json"), JSON.stringify(setUp));
      return findScala(root, () => assert.fail("nothing is compiled"));
    };
    mkdirSync(join(root, ".local", "scala"), { recursive: true });
    assert.deepEqual(await reason(), { missing: "Scala is not set up" });
    assert.deepEqual(await reason({ missing: "no java found on PATH" }), {
      missing: "no java found on PATH",
    });
    const java = join(root, "java");
    assert.deepEqual(await reason({ java }), { missing: `no java found at ${java}, where it was` });
  });

  it("stays as it is the second time, and takes over what has changed since", async () => {
    const folder = sandbox();
    const [notebooks, bare] = [join(folder, "notebooks"), join(folder, "example.git")];
    cpSync(NOTEBOOKS, notebooks, { recursive: true });
    await makeExample(notebooks, bare);
    const first = head(bare);
    await addCommit(bare);
    const second = head(bare);
    await makeExample(notebooks, bare);
    assert.equal(head(bare), second, "a commit of the user's stays");
    writeFileSync(join(notebooks, "lib", "settings.py"), "HORIZON_DAYS = 5\n");
    await makeExample(notebooks, bare);
    assert.equal(git(bare, "show", "main:lib/settings.py"), "HORIZON_DAYS = 5");
    assert.equal(git(bare, "rev-parse", "main~2"), first);
  });

  it("takes new commits, each with another horizon, and finds the one before", async () => {
    const bare = join(sandbox(), "example.git");
    await makeExample(NOTEBOOKS, bare);
    const before = head(bare);
    assert.equal(await addCommit(bare), "lib/settings.py: HORIZON_DAYS 7 → 1");
    assert.equal(await addCommit(bare), "lib/settings.py: HORIZON_DAYS 1 → 2");
    assert.equal(await subjectOf(bare, head(bare)), "Look 2 days ahead");
    assert.equal(git(bare, "rev-parse", "main~2"), before);
    assert.equal(await parentOf(bare, head(bare)), git(bare, "rev-parse", "main~1"));
    assert.equal(await parentOf(bare, git(bare, "rev-list", "--max-parents=0", "main")), undefined);
    assert.equal(git(bare, "diff", "--numstat", "main~1", "main"), "1\t1\tlib/settings.py");
  });
});
