import assert from "node:assert/strict";
import { actionsRun, withStarter } from "../../providers/github/actions";

describe("what GitHub Actions tells its runs", () => {
  const run = {
    GITHUB_ACTIONS: "true",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_REPOSITORY: "acme/churn",
    GITHUB_RUN_ID: "7",
    GITHUB_ACTOR: "ada",
  };

  it("gives the run's address, and none elsewhere", () => {
    assert.equal(actionsRun(run), "https://github.com/acme/churn/actions/runs/7");
    assert.equal(actionsRun({ ...run, GITHUB_RUN_ID: "" }), undefined);
    assert.equal(actionsRun({}), undefined);
  });

  it("names who started it in a note: of a run that was started again, who did that", () => {
    assert.equal(withStarter("wrong zones", run), "wrong zones (started by ada at GitHub)");
    assert.equal(
      withStarter("", { ...run, GITHUB_TRIGGERING_ACTOR: "grace" }),
      "(started by grace at GitHub)",
    );
    for (const env of [{}, { GITHUB_ACTOR: "ada" }, { ...run, GITHUB_ACTOR: "" }]) {
      assert.equal(withStarter("wrong zones", env), "wrong zones");
    }
  });
});
