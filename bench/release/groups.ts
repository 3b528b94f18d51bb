/** What `npm run bench -- release` measures: a group of cases for each setting of the local workspace. */
import type { Benchmark } from "../benchmark";
import type { Values } from "../results";
import type { Case } from "../runner";
import type { BenchWorkspace } from "../workspace";
import { OurStack, type Upload } from "./ours";
import { bundleDeploy, importDirectory, notebookResources } from "./peers";
import { SIZES, WAYS } from "./names";
import { uploadWindow } from "./window";

const LATENCY = ["--latency", "20"];

export interface Group {
  readonly name: string;
  run(bench: Benchmark, name: string): Promise<void>;
}

export const groups: readonly Group[] = [
  {
    name: "latency",
    run: (bench, name) =>
      bench.withWorkspace(name, LATENCY, async (workspace) => {
        for (const size of bench.settings.sizes) {
          const cases = [...peers(bench, workspace, size), ...ours(bench, workspace, size)];
          await bench.runner.runAll(name, cases, workspace);
        }
      }),
  },
  {
    name: "limit",
    run: (bench, name) =>
      bench.withWorkspace(name, limited(2), async (workspace) => {
        const size = SIZES.main(bench.settings.sizes);
        const cases = [...commandLine(bench, workspace, size), ...ours(bench, workspace, size)];
        await bench.runner.runAll(name, cases, workspace);
      }),
  },
  ...[0, 10].map((ms): Group => ({
    name: `limit at ${ms} ms`,
    run: (bench, name) =>
      bench.withWorkspace(name, limited(ms), async (workspace) => {
        const size = SIZES.main(bench.settings.sizes);
        await bench.runner.runAll(name, ours(bench, workspace, size, ["archive"]), workspace);
      }),
  })),
  {
    name: "steady",
    run: (bench, name) =>
      bench.withWorkspace(name, LATENCY, async (workspace) => {
        const sizes = [...new Set([SIZES.small, SIZES.large(bench.settings.sizes)])];
        const cases = sizes.map((size) => steady(bench, workspace, size));
        // Kind by kind, so that both sizes of a ratio are measured within the same minute.
        const kinds = cases[0]?.map((_, kind) => cases.flatMap((each) => each[kind] ?? [])) ?? [];
        for (const kind of kinds) {
          await bench.runner.runAll(name, kind, workspace);
        }
      }),
  },
  { name: "takeover", run: takeover },
  { name: "rollback", run: rollback },
  ...[true, false].map((told): Group => ({
    name: told ? "refresh with times" : "refresh without times",
    run: (bench, name) =>
      bench.withWorkspace(
        name,
        [...LATENCY, ...(told ? ["--notebook-modified-at"] : [])],
        async (workspace) => {
          const cases = bench.settings.sizes.map((size) => refresh(bench, workspace, size));
          await bench.runner.runAll(name, cases, workspace);
        },
      ),
  })),
];

function limited(archiveMsPerObject: number): string[] {
  return ["--rps", "30", "--archive-ms-per-object", String(archiveMsPerObject)];
}

/** A command with what the server saw of it. */
async function observed(
  workspace: BenchWorkspace,
  work: () => Promise<{ seconds: number }>,
): Promise<Values> {
  await workspace.forgetRequests();
  const { seconds } = await work();
  return { seconds, ...uploadWindow(await workspace.requests()) };
}

/** The Databricks CLI as it comes and with its own limiter lifted, each time to a destination that is not there yet. */
function commandLine(bench: Benchmark, workspace: BenchWorkspace, size: number): Case[] {
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

function peers(bench: Benchmark, workspace: BenchWorkspace, size: number): Case[] {
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

function stackOf(bench: Benchmark, workspace: BenchWorkspace, size: number, upload?: Upload): OurStack {
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
function ours(
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

/** What every day costs: nothing has changed, or one commit. */
function steady(bench: Benchmark, workspace: BenchWorkspace, size: number): Case[] {
  const stack = stackOf(bench, workspace, size);
  let made = false;
  const prepare = async () => {
    if (!made) {
      await stack.run("up", bench.limits);
      made = true;
    }
  };
  const { limits } = bench;
  const withMemory = { ...limits, memory: true };
  return [
    {
      way: WAYS.noop,
      size,
      prepare,
      run: () => observed(workspace, () => stack.run("up", limits)),
    },
    {
      way: WAYS.preview,
      size,
      prepare,
      run: () => observed(workspace, () => stack.run("preview", limits)),
    },
    {
      way: WAYS.start,
      size,
      prepare,
      run: async () => ({ seconds: (await stack.startMs(limits)) / 1000 }),
    },
    {
      way: WAYS.memoryNoop,
      size,
      prepare,
      run: async () => (await stack.run("up", withMemory)).memory,
    },
    {
      way: WAYS.memoryRelease,
      size,
      prepare,
      run: async () => {
        stack.release(bench.repository(size).commit());
        return (await stack.run("up", withMemory)).memory;
      },
    },
  ];
}

/** A release that is there already, as after a rollback, against sending it. */
function takeover(bench: Benchmark, name: string): Promise<void> {
  return bench.withWorkspace(name, LATENCY, async (workspace) => {
    const size = SIZES.main(bench.settings.sizes);
    const repository = bench.repository(size);
    const release = async (stack: OurStack): Promise<Values> => ({
      seconds: (await stack.run("up", bench.limits)).seconds,
      releaseSeconds: await stack.metric("upload_seconds", bench.limits),
    });
    const uploads = (["auto", "files"] as const).map((upload): Case => {
      const stack = stackOf(bench, workspace, size, upload);
      return {
        way: WAYS.upload(upload),
        size,
        prepare: async () => void (await stack.run("up", bench.limits)),
        run: () => {
          stack.release(repository.commit());
          return release(stack);
        },
      };
    });
    const stack = stackOf(bench, workspace, size);
    let [here, there] = ["", ""];
    await bench.runner.runAll(
      name,
      [
        ...uploads,
        {
          way: WAYS.takeover,
          size,
          prepare: async () => {
            [here, there] = [repository.commit(), repository.commit()];
            for (const githash of [here, there]) {
              stack.release(githash);
              await stack.run("up", bench.limits);
            }
          },
          run: () => {
            stack.release(here);
            [here, there] = [there, here];
            return release(stack);
          },
        },
      ],
      workspace,
    );
  });
}

/** Going back a release, again and again, against a stack's first `up` and against one that has nothing to do. */
function rollback(bench: Benchmark, name: string): Promise<void> {
  return bench.withWorkspace(name, LATENCY, async (workspace) => {
    const size = SIZES.main(bench.settings.sizes);
    const { limits } = bench;
    const fresh = () => stackOf(bench, workspace, size);
    const [still, moving] = [fresh(), fresh()];
    const up = (stack: OurStack) => observed(workspace, () => stack.run("up", limits));
    const cases: Case[] = [
      { way: WAYS.first, size, run: () => up(fresh()) },
      {
        way: WAYS.noop,
        size,
        prepare: async () => {
          // Not `main`, which goes on with what the other stack deploys.
          still.release(bench.repository(size).commit());
          await still.run("up", limits);
        },
        run: () => up(still),
      },
      {
        way: WAYS.rollback,
        size,
        prepare: async () => {
          // Each run goes a release further back.
          for (let n = 0; n <= bench.settings.runs; n++) {
            moving.release(bench.repository(size).commit());
            await moving.run("up", limits);
          }
        },
        run: () => observed(workspace, () => moving.rollback(limits)),
      },
    ];
    await bench.runner.runAll(name, cases, workspace);
  });
}

function refresh(bench: Benchmark, workspace: BenchWorkspace, size: number): Case {
  const stack = stackOf(bench, workspace, size);
  return {
    way: WAYS.refresh,
    size,
    prepare: async () => void (await stack.run("up", bench.limits)),
    run: () => observed(workspace, () => stack.run("refresh", bench.limits)),
  };
}
