import assert from "node:assert/strict";
import { summary } from "../../scripts/start/summary";
import { tidier } from "../../scripts/start/tidy";

describe("npm start: what it prints", () => {
  const story = {
    outputs: {
      githash: "a8be11fef9b3f62feb1a8e48f8499cfb31787694",
      releasePath: "/Users/me/releases/bike-hire/a8be11fef9b3f62feb1a8e48f8499cfb31787694",
      deploymentUrl: "http://127.0.0.1:8650/ml/run/1",
      tests: {
        "tests/test_train": { result: "passed", seconds: 4.26 },
        "tests/test_secrets": { result: "skipped: no secret_scope given", seconds: 0.5 },
      },
    },
    subject: "Look 7 days ahead",
    env: "local",
    app: "bike-hire",
    job: { name: "bike-hire-daily", result: { seconds: 3.14, output: "scored 56 rows" } },
    host: "http://127.0.0.1:8650",
    mlflow: "http://127.0.0.1:8651",
    seconds: 31.4,
  };

  it("says what is live, each test, the job's words, where to look and what to try", () => {
    const lines = summary(story, false).split("\n");
    assert.ok(lines.includes('bike-hire is live in local: commit a8be11fef9b3, "Look 7 days ahead"'));
    assert.ok(lines.includes("    ✓ tests/test_secrets  0.5 s  skipped: no secret_scope given"));
    assert.ok(lines.includes("    ✓ tests/test_train    4.3 s"));
    assert.ok(lines.includes("  job      bike-hire-daily, 3.1 s: scored 56 rows"));
    assert.ok(lines.includes("  MLflow     http://127.0.0.1:8651"));
    assert.ok(lines.includes("  workspace  http://127.0.0.1:8650"));
    assert.equal(lines.filter((line) => line.startsWith("  npm run example -- ")).length, 3);
    assert.ok(!summary(story, false).includes("\x1b"));
  });

  it("says of Scala tests that they were not run here, and why, and nothing where they were", () => {
    const lines = summary({ ...story, noScala: "no java found on PATH" }, false).split("\n");
    const at = lines.indexOf("    – Scala tests are not run here: no java found on PATH");
    assert.equal(lines[at - 1], "    ✓ tests/test_train    4.3 s");
    assert.ok(!summary(story, false).includes("Scala"));
  });

  it("shows of Pulumi's lines what is new, and every error", () => {
    const tidy = tidier();
    const lines = [
      "",
      "Updating (local):",
      "@ updating.....",
      " +  notebook-releases:index:Workspace workspace creating (0s) ",
      " +  pulumi:providers:pulumi-nodejs workspace created (0.01s) ",
      " +  pulumi-nodejs:dynamic/notebook-releases:Workspace workspace creating (0s) ",
      " +  pulumi-nodejs:dynamic/notebook-releases:Workspace workspace created (0.02s) ",
      " +  pulumi-nodejs:dynamic/notebook-releases:ReleaseDirectory release creating (1s) 12 of 40 files",
      "    pulumi:pulumi:Stack notebook-releases-local creating (50s) error: no such ref",
      "",
      "",
    ];
    assert.deepEqual(
      lines.map(tidy).filter((line) => line !== undefined),
      [
        "Updating (local):",
        " +  Workspace workspace created (0.02s)",
        " +  ReleaseDirectory release creating (1s) 12 of 40 files",
        "    pulumi:pulumi:Stack notebook-releases-local creating (50s) error: no such ref",
        "",
      ],
    );
  });
});
