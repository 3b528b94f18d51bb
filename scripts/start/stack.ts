/** The stack `local`: its generated configuration, and the `pulumi` commands on it. */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { TESTKIT } from "./example";
import { run, runOnTerminal, StartError } from "./run";
import { tidier } from "./tidy";

const PROJECT = "notebook-releases";
export const STACK = "local";
export const APP = "bike-hire";
/** The job that `npm start` runs once. */
export const JOB = "bike-hire-daily";
const SCOPE = `${APP}-${STACK}`;
const SECRET = "api-token";

/** What `pulumi stack output` gives; see docs, "Stack outputs". */
export interface Outputs {
  readonly githash: string;
  readonly releasePath: string;
  readonly deploymentUrl?: string;
  readonly previousGithash?: string;
  readonly tests?: Readonly<Record<string, { readonly result: string; readonly seconds: number }>>;
  readonly jobs?: Readonly<Record<string, string>>;
}

/**
 * Python alone makes the testkit's wheel: nothing is downloaded, and the same commit gives the same bytes. Where Scala
 * tests can run, the commit has the jar of the Scala testkit (`scala.ts`); a team would make it by `mvn package`.
 */
export const BUILD = {
  command: `python3 ${TESTKIT}/backend/wheel_backend.py dist && find ${TESTKIT} -name "*.jar" -exec cp {} dist ";"`,
  artifacts: ["dist/*"],
};

/** Serverless takes no jars. The local workspace takes any cluster's settings, and starts none. */
const CLUSTER = { newCluster: { sparkVersion: "17.3.x-scala2.13", numWorkers: 1 } };

interface StackFile {
  encryptionsalt?: string;
  config?: Record<string, unknown>;
}

export class Stack {
  /** @param root the checkout, with Pulumi.yaml in it */
  constructor(private readonly root: string) {}

  private get file(): string {
    return join(this.root, `Pulumi.${STACK}.yaml`);
  }

  /**
   * Writes the stack's file, makes the stack if there is none, and gives it its secret once.
   * @param scala whether the gate has Scala tests
   */
  async prepare(
    source: { repository: string; ref: string },
    warehouse: string,
    scala: boolean,
  ): Promise<void> {
    const before = this.read();
    const config = configuration(source, warehouse, scala);
    this.write({ ...before, config: { ...before.config, ...config } });
    await this.dropDeadLocks();
    await this.pulumi(["stack", "select", STACK, "--create"]);
    if (!this.read().config?.[`${PROJECT}:${SECRET}`]) {
      // By standard input, so that no process list shows it; what is stored is encrypted.
      await this.pulumi(
        ["config", "set", "--secret", SECRET, "--stack", STACK],
        randomBytes(18).toString("base64url"),
      );
    }
  }

  /** Deploys another ref from now on. */
  setRef(ref: string): void {
    const file = this.read();
    const source = file.config?.[`${PROJECT}:source`];
    this.write({
      ...file,
      config: { ...file.config, [`${PROJECT}:source`]: { ...(source as object), ref } },
    });
  }

  /** `pulumi up`, `refresh`, …: without questions, in Pulumi's own display on a terminal, else as lines as they come. */
  async show(args: readonly string[]): Promise<void> {
    const all = [...args, "--stack", STACK, "--suppress-permalink=true"];
    const tidy = tidier();
    const onLine = (line: string) => {
      const shown = tidy(line);
      if (shown !== undefined) process.stdout.write(`  ${shown}\n`);
    };
    try {
      if (process.stdout.isTTY) await runOnTerminal("pulumi", all, this.root);
      else await run("pulumi", [...all, "--non-interactive", "--color", "never"], { cwd: this.root, onLine });
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      throw new StartError(
        `pulumi ${args.join(" ")} failed; why, it says above. Mend that and run the same command again.`,
      );
    }
  }

  async outputs(): Promise<Outputs> {
    return JSON.parse(await this.pulumi(["stack", "output", "--json", "--stack", STACK])) as Outputs;
  }

  private pulumi(args: readonly string[], input?: string): Promise<string> {
    return run("pulumi", [...args, "--non-interactive"], {
      cwd: this.root,
      ...(input === undefined ? {} : { input }),
    });
  }

  /** A killed `pulumi up` leaves its lock. One whose process is gone, on this machine, protects nothing. */
  private async dropDeadLocks(): Promise<void> {
    const folder = join(this.root, ".local", "state", ".pulumi", "locks", "organization", PROJECT, STACK);
    if (!existsSync(folder)) return;
    const locks = readdirSync(folder).map(
      (name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as { pid: number; hostname: string },
    );
    if (locks.length === 0 || locks.some(({ pid, hostname: host }) => host !== hostname() || isAlive(pid)))
      return;
    await this.pulumi(["cancel", "--yes", "--stack", STACK]);
  }

  private read(): StackFile {
    return existsSync(this.file) ? ((parse(readFileSync(this.file, "utf8")) as StackFile | null) ?? {}) : {};
  }

  private write(file: StackFile): void {
    const heading = "# Generated by npm start for the local workspace; ignored by git.\n";
    const text = heading + stringify(file);
    if (!existsSync(this.file) || readFileSync(this.file, "utf8") !== text) writeFileSync(this.file, text);
  }
}

/** The stack's configuration; exported for the tests. */
export function configuration(
  source: { repository: string; ref: string },
  warehouse: string,
  scala: boolean,
): Record<string, unknown> {
  const values = {
    app: APP,
    source: { ...source, exclude: ["**/*.md", `${TESTKIT}/**`] },
    build: BUILD,
    registry: { warehouse, table: "main.deployments.registry" },
    secrets: {
      scope: SCOPE,
      keys: { [SECRET]: { config: SECRET } },
      acls: [{ principal: "users", permission: "READ" }],
    },
    gate: {
      tests: ["tests/**", ...(scala ? ["scala-tests/**"] : [])],
      parameters: { secret_scope: SCOPE, secret_key: SECRET },
    },
    compute: scala ? CLUSTER : {},
    jobs: [
      { name: JOB, mode: "dispatch", notebook: "pipeline/score" },
      {
        name: "bike-hire-weekly",
        mode: "pinned",
        tasks: [
          { taskKey: "ingest", notebook: "pipeline/ingest" },
          {
            taskKey: "features",
            notebook: "pipeline/features",
            dependsOn: ["ingest"],
          },
          {
            taskKey: "train",
            notebook: "pipeline/train",
            dependsOn: ["features"],
          },
        ],
      },
    ],
    deployNote: "npm start",
  };
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`${PROJECT}:${key}`, value]));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
