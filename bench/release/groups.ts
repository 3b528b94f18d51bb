/** What `npm run bench -- release` measures: a group of cases for each setting of the local workspace. */
import type { Benchmark } from "../benchmark";
import type { Values } from "../results";
import type { Case } from "../runner";
import type { BenchWorkspace } from "../workspace";
import type { OurStack } from "./ours";
import { SIZES, WAYS } from "./names";
import { commandLine, observed, ours, peers, stackOf } from "./uploads";

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
