/** What a command says where it cannot work: on standard error, with an exit code, and never with a secret. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { table } from "../../cli/output";
import { readStack } from "../../cli/stack";
import { ok, PulumiStack } from "../support/pulumi";
import { releases } from "./cli";

const CONFIG = {
  "notebook-releases:app": "operated",
  "notebook-releases:env": "staging",
  "notebook-releases:source": { repository: "https://example.com/acme/churn", path: "notebooks" },
  "notebook-releases:registry": { warehouse: "1234", table: "main.operated.registry" },
  "notebook-releases:releaseRoot": "/Shared/releases/operated",
  "notebook-releases:retention": { keep: 3 },
  "notebook-releases:secrets": { scope: "operated", keys: { token: { config: "api-token" } } },
};
const SECRET = "sesame, open the door";

describe("the operator's commands", function () {
  this.timeout(60_000);
  let stack: PulumiStack;
  let variables: NodeJS.ProcessEnv;

  before(async () => {
    variables = { ...process.env };
    stack = new PulumiStack({
      config: CONFIG,
      env: { DATABRICKS_HOST: "http://127.0.0.1:1", DATABRICKS_TOKEN: "dapi-of-nobody" },
    });
    ok(await stack.run(["config", "set", "--secret", "notebook-releases:api-token", SECRET]));
    for (const [name, value] of Object.entries(stack.environment())) {
      if (value !== undefined) process.env[name] = value;
    }
  });
  after(() => {
    for (const name of Object.keys(process.env)) if (!(name in variables)) delete process.env[name];
    Object.assign(process.env, variables);
    stack?.dispose();
  });

  it("read a stack's configuration by pulumi, checked as the program checks it, without its secret values", async () => {
    const read = await readStack("test", stack.program);
    assert.equal(read.host, "http://127.0.0.1:1");
    assert.equal(read.releaseRoot, "/Shared/releases/operated");
    assert.deepEqual([read.config.app, read.config.env], ["operated", "staging"]);
    assert.deepEqual(read.config.retention, { keep: 3, graceHours: 72 });
    assert.deepEqual(read.outputs, {});
    assert.ok(!JSON.stringify(read).includes(SECRET));
  });

  const problems: [string, string[], number, RegExp][] = [
    [
      "an unknown stack",
      ["gc", "--stack", "nope", "--dry-run"],
      1,
      /There is no stack nope .*pulumi stack ls/,
    ],
    ["a missing option", ["gc"], 2, /--stack/],
    ["an unknown command", ["gcc"], 2, /unknown command 'gcc'/],
    ["an unknown option", ["gc", "--stack", "test", "--force"], 2, /unknown option '--force'/],
    [
      "a limit that is none",
      ["history", "--stack", "test", "--limit", "0"],
      2,
      /whole number from 1 to 1000/,
    ],
    ["a commit too few", ["diff", "main", "--stack", "test"], 2, /missing required argument 'to'/],
    [
      "a folder that is no project",
      ["gc", "--stack", "test", "--dry-run", "--cwd", tmpdir()],
      2,
      /has no Pulumi\.yaml/,
    ],
    ["nobody to ask", ["gc", "--stack", "test", "--json"], 2, /nobody to ask.*--yes.*--dry-run/],
    [
      "a workspace that does not answer",
      ["gc", "--stack", "test", "--dry-run"],
      1,
      /127\.0\.0\.1:1 did not answer/,
    ],
  ];
  for (const [what, args, code, message] of problems) {
    it(`say what to do about ${what}`, async () => {
      const run = await releases(args, { stack });
      assert.equal(run.code, code, run.stdout + run.stderr);
      assert.match(run.stderr, message);
      assert.equal(run.stdout, "");
      assert.doesNotMatch(run.stderr, /\n\s+at |sesame|dapi-of-nobody/);
    });
  }

  it("say how to get pulumi where it is not on PATH", async () => {
    const empty = mkdtempSync(join(tmpdir(), "no pulumi "));
    try {
      const run = await releases(["gc", "--stack", "test", "--dry-run"], { stack, env: { PATH: empty } });
      assert.equal(run.code, 1);
      assert.match(run.stderr, /pulumi is not on PATH.*eval "\$\(npm run --silent env\)"/);
    } finally {
      rmSync(empty, { recursive: true });
    }
  });

  it("list every problem of the configuration at once", async () => {
    stack.configure({ ...CONFIG, "notebook-releases:retention": { keep: 0, graceHours: -1, forever: true } });
    try {
      const run = await releases(["gc", "--stack", "test", "--dry-run"], { stack });
      assert.equal(run.code, 1);
      assert.match(run.stderr, /retention\.keep is 0; expected at least 1/);
      assert.match(run.stderr, /retention\.graceHours is -1; expected at least 0/);
      assert.match(run.stderr, /retention\.forever: unknown key; known here: keep, graceHours/);
    } finally {
      stack.configure(CONFIG);
      ok(await stack.run(["config", "set", "--secret", "notebook-releases:api-token", SECRET]));
    }
  });

  it("print tables whose columns line up", () => {
    assert.equal(
      table(
        ["A", "B"],
        [
          ["long one", "x"],
          ["y", ""],
        ],
      ),
      "A         B\nlong one  x\ny",
    );
  });
});
