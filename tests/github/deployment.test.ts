/** The whole program with `github` in its configuration: what GitHub shows after a good `up`, and after one that the gate stops. */
import assert from "node:assert/strict";
import { failing } from "../scenarios/example";
import { Scenario } from "../scenarios/scenario";
import { failed, ok } from "../support/pulumi";
import { latestStatuses, startGitHub, stateOf, type GitHubDouble, type Repository } from "./double";

describe("a stack that is reported to GitHub", function () {
  this.timeout(180_000);
  let github: GitHubDouble;
  let scenario: Scenario;
  let repository: Repository;
  let token: string;

  before(async () => {
    github = await startGitHub();
    token = github.state.token({ permissions: { statuses: "write", deployments: "write" } });
    scenario = await Scenario.start("reported", {
      config: { jobs: [], github: { owner: "acme", repository: "churn", environment: "churn test" } },
      env: { GITHUB_TOKEN: token, GITHUB_API_URL: github.url },
    });
    repository = github.state.addRepository("acme/churn", { directory: scenario.repository.directory });
  });
  after(async () => {
    scenario?.dispose();
    await github?.stop();
  });

  const statusOf = (githash: string) =>
    latestStatuses(repository, githash).map(({ context, state, description, target_url }) => ({
      ...{ context, state, description, target_url },
    }));

  it("shows what is live, and what the gate has stopped", async () => {
    const first = scenario.repository.git("rev-parse", "HEAD");
    const { output } = ok(await scenario.stack.up());
    assert.doesNotMatch(output, /GitHub/);
    const { deploymentId, deploymentUrl } = await scenario.stack.outputs();
    const context = "notebook-releases/test";
    const live = {
      context,
      state: "success",
      description: "live in test; 2 tests passed",
      target_url: deploymentUrl,
    };
    assert.deepEqual(statusOf(first), [live]);
    assert.deepEqual(
      repository.statuses.map(({ state, description }) => [state, description]),
      [
        ["pending", "deployment started"],
        ["pending", "2 tests passed, going live"],
        ["success", live.description],
      ],
    );

    const broken = scenario.repository.commit({ "notebooks/tests/test_two.py": failing("off by 3.14") });
    failed(await scenario.stack.up());
    const [stopped] = statusOf(broken);
    assert.equal(stopped?.state, "failure");
    assert.match(stopped?.description ?? "", /1 of 2 tests failed/);
    assert.deepEqual(statusOf(first), [live]);
    assert.deepEqual(
      repository.deployments.map((one) => [one.environment, one.sha, stateOf(one)]),
      [
        ["churn test", first, "success"],
        ["churn test", broken, "failure"],
      ],
    );
    assert.equal((repository.deployments[0]?.payload as any).deployment_id, deploymentId);
    assert.doesNotMatch(await scenario.stack.stateText(), new RegExp(token));
  });
});
