/** What holds for every workflow, so that a copy of them is safe: pinned actions, few rights, no text of others in a script. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, isScalar, parseDocument, visit } from "yaml";
import { ROOT } from "../support/pulumi";
import { INSTALL } from "./job";
import { FILES, FOLDER, readWorkflow, type Job, type Step } from "./workflow";

const EXPRESSION = /\$\{\{/;

describe("every workflow", () => {
  const texts = FILES.map((file) => ({ file, text: readFileSync(join(FOLDER, file), "utf8") }));
  const workflows = FILES.map(readWorkflow);
  const jobs = workflows.flatMap(({ file, jobs }) =>
    Object.entries(jobs).map(([id, job]) => ({ where: `${file}: ${id}`, job })),
  );
  const each = (check: (job: Job, where: string) => void) =>
    jobs.forEach(({ job, where }) => check(job, where));
  const eachStep = (check: (step: Step, where: string, number: number) => void) =>
    each(({ steps }, where) => steps.forEach((step, number) => check(step, where, number)));

  it("is one that the tests know", () => {
    assert.deepEqual(FILES, [
      "deploy.yml",
      "drift.yml",
      "preview.yml",
      "prod.yml",
      "rollback.yml",
      "staging.yml",
    ]);
  });

  it("pins its actions by a whole commit, with the tag beside it, and each everywhere the same", () => {
    const pins = new Map<string, string>();
    for (const { file, text } of texts) {
      const lines = text.split("\n").filter((line) => /^\s*(- )?uses:/.test(line));
      assert.ok(lines.length > 0, file);
      for (const line of lines) {
        const [, action = "", pin = ""] =
          /uses: ([\w-]+\/[\w-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)$/.exec(line) ?? [];
        assert.ok(action, `${file}: ${line.trim()}`);
        assert.equal(pins.get(action) ?? pin, pin, `${file}: ${action}`);
        pins.set(action, pin);
      }
    }
  });

  it("has no rights but those that a job names", () => {
    for (const { file, permissions } of workflows) {
      assert.deepEqual(permissions, {}, file);
    }
    each(({ permissions = {} }, where) => {
      const known = ["contents", "id-token", "statuses", "deployments", "pull-requests"];
      const more = Object.keys(permissions).filter((name) => !known.includes(name));
      assert.deepEqual([permissions.contents, more], ["read", []], where);
    });
  });

  it("gives what comments and sets statuses no credentials, and what has some of a pull request no right to write", () => {
    const writes = ({ permissions = {} }: Job) =>
      Object.entries(permissions)
        .filter(([name, level]) => name !== "id-token" && level === "write")
        .map(([name]) => name);
    const { gather, comment } = readWorkflow("preview.yml").jobs;
    assert.ok(gather && comment);
    assert.deepEqual([writes(gather), gather.permissions?.["id-token"]], [[], "write"]);
    assert.deepEqual(writes(comment), ["pull-requests", "statuses"]);
    assert.deepEqual([comment.environment, comment.permissions?.["id-token"]], [undefined, undefined]);
    assert.doesNotMatch(JSON.stringify(comment), /DATABRICKS|PULUMI/);
  });

  it("puts no expression into a script: others' text would be run", () => {
    eachStep(({ run = "" }, where) => assert.doesNotMatch(run, EXPRESSION, where));
  });

  it("has secrets in the environment of a step alone, and the checkout's", () => {
    for (const { file, text } of texts) {
      const document = parseDocument(text);
      visit(document, {
        Pair: (_, { key, value }, path) => {
          if (!isScalar(value) || !/\b(secrets\.|github\.token)/.test(String(value.value))) {
            return;
          }
          const parents = path.filter(isMap).length;
          const name = `${file}: ${String(key)}`;
          // The document, jobs, the job, the step, its env: five maps.
          const owner = path.filter((node) => "key" in node).at(-1);
          assert.equal(parents, 5, name);
          assert.ok(owner && "key" in owner, name);
          const of = String(owner.key);
          assert.ok(of === "env" || (of === "with" && String(key) === "token"), `${name} of ${of}`);
        },
      });
    }
    eachStep(({ uses = "", with: inputs = {} }, where) => {
      const isCheckout = uses.startsWith("actions/checkout@");
      assert.equal("token" in inputs, isCheckout, `${where}: ${uses}`);
      assert.ok(!isCheckout || inputs["persist-credentials"] === false, `${where} keeps the token`);
    });
  });

  it("ends some day, and never in the middle of a deployment for another one", () => {
    each((job, where) => {
      const minutes = job["timeout-minutes"] ?? 0;
      assert.ok(minutes > 0 && minutes <= 120, where);
      assert.notEqual(job.concurrency?.["cancel-in-progress"], true, where);
    });
    const groups = (file: string) =>
      Object.values(readWorkflow(file).jobs).map(({ concurrency }) => concurrency?.group.split("${{")[0]);
    for (const file of ["deploy.yml", "prod.yml", "staging.yml"]) {
      assert.deepEqual(groups(file), ["notebook-releases-deploy-"], file);
    }
  });

  it("makes no deployment of GitHub's own beside the program's", () => {
    each(({ environment }, where) => assert.ok(!environment || environment.deployment === false, where));
  });

  it("lets a cancelled job's signals reach Pulumi: what changes something takes the shell's place", () => {
    eachStep(({ run = "" }, where) => {
      const lines = run
        .split("\n")
        .filter((line) => /pulumi up|main\.ts (promote|rollback|resume)/.test(line));
      for (const line of lines) {
        assert.match(line, /(^|\) |^ +)exec (pulumi|node) /, `${where}: ${line.trim()}`);
      }
    });
  });

  it("says what to do after it was cancelled, where that may leave the stack locked", () => {
    for (const file of ["deploy.yml", "prod.yml", "rollback.yml", "staging.yml"]) {
      const [job] = Object.values(readWorkflow(file).jobs);
      const last = job?.steps.at(-1);
      assert.match(last?.if ?? "", /^\$\{\{ cancelled\(\) \}\}$/, file);
      assert.match(last?.run ?? "", /pulumi cancel --stack \$STACK/, file);
    }
  });

  it("does nothing before it is set up, and signs in without a secret", () => {
    each(({ if: condition = "", needs, env = {}, permissions }, where) => {
      assert.ok(needs !== undefined || condition.includes("vars.NOTEBOOK_RELEASES_STACKS != ''"), where);
      if (permissions?.["id-token"]) {
        assert.equal(env.DATABRICKS_AUTH_TYPE, "github-oidc", where);
      }
      assert.equal(env.DATABRICKS_TOKEN, undefined, where);
    });
  });

  it("installs the program in one way, and the Pulumi that the tests have", () => {
    each(({ steps }, where) => {
      assert.equal(steps.filter(({ run }) => run === INSTALL).length, 1, where);
    });
    const go = readFileSync(join(ROOT, "toolchain", "cli", "go.mod"), "utf8");
    const version = /github\.com\/pulumi\/pulumi\/pkg\/v3 v(\S+)/.exec(go)?.[1];
    eachStep(({ uses = "", with: inputs = {} }, where) => {
      assert.ok(!uses.startsWith("pulumi/actions@") || inputs["pulumi-version"] === version, where);
    });
  });

  it("reads no secret in a condition, a name or a group, which GitHub's pages show", () => {
    for (const { file, text } of texts) {
      const shown = text.split("\n").filter((line) => /^\s*(- )?(if|name|run-name|group|stack):/.test(line));
      assert.doesNotMatch(shown.join("\n"), /secrets\./, file);
    }
  });
});
