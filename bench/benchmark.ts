/** What all parts of a run share: its settings, its folder, the programs that it measures, and its results. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { makeRepository, type BenchRepository } from "./repository";
import type { Results } from "./results";
import { Runner } from "./runner";
import { BenchWorkspace } from "./workspace";

export interface Settings {
  /** Notebooks, ascending. */
  readonly sizes: readonly number[];
  /** How often each case is measured. */
  readonly runs: number;
  /** Of one command. */
  readonly limitSeconds: number;
  /** Names of the groups to run; all where it is empty. */
  readonly only: readonly string[];
}

export interface Programs {
  /** The Databricks CLI, or why there is none. */
  readonly cli: { readonly path: string } | { readonly missing: string };
  /** PATH, PULUMI_HOME and the like; no credentials. */
  readonly env: NodeJS.ProcessEnv;
}

export class Benchmark {
  readonly runner: Runner;
  private readonly repositories = new Map<number, BenchRepository>();
  private names = 0;

  constructor(
    readonly settings: Settings,
    readonly programs: Programs,
    readonly folder: string,
    readonly results: Results,
    readonly signal: AbortSignal,
    readonly say: (line: string) => void,
  ) {
    this.runner = new Runner(results, { runs: settings.runs, signal, say });
  }

  get limits() {
    return { limitSeconds: this.settings.limitSeconds, signal: this.signal };
  }

  /** A repository of that many notebooks, made at the first call. */
  repository(notebooks: number): BenchRepository {
    const made = this.repositories.get(notebooks);
    if (made) {
      return made;
    }
    const repository = makeRepository(join(this.folder, `repository of ${notebooks}`), notebooks);
    this.repositories.set(notebooks, repository);
    return repository;
  }

  /** A name that nothing in the workspace has yet. */
  freshName(start: string): string {
    return `${start}_${++this.names}`;
  }

  /** A folder that does not exist yet, in the run's own. */
  freshFolder(): string {
    return join(this.folder, String(++this.names));
  }

  /**
   * Runs `work` with the local workspace started with these arguments. It is the same workspace each time: its data
   * stays. Where something fails that is no single case's, it is said, and the benchmark goes on.
   */
  async withWorkspace(
    group: string,
    args: readonly string[],
    work: (workspace: BenchWorkspace) => Promise<void>,
  ): Promise<void> {
    const data = join(this.folder, "workspace");
    mkdirSync(data, { recursive: true });
    this.say(`${group}: starting the local workspace, ${args.join(" ")}`);
    let workspace: BenchWorkspace | undefined;
    try {
      workspace = await BenchWorkspace.start(data, args, this.signal);
      await work(workspace);
    } catch (error) {
      this.signal.throwIfAborted();
      const failed = (error as Error).message;
      this.say(`${group}: failed: ${failed}`);
      this.results.add({ group, way: "the group", size: 0, runs: [], failed });
    } finally {
      await workspace?.stop();
    }
  }
}
