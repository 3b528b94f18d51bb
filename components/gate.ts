/** `Gate`: a release's own test notebooks, run on it before it goes live. */
import picomatch from "picomatch";
import * as pulumi from "@pulumi/pulumi";
import { testName, type GateSettings } from "../providers/gate/tasks";
import type { TestResult } from "../providers/gate/results";
import { NotebookTestRun } from "../providers/resources";
import type { Source } from "../source";
import type { Deployment } from "./deployment";
import type { Experiment } from "./experiment";
import type { NotebookRelease } from "./notebookRelease";
import type { Workspace } from "./workspace";

export interface GateArgs {
  readonly workspace: Workspace;
  readonly experiment: Experiment;
  readonly deployment: Deployment;
  readonly release: NotebookRelease;
  readonly env: string;
  /** Test notebooks, relative to the release (`selectTests`). */
  readonly tests: readonly string[];
  readonly settings: GateSettings;
}

/** What depends on the gate is not touched where a test fails: the release that was live stays live. */
export class Gate extends pulumi.ComponentResource {
  /** Test name → result and seconds. */
  readonly results: pulumi.Output<Record<string, TestResult>>;

  constructor(name: string, args: GateArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:Gate", name, {}, options);
    const { workspace, experiment, deployment, release, env, tests, settings } = args;
    const run = new NotebookTestRun(
      name,
      {
        ...workspace.place,
        deploymentId: deployment.deploymentId,
        deploymentUrl: deployment.deploymentUrl,
        experimentId: experiment.experimentId,
        env,
        githash: release.githash,
        releasePath: release.path,
        tests: [...tests],
        settings: { ...settings },
      },
      workspace.options(this, [release]),
    );
    this.results = run.results;
    this.registerOutputs({ results: this.results });
  }
}

/** Names of the deployment's own parameters in MLflow; a test must not be called so. */
const RESERVED = new Set([
  "env",
  "githash",
  "pipeline_id",
  "deploy_note",
  "app",
  "source",
  "tests_passed",
  "tests_failed",
]);

/**
 * The test notebooks of a source, by globs on their paths in the release, sorted.
 * @throws RunError for a glob that matches nothing, and for names that MLflow could not tell apart.
 */
export function selectTests(source: Source, globs: readonly string[]): string[] {
  const notebooks = source.files.filter(({ kind }) => kind === "notebook").map(({ target }) => target);
  const problems = globs
    .filter((glob) => !notebooks.some((target) => picomatch.isMatch(target, glob)))
    .map((glob) => `gate.tests: "${glob}" matches no notebook of ${source.commit.githash.slice(0, 12)}`);
  const tests = notebooks.filter((target) => globs.some((glob) => picomatch.isMatch(target, glob))).sort();
  const names = new Map<string, string>();
  for (const test of tests) {
    const name = testName(test);
    const twin = names.get(name);
    if (twin) {
      problems.push(`gate.tests: ${twin} and ${test} would both be called ${name} in MLflow; rename one`);
    }
    if (RESERVED.has(name)) {
      problems.push(`gate.tests: ${test} has the name of a parameter of the deployment itself; rename it`);
    }
    names.set(name, test);
  }
  if (problems.length > 0) {
    throw new pulumi.RunError(problems.join("\n"));
  }
  return tests;
}
