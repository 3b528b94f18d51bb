/** `npm run bench [-- NAME]`: measures, prints tables, writes bench/results.json. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { Benchmark, type Programs, type Settings } from "./benchmark";
import { describeEnvironment } from "./environment";
import { writeResults } from "./file";
import * as gateGoals from "./gate/goals";
import * as gateGroups from "./gate/groups";
import * as gateNames from "./gate/names";
import { goalTable, resultTables } from "./report";
import { judge, Results, type Goal } from "./results";
import { goals } from "./release/goals";
import { groups, type Group } from "./release/groups";
import { UNITS } from "./release/names";
import { ROOT } from "./workspace";

interface Kind {
  readonly groups: readonly Group[];
  readonly goals: (sizes: readonly number[]) => Goal[];
  readonly units: Readonly<Record<string, string>>;
  /** The only sizes that it is measured at. @default those of --sizes */
  readonly sizes?: readonly number[];
}

const BENCHMARKS: Readonly<Record<string, Kind>> = {
  release: { groups, goals, units: UNITS },
  gate: {
    ...{ groups: gateGroups.groups, goals: gateGoals.goals, units: gateNames.UNITS },
    sizes: [gateNames.TESTS],
  },
};
/** Everything that a command may take from this process; tokens and rate limits of the user's are none of it. */
const PASSED_ON = ["HOME", "TMPDIR", "LANG", "GOPROXY", "XDG_CACHE_HOME"];

interface Options extends Settings {
  readonly name: string;
  readonly kind: Kind;
  readonly out: string;
  readonly cli: boolean;
}

function parse(argv: readonly string[]): Options {
  const program = new Command("npm run bench --")
    .argument("[name]", `what to measure: ${Object.keys(BENCHMARKS).join(", ")}`, "release")
    .option("--sizes <n,…>", "numbers of notebooks", numbers, [100, 1_000, 5_000])
    .option("--runs <n>", "how often each case is measured; the median counts", number, 3)
    .option("--limit-seconds <n>", "when a command is stopped", number, 600)
    .option(
      "--only <group,…>",
      `of ${Object.values(BENCHMARKS)
        .flatMap((kind) => kind.groups)
        .map(({ name }) => `"${name}"`)
        .join(", ")}`,
      (text) => text.split(","),
      [],
    )
    .option("--no-cli", "leave out the Databricks CLI, which takes minutes to build the first time")
    .option("--out <file>", "where the results go", join(ROOT, "bench", "results.json"))
    .parse(argv);
  const [name = ""] = program.processedArgs as string[];
  const kind = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  if (!kind) {
    return program.error(`There is no benchmark ${name}. Give one of: ${Object.keys(BENCHMARKS).join(", ")}`);
  }
  const options = program.opts<Options>();
  const unknown = options.only.filter((each) => !kind.groups.some((group) => isNamed(group.name, each)));
  if (unknown.length > 0) {
    program.error(`--only: no group is called ${unknown.join(", ")}.`);
  }
  return { ...options, name, kind, sizes: [...(kind.sizes ?? options.sizes)].sort((a, b) => a - b) };
}

function number(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError("It must be a whole number above 0.");
  }
  return value;
}

function numbers(text: string): number[] {
  return text.split(",").map(number);
}

/** `limit` also names `limit at 0 ms`. */
function isNamed(group: string, name: string): boolean {
  return group === name || group.startsWith(`${name} `);
}

/** Installs what is missing and finds the programs. Without the Databricks CLI its cases fail, the others do not. */
async function findPrograms({ cli: wanted, kind }: Options, say: (line: string) => void): Promise<Programs> {
  const { setUp } = await import("../scripts/setup/index.mjs");
  const { engineEnvironment } = await import("../scripts/local/environment.mjs");
  const { databricksCliFromSource } = await import("../scripts/setup/source-build.mjs");
  const paths = await setUp();
  const { path, variables } = engineEnvironment(paths);
  const env: NodeJS.ProcessEnv = {
    ...Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]])),
    ...variables,
    PATH: [...path, process.env.PATH].join(":"),
    // Of stacks that are removed in the end.
    PULUMI_CONFIG_PASSPHRASE: "benchmark",
    PULUMI_CONFIG_PASSPHRASE_FILE: undefined,
  };
  process.env.PATH = env.PATH;
  if (!wanted || kind !== BENCHMARKS.release) {
    return { env, cli: { missing: wanted ? "not measured" : "left out by --no-cli" } };
  }
  try {
    let said = 0;
    const cli = await databricksCliFromSource(paths, process.env, (text) => {
      if (performance.now() - said > 10_000) {
        said = performance.now();
        say(`Databricks CLI: ${text}`);
      }
    });
    return { env, cli: { path: cli } };
  } catch (error) {
    return { env, cli: { missing: `The Databricks CLI cannot be built: ${(error as Error).message}` } };
  }
}

async function main(): Promise<void> {
  const options = parse(process.argv);
  const started = performance.now();
  const say = (line: string) => {
    const minutes = Math.floor((performance.now() - started) / 60_000);
    process.stderr.write(`[${minutes} min] ${line}\n`);
  };
  const programs = await findPrograms(options, say);
  const interrupt = new AbortController();
  const stop = () => interrupt.abort(new Error("interrupted"));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, stop);
  }
  const environment = describeEnvironment(programs);
  const folder = mkdtempSync(join(tmpdir(), "notebook-releases bench "));
  const results = new Results();
  const bench = new Benchmark(options, programs, folder, results, interrupt.signal, say);
  try {
    for (const group of options.kind.groups) {
      if (options.only.length === 0 || options.only.some((name) => isNamed(group.name, name))) {
        await group.run(bench, group.name);
      }
    }
  } catch (error) {
    if (!interrupt.signal.aborted) {
      throw error;
    }
    process.exitCode = 130;
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  const judged = judge(options.kind.goals(options.sizes), results);
  process.stdout.write(
    `\n${resultTables(results, options.kind.units)}\n* the workspace's server was busy itself\n\n${goalTable(judged)}\n`,
  );
  if (interrupt.signal.aborted) {
    process.stderr.write("Interrupted: this is what was measured; nothing was written.\n");
    return;
  }
  const { out, cli: _, name, kind: __, ...settings } = options;
  writeResults(out, name, { environment, settings, goals: judged, cases: results.cases });
  process.stderr.write(`Written to ${out}\n`);
}

main().catch((error: Error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
