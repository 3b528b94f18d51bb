/** MLflow by its real client, with the plain address and with the tracking URI `databricks`; Databricks' limits in front. */
import assert from "node:assert/strict";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { python } from "./helper";

const CLIENT = `
import json, logging, os
import mlflow
from mlflow import MlflowClient
logging.disable(logging.WARNING)
mlflow.set_tracking_uri(os.environ["URI"])
mlflow.set_experiment(os.environ["EXPERIMENT"])
with mlflow.start_run() as run:
    mlflow.log_param("env", "staging")
    mlflow.log_metric("seconds", 1.5)
    mlflow.set_tag("status", "running")
    mlflow.log_text("größer\\n", "a folder/text.txt")
    mlflow.log_dict({"a": [1, 2]}, "d.json")
    mlflow.log_text("", "empty.txt")
client = MlflowClient()
found = mlflow.search_runs(filter_string="params.env = 'staging'")
print(json.dumps({
    "root": run.info.artifact_uri,
    "runs": found.run_id.tolist() == [run.info.run_id],
    "metric": client.get_run(run.info.run_id).data.metrics["seconds"],
    "files": [each.path for each in client.list_artifacts(run.info.run_id)],
    "inner": [[each.path, each.file_size] for each in client.list_artifacts(run.info.run_id, "a folder")],
    "text": mlflow.artifacts.load_text(run.info.artifact_uri + "/a folder/text.txt"),
    "dict": mlflow.artifacts.load_dict(run.info.artifact_uri + "/d.json"),
    "empty": mlflow.artifacts.load_text(run.info.artifact_uri + "/empty.txt"),
}))`;

describe("MLflow behind the local workspace", function () {
  this.timeout(180_000);
  let workspace: LocalWorkspace;
  before(async () => {
    workspace = await sharedWorkspace();
  });

  const clean = {
    DATABRICKS_HOST: "",
    DATABRICKS_TOKEN: "",
    MLFLOW_TRACKING_TOKEN: "",
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: "2",
  };
  for (const [name, root, environment] of [
    [
      "its plain address",
      /^mlflow-artifacts:\//,
      (w: LocalWorkspace) => ({ URI: w.host, MLFLOW_TRACKING_TOKEN: w.token }),
    ],
    [
      "the tracking URI databricks",
      /^dbfs:\/databricks\/mlflow-tracking\/\d+\/[0-9a-f]{32}\/artifacts$/,
      (w: LocalWorkspace) => ({ URI: "databricks", DATABRICKS_HOST: w.host, DATABRICKS_TOKEN: w.token }),
    ],
  ] as const) {
    it(`serves the real client through ${name}`, async () => {
      const EXPERIMENT = `/Users/admin@local.workspace/engines ${name}`;
      const seen = JSON.parse(
        (await python(workspace, CLIENT, { ...clean, ...environment(workspace), EXPERIMENT }))
          .trim()
          .split("\n")
          .at(-1)!,
      );
      assert.match(seen.root, root);
      delete seen.root;
      assert.deepEqual(seen, {
        runs: true,
        metric: 1.5,
        files: ["a folder", "d.json", "empty.txt"],
        inner: [["a folder/text.txt", 9]],
        text: "größer\n",
        dict: { a: [1, 2] },
        empty: "",
      });
    });
  }

  const MLFLOW = "/api/2.0/mlflow";
  async function run(): Promise<string> {
    const name = `/Users/admin@local.workspace/limits-${process.hrtime.bigint()}`;
    const { experiment_id } = await workspace.ok("POST", `${MLFLOW}/experiments/create`, { name });
    assert.match(experiment_id, /^\d+$/);
    await workspace.fails(400, "RESOURCE_ALREADY_EXISTS", "POST", `${MLFLOW}/experiments/create`, { name });
    const created = await workspace.ok("POST", `${MLFLOW}/runs/create`, {
      experiment_id,
      start_time: Date.now(),
    });
    return created.run.info.run_id;
  }

  it("keeps Databricks' limits", async () => {
    const run_id = await run();
    const param = (value: string, key = "k") =>
      ["POST", `${MLFLOW}/runs/log-parameter`, { run_id, key, value }] as const;
    await workspace.ok(...param("é".repeat(250), "fits"));
    assert.match(await workspace.fails(400, "INVALID_PARAMETER_VALUE", ...param("é".repeat(251))), /500/);
    assert.match(
      await workspace.fails(400, "INVALID_PARAMETER_VALUE", ...param("v", "k".repeat(256))),
      /255/,
    );
    const params = Array.from({ length: 101 }, (_, index) => ({ key: `p${index}`, value: "v" }));
    const batch = (given: object[]) =>
      ["POST", `${MLFLOW}/runs/log-batch`, { run_id, params: given }] as const;
    await workspace.fails(400, "INVALID_PARAMETER_VALUE", ...batch(params));
    await workspace.ok(...batch(params.slice(1)));
    await workspace.fails(400, "MALFORMED_REQUEST", "POST", `${MLFLOW}/runs/log-batch`, "{");
  });

  it("wants experiments at absolute paths in folders that exist, and tokens that are valid", async () => {
    const create = (name: string) => ["POST", `${MLFLOW}/experiments/create`, { name }] as const;
    assert.match(
      await workspace.fails(400, "INVALID_PARAMETER_VALUE", ...create("relative")),
      /absolute path/,
    );
    await workspace.fails(404, "RESOURCE_DOES_NOT_EXIST", ...create("/Users/nobody@example.com/x"));
    assert.equal(
      (await workspace.api("GET", `${MLFLOW}/experiments/get?experiment_id=0`, undefined, { token: "wrong" }))
        .status,
      403,
    );
  });

  it("signs artifacts' addresses for what was asked, and nothing else", async () => {
    const run_id = await run();
    const { credential_infos } = await workspace.ok("POST", `${MLFLOW}/artifacts/credentials-for-write`, {
      run_id,
      path: ["a.txt"],
    });
    const address: string = credential_infos[0].signed_uri;
    const put = (url: string) => fetch(url, { method: "PUT", body: "x" }).then(({ status }) => status);
    assert.equal(await put(address), 200);
    assert.equal(await put(address.replace("a.txt", "b.txt")), 403);
    assert.equal((await fetch(address)).status, 403);
    await workspace.fails(
      400,
      "INVALID_PARAMETER_VALUE",
      "POST",
      `${MLFLOW}/artifacts/credentials-for-read`,
      {
        run_id,
        path: ["../other"],
      },
    );
  });

  it("has its page at an address that needs no token", async () => {
    const page = await fetch(workspace.mlflow!);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<html/i);
  });
});
