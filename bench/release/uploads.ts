/** Cases of sending a commit's notebooks: the Databricks CLI's ways, one resource a notebook, and ours. */
import type { Benchmark } from "../benchmark";
import type { Values } from "../results";
import type { Case } from "../runner";
import type { BenchWorkspace } from "../workspace";
import { WAYS } from "./names";
import { OurStack, type Upload } from "./ours";
import { bundleDeploy, importDirectory, notebookResources } from "./peers";
import { uploadWindow } from "./window";

/** A command with what the server saw of it. */
export async function observed(
  workspace: BenchWorkspace,
  work: () => Promise<{ seconds: number }>,
): Promise<Values> {
  await workspace.forgetRequests();
  const { seconds } = await work();
  return { seconds, ...uploadWindow(await workspace.requests()) };
}

/** The Databricks CLI as it comes and with its own limiter lifted, each time to a destination that is not there yet. */
export function commandLine(bench: Benchmark, workspace: BenchWorkspace, size: number): Case[] {
  const { cli, env } = bench.programs;
  const source = bench.repository(size).directory;
  const ways = [
    { way: WAYS.importDir, upload: importDirectory, lifted: false },
    { way: WAYS.importDirLifted, upload: importDirectory, lifted: true },
    { way: WAYS.bundle, upload: bundleDeploy, lifted: false },
    { way: WAYS.bundleLifted, upload: bundleDeploy, lifted: true },
  ];
  return ways.map(({ way, upload, lifted }) => ({
    way,
    size,
    run: () => {
      if ("missing" in cli) {
        throw new Error(cli.missing);
      }
      const name = bench.freshName("cli");
      const options = { ...bench.limits, workspace, source, name, env, program: cli.path, lifted };
      return observed(workspace, () => upload(options));
    },
  }));
}

export function peers(bench: Benchmark, workspace: BenchWorkspace, size: number): Case[] {
  const { env } = bench.programs;
  const source = bench.repository(size).directory;
  return [
    ...commandLine(bench, workspace, size),
    {
      way: WAYS.notebookResources,
      size,
      run: () => {
        const name = bench.freshName("resources");
        const options = { ...bench.limits, workspace, source, name, env };
        return observed(workspace, () => notebookResources(bench.freshFolder(), options));
      },
    },
  ];
}

export function stackOf(
  bench: Benchmark,
  workspace: BenchWorkspace,
  size: number,
  upload?: Upload,
): OurStack {
  return new OurStack({
    app: bench.freshName("ours"),
    folder: bench.freshFolder(),
    repository: bench.repository(size),
    workspace,
    env: bench.programs.env,
    upload,
  });
}

/** Whole `up`s of a stack that is there, each with a commit that is not. */
export function ours(
  bench: Benchmark,
  workspace: BenchWorkspace,
  size: number,
  uploads: readonly Upload[] = ["auto", "archive", "files"],
): Case[] {
  return uploads.map((upload) => {
    const stack = stackOf(bench, workspace, size, upload);
    return {
      way: WAYS.ours(upload),
      size,
      prepare: async () => void (await stack.run("up", bench.limits)),
      run: () => {
        stack.release(bench.repository(size).commit());
        return observed(workspace, () => stack.run("up", bench.limits));
      },
    };
  });
}
