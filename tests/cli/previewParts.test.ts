/** What a preview is made of: the engine's events, GitHub's addresses, the commits between two, and what other jobs gathered. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { showDrift, markdown as driftMarkdown } from "../../cli/drift";
import { readPreviews } from "../../cli/preview";
import { movedResources, resourceChanges } from "../../cli/preview/changes";
import { readEvents } from "../../cli/preview/engine";
import { comparePage, fileDiff, filePage, pageOf } from "../../cli/preview/links";
import type { ResourceChange } from "../../cli/preview/types";
import { overlooksHold, readRef } from "../../components/ref";
import { commitsBetween, filesBetween } from "../../source/between";
import { makeRepository, notebook, temporaryFolder, type TestRepository } from "../source/support";
import { LIVE, NEXT, staging } from "./previewData";

describe("the parts of a preview", () => {
  describe("the engine's events", () => {
    const own = "pulumi-nodejs:dynamic/notebook-releases:";
    const urn = (type: string, name: string) => `urn:pulumi:s::p::notebook-releases:index:X$${type}::${name}`;
    const pre = (op: string, type: string, name: string, more: object = {}) => ({
      resourcePreEvent: { metadata: { op, type, urn: urn(type, name), ...more } },
    });
    const state = (inputs: object, outputs: object = {}) => ({ inputs, outputs });
    const log = (...events: object[]) => events.map((event) => JSON.stringify(event)).join("\n");

    it("become what changes, by names, and never a secret's value", () => {
      const row = { githash: LIVE };
      const permission = (level: string) => state({ scope: "churn", principal: "jobs", permission: level });
      const value = state({ scope: "churn", key: "token", digest: "d1" });
      const job = (schedule: object, extra: object = {}) => state({ name: "daily", schedule, ...extra });
      const { steps, errors, warnings } = readEvents(
        log(
          pre("same", "pulumi:pulumi:Stack", "s"),
          pre("create-replacement", `${own}DeploymentRun`, "deployment", {
            old: state({}),
            new: state({}),
            keys: ["githash"],
          }),
          pre("replace", `${own}DeploymentRun`, "deployment", { old: state({}), new: state({}) }),
          pre("delete-replaced", `${own}DeploymentRun`, "deployment", { old: state({}) }),
          pre("update", `${own}RegistryRow`, "registry", {
            old: state(row, row),
            new: state({ githash: NEXT }),
          }),
          pre("update", `${own}SecretValue`, "a", { old: value, new: value, diffs: ["digest"] }),
          pre("update", `${own}SecretPermission`, "b", { old: permission("READ"), new: permission("WRITE") }),
          pre("update", "databricks:index/job:Job", "daily", {
            old: job(
              { quartzCronExpression: "0 0 6 * * ?", timezoneId: "UTC" },
              {
                tasks: [{ libraries: [{ whl: `/r/${LIVE}/artifacts/a.whl` }, { whl: "/Shared/b.whl" }] }],
              },
            ),
            new: job({ quartzCronExpression: "0 0 5 * * ?", timezoneId: "UTC" }),
            detailedDiff: {
              schedule: {},
              "tasks[0].notebookTask.notebookPath": {},
              "tasks[0].notebookTask.baseParameters": {},
              "tasks[0].libraries[0].whl": {},
              "tasks[0].libraries[1].whl": {},
              "tasks[0].newCluster.sparkConf": {},
            },
          }),
          pre("delete", "databricks:index/job:Job", "gone", { old: state({ name: "gone" }) }),
          // What an earlier update replaced, and did not delete yet, is no change of this one.
          pre("delete", `${own}ReleaseDirectory`, "release", { old: { ...state({}), delete: true } }),
          { diagnosticEvent: { severity: "warning", message: "<{%fg 3%}>careful<{%reset%}>\n" } },
          { diagnosticEvent: { severity: "error", message: "\u001b[31mno\u001b[0m", ephemeral: true } },
          { diagnosticEvent: { severity: "debug", message: "chatter" } },
        ) + '\n{"sequence": 7, "resourcePre',
      );
      assert.deepEqual([errors, warnings], [[], ["careful"]]);
      assert.deepEqual(
        resourceChanges(steps, true).map(({ group, what, name, details }) => [group, what, name, ...details]),
        [
          [
            "job",
            "update",
            "daily",
            "schedule: 0 0 6 * * ? UTC → 0 0 5 * * ? UTC",
            "tasks[0].libraries[1].whl",
            "tasks[0].newCluster.sparkConf",
            "its tasks follow the release",
          ],
          ["job", "delete", "gone"],
          ["secret", "update", "churn/token", "its value"],
          ["access", "update", "secrets churn: jobs", "READ → WRITE"],
        ],
      );
      const same = resourceChanges(steps, false).map(({ name }) => name);
      assert.ok(same.includes("DeploymentRun deployment"), "where no other commit becomes live, it is news");
    });

    it("tell what a refresh found, of our resources by their outputs", () => {
      const refreshed = (
        type: string,
        name: string,
        old: object | null,
        next: object | null,
        more: object = {},
      ) => [
        pre("refresh", type, name, { old, new: old }),
        {
          resOutputsEvent: {
            metadata: { op: "refresh", type, urn: urn(type, name), old, new: next, ...more },
          },
        },
      ];
      const release = (drift: string[]) => state({ path: "/r/1" }, { path: "/r/1", drift });
      const registry = (githash: string) => state({ table: "t", app: "churn", env: "prod" }, { githash });
      const { moved, steps } = readEvents(
        log(
          ...refreshed(`${own}ReleaseDirectory`, "release", release([]), release(["edited pipeline/score"])),
          ...refreshed(`${own}RegistryRow`, "registry", registry(LIVE), registry(NEXT)),
          ...refreshed(`${own}SecretScope`, "scope", state({ scope: "churn" }), null),
          ...refreshed(`${own}MlflowExperiment`, "same", state({}, { a: 1 }), state({}, { a: 1 })),
          ...refreshed(
            "databricks:index/job:Job",
            "daily",
            state({ name: "daily" }),
            state({ name: "daily" }, { x: 1 }),
            {
              detailedDiff: { "schedule.pauseStatus": {} },
            },
          ),
          ...refreshed("databricks:index/notebook:Notebook", "t", state({}, { a: 1 }), state({}, { a: 2 }), {
            detailedDiff: {},
          }),
          pre("same", `${own}MlflowExperiment`, "same", { old: state({}), new: state({}) }),
        ),
      );
      assert.deepEqual(
        movedResources(moved).map(({ group, what, name, details }) => [group, what, name, ...details]),
        [
          ["job", "update", "daily", "schedule.pauseStatus"],
          ["secret", "delete", "scope churn", "is gone"],
          [
            "other",
            "update",
            "registry t: churn/prod",
            "the row says 222222222222, this stack deployed 111111111111",
          ],
          ["other", "update", "release /r/1", "edited pipeline/score"],
        ],
      );
      assert.deepEqual(
        steps.map(({ op }) => op),
        ["same"],
      );
    });
  });

  it("knows GitHub's addresses, and only those", () => {
    const page = "https://github.com/acme/churn.x";
    for (const address of [
      "https://github.com/acme/churn.x",
      "https://github.com/acme/churn.x.git",
      "https://user@GitHub.com/acme/churn.x/",
      "git@github.com:acme/churn.x.git",
      "ssh://git@github.com:22/acme/churn.x.git",
    ]) {
      assert.equal(pageOf(address, undefined), page, address);
    }
    assert.equal(
      pageOf("git@git.acme.com:acme/churn", "https://git.acme.com"),
      "https://git.acme.com/acme/churn",
    );
    assert.equal(pageOf("https://acme.ghe.com/acme/churn", undefined), "https://acme.ghe.com/acme/churn");
    for (const address of [
      "/home/ada/churn",
      "file:///home/github.com/acme/churn",
      "https://gitlab.com/acme/churn",
      "https://github.com.evil.example/acme/churn",
      "https://github.com/acme/churn/more",
      "https://github.com/acme/..",
      "https://github.com/acme/churn)](x",
    ]) {
      assert.equal(pageOf(address, "https://git.acme.com"), "", address);
    }
    const mark = "#diff-866834fe4b88477d23d991ecde121fd0b959d576a659aa55d91293ecf0c6b0a1";
    const compare = `https://github.com/a/b/compare/${LIVE}..${NEXT}`;
    assert.equal(comparePage("https://github.com/a/b", LIVE, NEXT), compare);
    assert.equal(
      fileDiff("https://github.com/a/b", LIVE, NEXT, "notebooks/pipeline/score.py"),
      compare + mark,
    );
    assert.equal(
      filePage("https://github.com/a/b", NEXT, "a b/(c)#?.py"),
      `https://github.com/a/b/blob/${NEXT}/a%20b/%28c%29%23%3F.py`,
    );
    assert.equal(fileDiff("", LIVE, NEXT, "x"), "");
  });

  describe("two commits", () => {
    let repository: TestRepository;
    let cacheDir: string;
    let first: string;

    before(() => {
      repository = makeRepository({ "nb/a.py": notebook("1"), "nb/b.py": notebook("1"), "other.txt": "" });
      cacheDir = temporaryFolder();
      first = repository.git("rev-parse", "HEAD");
    });
    after(() => {
      repository?.remove();
      if (cacheDir) rmSync(cacheDir, { recursive: true, force: true });
    });

    it("have commits between them, newest first, and files by their place in the repository", async () => {
      const second = repository.commit(
        { "nb/a.py": notebook("2") },
        "Zwei: `ü` \t\n  more of it\n\nnot this",
      );
      const third = repository.commit({ "nb/b.py": null, "nb/c d.py": notebook("3") }, "Three");
      repository.git("checkout", "--quiet", "-b", "aside", first);
      const aside = repository.commit({ "nb/a.py": notebook("9") }, "Aside");
      const between = (from: string, to: string, limit?: number) =>
        commitsBetween(repository.url, from, to, { cacheDir, limit });
      assert.deepEqual(await between(first, third), {
        ahead: 2,
        behind: 0,
        commits: [
          { githash: third, subject: "Three" },
          { githash: second, subject: "Zwei: `ü`   more of it" },
        ],
      });
      assert.equal((await between(first, third, 1))?.commits.length, 1);
      const apart = await between(aside, third);
      assert.deepEqual([apart?.ahead, apart?.behind], [2, 1]);
      assert.deepEqual(await between(third, first), { ahead: 0, behind: 2, commits: [] });
      assert.equal(await between("4".repeat(40), third), undefined);

      const spec = { repository: repository.url, path: "nb" };
      const files = await filesBetween(first, third, spec, { cacheDir });
      const shown = (list: readonly { path: string; target: string }[]) =>
        list.map(({ path, target }) => `${path} ${target}`);
      assert.deepEqual(
        [shown(files.added), shown(files.changed), shown(files.removed)],
        [["c d.py c d"], ["a.py a"], ["b.py b"]],
      );
      const all = await filesBetween(undefined, first, spec, { cacheDir });
      assert.deepEqual([shown(all.added), all.removed], [["a.py a", "b.py b"], []]);
    });
  });

  it("come from other jobs' files only where they are what this version wrote", () => {
    const folder = mkdtempSync(join(tmpdir(), "previews "));
    try {
      mkdirSync(join(folder, "staging"));
      const write = (file: string, content: unknown) =>
        writeFileSync(join(folder, file), typeof content === "string" ? content : JSON.stringify(content));
      write("staging/staging.json", { previews: [staging()] });
      write("prod.json", { previews: [{ ...staging(), stack: "prod`\n@acme" }] });
      write("notes.txt", "not ours");
      const found = readPreviews(folder, ["prod", "staging", "dev"]);
      assert.deepEqual(
        found.map(({ stack, error }) => [stack, error.replace(/:.*/, "")]),
        [
          ["prod", "Its job ended without a preview"],
          ["staging", ""],
          ["dev", "Its job ended without a preview"],
          ["", "prod.json is no preview of this version"],
        ],
      );
      write("prod.json", "{");
      assert.equal(readPreviews(folder, []).filter(({ error }) => error !== "").length, 1);
      assert.throws(() => readPreviews(join(folder, "none"), []), /cannot be read/);
      assert.equal(readPreviews(join(folder, "none"), ["prod"])[0]?.stack, "prod");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("say what drifted, and that a hold is no drift", () => {
    const about = { stack: "prod", app: "churn", env: "prod", githash: LIVE, error: "" };
    const hold = "rolled back from 333333333333 by eve";
    const quiet = { ...about, hold, moved: [], pending: [] };
    assert.equal(
      showDrift(quiet),
      "prod (churn/prod): as deployed, 111111111111\n  on hold: rolled back from 333333333333 by eve",
    );
    const job: ResourceChange = { group: "job", what: "update", name: "da`ily\n", details: ["schedule"] };
    const moved = { ...quiet, moved: [job], pending: [] };
    assert.match(
      showDrift(moved),
      /not as deployed, 111111111111\n.*\n {2}moved {4}~ job da`ily\\u\{a\}: schedule\n/,
    );
    assert.match(driftMarkdown(moved).join("\n"), /^- ~ job ``da`ily``: `schedule`$/m);
    assert.match(showDrift({ ...quiet, error: "no\nway" }), /could not be looked at\n {2}no\n {2}way$/);
  });

  it("take the commit from the environment, but not beside a rollback", () => {
    assert.equal(readRef(false, {}), undefined);
    assert.equal(readRef(false, { NOTEBOOK_RELEASES_REF: " " }), undefined);
    assert.equal(readRef(false, { NOTEBOOK_RELEASES_REF: "main" }), "main");
    assert.throws(() => readRef(true, { NOTEBOOK_RELEASES_REF: "main" }), /both set.*Nothing was changed/);
    assert.equal(overlooksHold(false, { NOTEBOOK_RELEASES_PREVIEW: "1" }), false, "never in an up");
  });
});
