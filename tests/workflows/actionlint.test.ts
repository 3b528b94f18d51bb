/** actionlint, built from its pinned source, has nothing to say of the workflows. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modules } from "../setup/modules";
import { FILES, FOLDER } from "./workflow";

/** Go may have to fetch and compile it first. */
const LIMIT_MS = 600_000;

describe("actionlint", function () {
  this.timeout(LIMIT_MS);
  let program: string;

  before(async function () {
    const [{ actionlintFromSource }, { pathsOf }] = await Promise.all([
      modules.sourceBuild(),
      modules.paths(),
    ]);
    try {
      program = await actionlintFromSource(pathsOf(), process.env, () => undefined);
    } catch (error) {
      // A machine without Go. What rules.test.ts asks of the workflows is asked there too.
      if (/^Building from source is not possible/.test((error as Error).message)) return this.skip();
      throw error;
    }
  });

  /** Without the other linters that it would call where they are installed: what it says is to be the same everywhere. */
  async function lint(...files: string[]): Promise<string> {
    const options = ["-shellcheck=", "-pyflakes=", "-no-color", "-oneline"];
    return promisify(execFile)(program, [...options, ...files]).then(
      ({ stdout }) => stdout,
      (error: Error & { stdout?: string }) => error.stdout || error.message,
    );
  }

  it("finds nothing wrong in any workflow", async () => {
    assert.equal(await lint(...FILES.map((file) => join(FOLDER, file))), "");
  });

  it("would find a property that does not exist", async () => {
    const folder = mkdtempSync(join(tmpdir(), "workflow "));
    const text = readFileSync(join(FOLDER, "prod.yml"), "utf8");
    writeFileSync(join(folder, "wrong.yml"), text.replace("github.token", "github.tokne"));
    const said = await lint(join(folder, "wrong.yml"));
    rmSync(folder, { recursive: true });
    assert.match(said, /property "tokne" is not defined/);
  });
});
