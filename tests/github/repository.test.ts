/** `GitHubRepository` with the real provider plugin and the real engine, on the double of GitHub. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { failed, ok, PulumiStack, ROOT } from "../support/pulumi";
import { startGitHub, type Environment, type GitHubDouble, type Repository } from "./double";

/** Declares what the stack's configuration says. */
const PROGRAM = `
require(${JSON.stringify(join(ROOT, "later.cjs"))});
require(${JSON.stringify(join(ROOT, "compile.cjs"))});
const pulumi = require("@pulumi/pulumi");
const { GitHubRepository, existingGitHub } = require(${JSON.stringify(join(ROOT, "components"))});
module.exports = async () => {
  const { environments, ruleset } = new pulumi.Config().requireObject("settings");
  const repository = { owner: "acme", repository: "churn" };
  const existing = await existingGitHub(repository, Object.keys(environments)).catch((error) => {
    error.stack = "";
    throw error;
  });
  try {
    new GitHubRepository("github", { ...repository, existing, environments, ruleset });
  } catch (error) {
    // Pulumi takes 20 seconds to show a stack with the name of a package in it (index.cjs).
    error.stack = "";
    throw error;
  }
};
`;
const HOST = "https://adb-42.example.com";

describe("a repository's environments and rules", function () {
  this.timeout(300_000);
  let github: GitHubDouble;
  let repository: Repository;
  const stacks: PulumiStack[] = [];
  let ada: number;

  before(async () => {
    github = await startGitHub();
    repository = github.state.addRepository("acme/churn");
    repository.git.push("main");
    ada = github.state.user("ada").id;
  });
  after(async () => {
    stacks.forEach((stack) => stack.dispose());
    await github?.stop();
  });

  function stackOf(name: string, settings: object): PulumiStack {
    const stack = new PulumiStack({ links: ["node_modules", "package.json", "providers"], stack: name });
    stacks.push(stack);
    writeFileSync(
      join(stack.program, "Pulumi.yaml"),
      "name: setup\nmain: index.cjs\nruntime: { name: nodejs, options: { typescript: false } }\n",
    );
    writeFileSync(join(stack.program, "index.cjs"), PROGRAM);
    stack.env = { GITHUB_TOKEN: github.token };
    configure(stack, settings);
    return stack;
  }

  function configure(stack: PulumiStack, settings: object): void {
    stack.configure({
      "github:owner": "acme",
      "github:baseUrl": `${github.url}/`,
      // Between its writes the provider waits a second.
      "github:writeDelayMs": 0,
      "setup:settings": settings,
    });
  }

  const environment = (name: string): Environment => {
    const found = repository.environments.get(name);
    assert.ok(found, `there is no environment ${name}`);
    return found;
  };
  const valueOf = (name: string, variable: string) => environment(name).variables.get(variable)?.value;
  const rules = () => [...repository.rulesets.values()].map(({ values }) => values);
  const statuses = () =>
    rules().map(({ name, rules: [rule] }) => [
      name,
      rule.parameters.required_status_checks.map(({ context }: any) => context).sort(),
    ]);

  it("creates, adopts, repairs, changes and removes, and leaves to people what is not declared", async () => {
    // A team's own environment, with settings that the program does not name.
    const prod = github.state.environment(repository, "prod");
    Object.assign(prod, { reviewers: [{ type: "User", id: ada }], wait_timer: 30, can_admins_bypass: false });
    const own = { value: "theirs", created_at: github.state.now(), updated_at: github.state.now() };
    prod.variables.set("THEIR_OWN", own);
    prod.variables.set("DATABRICKS_HOST", { ...own, value: HOST });

    const variables = { DATABRICKS_HOST: HOST, DATABRICKS_CLIENT_ID: "11111111-2222" };
    const settings = {
      environments: {
        staging: { variables, branches: ["main", "release/*"], secrets: { PAGER_KEY: "sesame street" } },
        prod: { variables, adopt: true },
      },
      ruleset: {},
    };
    const stack = stackOf("main", settings);
    ok(await stack.up());
    assert.equal(valueOf("staging", "DATABRICKS_CLIENT_ID"), "11111111-2222");
    assert.deepEqual(
      environment("staging")
        .branchPolicies.map(({ name, type }) => `${type} ${name}`)
        .sort(),
      ["branch main", "branch release/*"],
    );
    assert.deepEqual([...environment("staging").secrets.keys()], ["PAGER_KEY"]);
    assert.deepEqual(statuses(), [
      ["notebook-releases", ["notebook-releases/preview", "notebook-releases/staging"]],
    ]);
    const untouched = () => {
      const { reviewers, wait_timer, can_admins_bypass } = environment("prod");
      assert.deepEqual(
        [reviewers, wait_timer, can_admins_bypass, valueOf("prod", "THEIR_OWN")],
        [[{ type: "User", id: ada }], 30, false, "theirs"],
      );
    };
    untouched();
    const state = await stack.stateText();
    assert.doesNotMatch(state, new RegExp(github.token));
    assert.doesNotMatch(state, /sesame street/);

    const asked = github.requests.length;
    ok(await stack.preview("--expect-no-changes"));
    const writes = github.requests.slice(asked).filter(({ method }) => method !== "GET");
    assert.deepEqual(writes, []);

    environment("staging").variables.get("DATABRICKS_HOST")!.value = "https://elsewhere.example.com";
    rules()[0]!.enforcement = "disabled";
    ok(await stack.refresh());
    assert.match(failed(await stack.preview("--expect-no-changes")), /staging-DATABRICKS_HOST/);
    configure(stack, {
      environments: {
        staging: { ...settings.environments.staging, branches: ["main"], reviewers: { users: [ada] } },
        prod: { variables: { ...variables, DATABRICKS_CLIENT_ID: "33333333" }, adopt: true },
      },
      ruleset: { statuses: ["notebook-releases/staging"], integrationId: 15368 },
    });
    ok(await stack.up());
    assert.equal(valueOf("staging", "DATABRICKS_HOST"), HOST);
    assert.equal(valueOf("prod", "DATABRICKS_CLIENT_ID"), "33333333");
    assert.deepEqual(environment("staging").reviewers, [{ type: "User", id: ada }]);
    assert.deepEqual(
      environment("staging").branchPolicies.map(({ name }) => name),
      ["main"],
    );
    assert.deepEqual(statuses(), [["notebook-releases", ["notebook-releases/staging"]]]);
    assert.equal(rules()[0]!.enforcement, "active");
    untouched();

    ok(await stack.destroy());
    assert.deepEqual(rules(), []);
    assert.deepEqual([...environment("staging").variables.keys()], []);
    assert.deepEqual([...environment("prod").variables.keys()], ["THEIR_OWN"]);
    untouched();
  });

  it("refuses to overwrite what people have set otherwise", async () => {
    const people = github.state.environment(repository, "people");
    Object.assign(people, { reviewers: [{ type: "User", id: ada }] });
    const values = { value: "theirs", created_at: github.state.now(), updated_at: github.state.now() };
    people.variables.set("DATABRICKS_HOST", values);
    people.secrets.set("PAGER_KEY", {
      encrypted: "",
      created_at: values.created_at,
      updated_at: values.updated_at,
    });
    const before = structuredClone(people);
    const stack = stackOf("refused", {
      environments: {
        people: {
          reviewers: { users: [github.state.user("eve").id] },
          variables: { DATABRICKS_HOST: HOST },
          secrets: { PAGER_KEY: "ours" },
        },
      },
    });
    const output = failed(await stack.preview());
    assert.match(
      output,
      /people, people: variable DATABRICKS_HOST, people: secret PAGER_KEY: already there, and not made by this stack/,
    );
    const asked = github.requests.length;
    failed(await stack.up("--continue-on-error"));
    assert.deepEqual(
      github.requests.slice(asked).filter(({ method }) => method !== "GET"),
      [],
    );
    assert.deepEqual(structuredClone(people), before);
  });

  it("says what is wrong before it changes anything", async () => {
    const stack = stackOf("wrong", {
      environments: {
        staging: { variables: { "databricks-host": HOST, DATABRICKS_TOKEN: "x" }, branches: [] },
      },
    });
    stack.env.GITHUB_OWNER = "somebody";
    const output = failed(await stack.preview());
    assert.match(output, /the provider works for somebody, not for acme/);
    assert.match(output, /databricks-host is no name for GitHub/);
    assert.match(output, /DATABRICKS_TOKEN is a secret/);
    assert.match(output, /branches is empty/);
    stack.env.GITHUB_TOKEN = github.state.token({ permissions: { contents: "read" } });
    assert.match(
      failed(await stack.preview()),
      /Could not ask GitHub which environments acme\/churn has already .*so nothing was changed there/,
    );
  });
});
