import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import fc from "fast-check";
import { readSource, SourceError, type SourceFile } from "../../source/index";
import { header, makeRepository, notebook, temporaryFolder, type TestFile } from "./support";

const jupyter = (metadata: object = {}): string =>
  JSON.stringify({ nbformat: 4, nbformat_minor: 5, cells: [], metadata });

describe("source: the manifest", () => {
  let cacheDir: string;
  before(() => (cacheDir = temporaryFolder()));
  after(() => rmSync(cacheDir, { recursive: true }));

  /** Makes a repository of the files and reads it; by both ways that git objects come in. */
  async function read(files: Record<string, TestFile>, spec: { path?: string; exclude?: string[] } = {}) {
    const repository = makeRepository(files);
    try {
      const source = await readSource({ repository: repository.url, ref: "main", ...spec }, { cacheDir });
      const local = await readSource(
        { repository: repository.directory, ref: "main", ...spec },
        { cacheDir },
      );
      assert.deepEqual(local.files, source.files);
      assert.equal(local.digest, source.digest);
      return source;
    } finally {
      repository.remove();
    }
  }

  async function problemsOf(
    files: Record<string, TestFile>,
    spec: { path?: string; exclude?: string[] } = {},
  ) {
    const error = await read(files, spec).then(
      () => assert.fail("it was not refused"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof SourceError, String(error));
    for (const problem of error.problems) assert.ok(error.message.includes(problem));
    return error.problems;
  }

  const brief = (files: SourceFile[]) =>
    files.map((file) => `${file.kind} ${file.language ?? "-"} ${file.path} ${file.target}`);

  it("knows notebooks by their header", async () => {
    const { files } = await read({
      "a.py": notebook(),
      "b.scala": `${header.scala}\nval x = 1\n`,
      "c.sql": `${header.sql}\nselect 1\n`,
      "d.r": `${header.r}\nx <- 1\n`,
      "e.R": `${header.r}\n`,
      "only header.py": header.python,
      "crlf.py": `${header.python}\r\nx = 1\r\n`,
      "bom.py": `\uFEFF${header.python}\n`,
      "module.py": "x = 1\n",
      "late.py": `\n${header.python}\n`,
      "almost.py": `${header.python} \n`,
      "wrong.sql": `${header.python}\n`,
      "text.txt": `${header.python}\n`,
      "empty.py": "",
    });
    assert.deepEqual(brief(files), [
      "notebook PYTHON a.py a",
      "file - almost.py almost.py",
      "notebook SCALA b.scala b",
      "notebook PYTHON bom.py bom",
      "notebook SQL c.sql c",
      "notebook PYTHON crlf.py crlf",
      "notebook R d.r d",
      "notebook R e.R e",
      "file - empty.py empty.py",
      "file - late.py late.py",
      "file - module.py module.py",
      "notebook PYTHON only header.py only header",
      "file - text.txt text.txt",
      "file - wrong.sql wrong.sql",
    ]);
  });

  it("knows Jupyter notebooks by their format, and their language", async () => {
    const { files } = await read({
      "a.ipynb": jupyter(),
      "b.ipynb": jupyter({ kernelspec: { language: "scala" } }),
      "c.ipynb": jupyter({ language_info: { name: "R" } }),
      "d.ipynb": jupyter({
        "application/vnd.databricks.v1+notebook": { language: "sql" },
        language_info: { name: "python" },
      }),
      "e.ipynb": "{}",
      "f.ipynb": "not JSON",
      "g.ipynb": JSON.stringify({ nbformat: 3, worksheets: [] }),
    });
    assert.deepEqual(brief(files), [
      "notebook PYTHON a.ipynb a",
      "notebook SCALA b.ipynb b",
      "notebook R c.ipynb c",
      "notebook SQL d.ipynb d",
      "file - e.ipynb e.ipynb",
      "file - f.ipynb f.ipynb",
      "file - g.ipynb g.ipynb",
    ]);
  });

  it("takes paths relative to source.path, excludes by globs, keeps executable bits", async () => {
    const files = {
      "nb/a b.py": notebook(),
      "nb/ünï/日本.py": notebook(),
      "nb/docs/readme.md": "x",
      "nb/.hidden/x.md": "x",
      "nb/keep.md": "x",
      "nb/run.sh": { executable: "#!/bin/sh\n" },
      "other/b.py": notebook(),
    };
    const { files: read1 } = await read(files, { path: "nb", exclude: ["**/x.md", "docs/**"] });
    assert.deepEqual(
      read1.map((file) => file.path),
      ["a b.py", "keep.md", "run.sh", "ünï/日本.py"],
    );
    assert.equal(read1.find((file) => file.path === "run.sh")?.executable, true);
    const { files: read2 } = await read(files, { path: "nb", exclude: ["*.md"] });
    assert.ok(read2.some((file) => file.path === "docs/readme.md"));
    assert.ok(!read2.some((file) => file.path === "keep.md"));
    await assert.rejects(read(files, { exclude: [""] }), /source\.exclude holds an empty pattern/);
    await assert.rejects(
      read(files, { exclude: ["!keep.md"] }),
      /"!keep\.md", which would exclude everything else/,
    );
  });

  it("has a digest that changes with contents and places only", async () => {
    const one = await read({ "a.py": notebook("1"), "b.txt": "x" });
    const moved = await read({ "nb/a.py": notebook("1"), "nb/b.txt": "x", "z.md": "" }, { path: "nb" });
    assert.equal(moved.digest, one.digest);
    const others = await Promise.all([
      read({ "a.py": notebook("2"), "b.txt": "x" }),
      read({ "c.py": notebook("1"), "b.txt": "x" }),
      read({ "a.py": notebook("1"), "b.txt": "y" }),
      read({ "a.py": notebook("1") }),
    ]);
    assert.equal(new Set([one, ...others].map((source) => source.digest)).size, 5);
  });

  it("refuses everything that cannot be released in one message", async () => {
    const problems = await problemsOf({
      "ok.py": notebook(),
      "a.py": notebook(),
      "a.sql": `${header.sql}\n`,
      b: "a file",
      "b.py": notebook(),
      "c/d.py": notebook(),
      "c.scala": `${header.scala}\n`,
      "sub/out.py": { link: "../../x" },
      "away.py": { link: "/etc/passwd" },
      "nowhere.py": { link: "none.py" },
      "self.py": { link: "self.py" },
      "data.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
      "new\nline.py": notebook(),
      ".py": notebook(),
      "big.py": Buffer.concat([Buffer.from(notebook()), Buffer.alloc(10 * 1024 * 1024, "#")]),
      "large module.py": Buffer.alloc(10 * 1024 * 1024 + 1, "#"),
    });
    assert.deepEqual(problems, [
      '"new\\nline.py": the name holds a control character',
      "a.py and a.sql: would all be a in the workspace",
      "away.py: the link leads out of the released tree, to /etc/passwd",
      "b and b.py: would all be b in the workspace",
      "big.py: 10.1 MB; a notebook may have 10 MB",
      "c.scala: the notebook and the folder c have one name",
      "data.bin: kept in Git LFS; git holds only a pointer to it",
      "nowhere.py: the link leads to none.py, which is not in this tree",
      "self.py: the link leads back to itself",
      "sub/out.py: the link leads out of the released tree, to ../../x",
    ]);
  });

  it("takes a name that begins with a dot as a name, as the rest of the world does", async () => {
    const { files } = await read({ "a.py": notebook(), ".py": notebook() });
    assert.deepEqual(brief(files), ["file - .py .py", "notebook PYTHON a.py a"]);
  });

  it("does not refuse what is excluded", async () => {
    const files = { "a.py": notebook(), "a.sql": `${header.sql}\n`, "x/l.py": { link: "/etc/passwd" } };
    const source = await read(files, { exclude: ["*.sql", "x/**"] });
    assert.deepEqual(brief(source.files), ["notebook PYTHON a.py a"]);
  });

  it("refuses submodules, unless excluded", async () => {
    const inner = makeRepository();
    const outer = makeRepository({ "a.py": notebook() });
    outer.git(
      "-c",
      "protocol.file.allow=always",
      "submodule",
      "--quiet",
      "add",
      inner.directory,
      "vendor/inner",
    );
    outer.commit();
    const spec = { repository: outer.url, ref: "main", path: "" };
    await assert.rejects(readSource(spec, { cacheDir }), /vendor\/inner: a submodule/);
    const source = await readSource({ ...spec, exclude: ["vendor/**", ".gitmodules"] }, { cacheDir });
    assert.deepEqual(
      source.files.map((file) => file.path),
      ["a.py"],
    );
    inner.remove();
    outer.remove();
  });

  it("refuses names that are not UTF-8", async function () {
    const repository = makeRepository({ "a.py": notebook() });
    const blob = repository.git("rev-parse", "HEAD:a.py");
    // git fast-import quotes names in C's way: the only way to a byte that is no character.
    const { execFileSync } = await import("node:child_process");
    const stream = `commit refs/heads/odd\ncommitter A <a@b> 1700000000 +0000\ndata 1\nx\nM 100644 ${blob} "\\377.py"\n`;
    execFileSync("git", ["fast-import", "--quiet"], { cwd: repository.directory, input: stream });
    const odd = readSource({ repository: repository.url, ref: "odd" }, { cacheDir });
    await assert.rejects(odd, /the name is not valid UTF-8/);
    repository.remove();
  });

  it("follows links inside the tree, to files and to folders", async () => {
    const { files } = await read({
      "lib/util.py": "x = 1\n",
      "lib/deep/n.py": notebook(),
      "copy.py": { link: "lib/util.py" },
      "again.py": { link: "copy.py" },
      "named.py": { link: "lib/deep/n.py" },
      "team/lib": { link: "../lib" },
      "team/up.py": { link: "lib/deep/../util.py" },
    });
    const byPath = new Map(files.map((file) => [file.path, file]));
    const paths = [
      "again.py",
      "copy.py",
      "lib/deep/n.py",
      "lib/util.py",
      "named.py",
      "team/lib/deep/n.py",
      "team/lib/util.py",
      "team/up.py",
    ];
    assert.deepEqual([...byPath.keys()], paths);
    assert.equal(byPath.get("again.py")?.blob, byPath.get("lib/util.py")?.blob);
    assert.equal(byPath.get("again.py")?.size, 6);
    assert.equal(byPath.get("named.py")?.target, "named");
    assert.equal(byPath.get("team/lib/deep/n.py")?.target, "team/lib/deep/n");
  });

  it("refuses a link to a folder that holds the link", async () => {
    const files = {
      "a.py": notebook(),
      "x/up": { link: ".." },
      "x/y/b.py": notebook(),
      "x/y/loop": { link: "../../x" },
    };
    assert.deepEqual(await problemsOf(files), [
      "x/up: the link leads to the folder that holds all, which contains it",
      "x/y/loop: the link leads to the folder x, which contains it",
    ]);
  });

  it("follows a link to an excluded file", async () => {
    const { files } = await read(
      { "a.py": { link: "lib/n.py" }, "lib/n.py": notebook() },
      { exclude: ["lib/**"] },
    );
    assert.deepEqual(brief(files), ["notebook PYTHON a.py a"]);
  });

  it("agrees with git on any tree (property)", async function () {
    this.timeout(60_000);
    const letters = fc.constantFrom(..."abcXYZ019 _-.'\"\\$&;*?[](){}%#@!~^|<>é中😀ß");
    const segment = fc
      .array(letters, { minLength: 1, maxLength: 8 })
      .map((parts) => parts.join(""))
      .filter((name) => !/^\.+$|^\.git/i.test(name) && name.trim() !== "");
    const extension = fc.constantFrom(".py", ".sql", ".scala", ".r", ".ipynb", ".txt", "");
    const path = fc
      .tuple(fc.array(segment, { maxLength: 2 }), segment, extension)
      .map(([folders, name, end]) => [...folders, name + end].join("/"));
    const content = fc.constantFrom(
      ...Object.values(header).map((line) => `${line}\nx\n`),
      jupyter(),
      "plain\n",
      "",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(path, content), {
          minLength: 1,
          maxLength: 12,
          selector: ([name]) => name.toLowerCase(),
        }),
        async (list) => {
          const wanted = list.filter(
            ([name]) => !list.some(([other]) => other.toLowerCase().startsWith(`${name.toLowerCase()}/`)),
          );
          const repository = makeRepository({ ...Object.fromEntries(wanted), "always.py": notebook() });
          try {
            await agrees(repository.url, repository.git("rev-parse", "HEAD"), (...args) =>
              repository.git(...args),
            );
          } finally {
            repository.remove();
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  /** Compares the manifest with what git itself says; the rule for notebooks is written down here once more. */
  async function agrees(url: string, githash: string, git: (...args: string[]) => string): Promise<void> {
    const expected = git("ls-tree", "-r", "-z", "-l", githash)
      .split("\0")
      .filter(Boolean)
      .map((line) => /^\d+ blob (\w{40}) +(\d+)\t(.*)$/s.exec(line) ?? assert.fail(line))
      .map(([, blob = "", size, path = ""]) => {
        const starts: [RegExp, string][] = [
          [/[^/]\.(py|r)$/i, header.python],
          [/[^/]\.scala$/i, header.scala],
          [/[^/]\.sql$/i, header.sql],
          [/[^/]\.ipynb$/i, '{"nbformat"'],
        ];
        const start = starts.find(([name]) => name.test(path))?.[1];
        const isNotebook = start !== undefined && git("cat-file", "blob", blob).startsWith(start);
        return { path, blob, size: Number(size), target: isNotebook ? path.replace(/\.[^.]*$/, "") : path };
      });
    const targets = expected.map((file) => file.target);
    const clash = targets.some((target, index) =>
      targets.some((other, at) => at !== index && (other === target || other.startsWith(`${target}/`))),
    );
    const reading = readSource({ repository: url, ref: githash }, { cacheDir });
    if (clash) {
      await assert.rejects(reading, /in the workspace|have one name/);
      return;
    }
    const actual = (await reading).files.map(({ path, blob, size, target }) => ({
      path,
      blob,
      size,
      target,
    }));
    assert.deepEqual(
      actual,
      expected.sort((a, b) => (a.path < b.path ? -1 : 1)),
    );
  }
});
