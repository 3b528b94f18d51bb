/** How artifacts reach tasks: libraries on clusters, environments on serverless, in the API's names and in Pulumi's. */
import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { attachToJob } from "../../components/compute";
import { addresses, attach, type Artifact } from "../../providers/artifacts";

const made = (...paths: string[]): Artifact[] =>
  paths.map((path) => ({ name: path.replace(/.*\//, ""), path, sha256: "0", size: 1 }));
const WHEEL = "/Volumes/a/b/c/x.whl";
const JAR = "/Volumes/a/b/c/y.jar";
const DATA = "/Volumes/a/b/c/z.csv";

describe("attaching artifacts", () => {
  it("gives clusters libraries, beside those that a task has", () => {
    const libraries = [{ pypi: { package: "requests" } }];
    const run = attach(
      {
        tasks: [
          { task_key: "a", existing_cluster_id: "1", libraries },
          { task_key: "b", new_cluster: {} },
          { task_key: "c", job_cluster_key: "k" },
        ],
      },
      made(WHEEL, JAR, DATA),
    );
    assert.deepEqual(run.tasks, [
      { task_key: "a", existing_cluster_id: "1", libraries: [...libraries, { whl: WHEEL }, { jar: JAR }] },
      { task_key: "b", new_cluster: {}, libraries: [{ whl: WHEEL }, { jar: JAR }] },
      { task_key: "c", job_cluster_key: "k", libraries: [{ whl: WHEEL }, { jar: JAR }] },
    ]);
    assert.ok(!("environments" in run));
  });

  it("gives serverless tasks an environment, or adds to the one that they name", () => {
    const own = { environment_key: "mine", spec: { environment_version: "3", dependencies: ["requests"] } };
    const other = { environment_key: "other", spec: { environment_version: "3" } };
    const run = attach(
      { tasks: [{ task_key: "a" }, { task_key: "b", environment_key: "mine" }], environments: [own, other] },
      made(WHEEL, DATA),
    );
    assert.deepEqual(run.tasks, [
      { task_key: "a", environment_key: "release" },
      { task_key: "b", environment_key: "mine" },
    ]);
    assert.deepEqual(run.environments, [
      { environment_key: "mine", spec: { environment_version: "3", dependencies: ["requests", WHEEL] } },
      other,
      { environment_key: "release", spec: { environment_version: "4", dependencies: [WHEEL] } },
    ]);
  });

  it("leaves a run alone where there is nothing to install, and tells addresses", () => {
    const run = { tasks: [{ task_key: "a" }] };
    assert.equal(attach(run, []), run);
    assert.equal(attach(run, made(DATA)), run);
    assert.equal(addresses(made(WHEEL, DATA)), `${WHEEL},${DATA}`);
  });

  it("refuses jars where a task is serverless", () => {
    assert.throws(() => attach({ tasks: [{ task_key: "a" }] }, made(JAR)), /take no jars \(y\.jar\)/);
  });

  it("does the same to a job of Pulumi's", async () => {
    const resolved = (value: pulumi.Input<any>): Promise<any> =>
      new Promise((resolve) => void pulumi.all([value]).apply(([known]) => resolve(known)));
    const tasks = [
      { taskKey: "a" },
      {
        taskKey: "b",
        newCluster: { numWorkers: 1, sparkVersion: "15.4.x" },
        libraries: [{ jar: "dbfs:/own.jar" }],
      },
      { taskKey: "c", environmentKey: "mine" },
    ];
    const mine = { environmentKey: "mine", spec: { environmentVersion: "3" } };
    const job = attachToJob(tasks, [mine], pulumi.output(made(WHEEL, DATA)));
    const [a, b, c] = await resolved(job.tasks);
    assert.deepEqual(a, { taskKey: "a", environmentKey: "release" });
    assert.deepEqual(b.libraries, [{ jar: "dbfs:/own.jar" }, { whl: WHEEL }]);
    assert.equal(c.environmentKey, "mine");
    assert.deepEqual(await resolved(job.environments), [
      { environmentKey: "mine", spec: { environmentVersion: "3", dependencies: [WHEEL] } },
      { environmentKey: "release", spec: { environmentVersion: "4", dependencies: [WHEEL] } },
    ]);
    const nothing = await resolved(attachToJob([{ taskKey: "a" }], undefined, pulumi.output(made(DATA))));
    assert.equal(nothing.tasks[0].environmentKey, undefined);
    assert.deepEqual(nothing.environments, []);
  });
});
