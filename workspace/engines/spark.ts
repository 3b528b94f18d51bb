/** Spark and Delta: Sail, a Spark Connect server in one binary, on loopback, over a warehouse folder of Delta tables. */
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { Log } from "../context";
import { Engine } from "./engine";
import { portOpen, startProcess, withFreePort } from "./processes";

/** Catalogs that exist from the start; folders in the warehouse add to them. Sail's list is fixed once it runs. */
export const CATALOGS = ["main", "workspace", "hive_metastore", "dev", "staging", "prod", "samples"];

export interface SparkAddress {
  /** Spark Connect address, e.g. `sc://127.0.0.1:40123`. */
  readonly remote: string;
  /** Folder with `<catalog>/<schema>/<table>`, as the processes must name it (see `plainPath`). */
  readonly warehouse: string;
}

/** Starts Sail; `ready()` waits for it. */
export function startSpark(settings: { dataDir: string; python: string }, log: Log): Engine<SparkAddress> {
  return new Engine("Spark (Sail)", log, async () => {
    const folder = join(settings.dataDir, "warehouse");
    for (const catalog of CATALOGS) mkdirSync(join(folder, catalog), { recursive: true });
    const warehouse = plainPath(folder);
    const catalogs = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && /^[a-z0-9_-]+$/.test(entry.name))
      .map((entry) => entry.name);
    const { port, process } = await withFreePort(
      "Sail",
      30_000,
      (candidate) =>
        startProcess({
          name: "Sail",
          python: settings.python,
          // `-m pysail`: the `sail` script's first line names its interpreter, and breaks on a path with spaces.
          command: settings.python,
          args: ["-m", "pysail", "spark", "server", "--ip", "127.0.0.1", "--port", String(candidate)],
          env: environment(catalogs),
          cwd: settings.dataDir,
          logFile: join(settings.dataDir, "logs", "sail.log"),
        }),
      portOpen,
    );
    return { process, value: { remote: `sc://127.0.0.1:${port}`, warehouse } };
  });
}

function environment(catalogs: readonly string[]): Record<string, string> {
  // Sail reads TOML values. Each catalog starts with one empty schema of a name nobody uses: the built-in `default`
  // would have no location, so `localspark` makes it with one.
  const list = catalogs.map((name) => `{name="${name}", type="memory", initial_database=["__none"]}`);
  return {
    SAIL_CATALOG__LIST: `[${list.join(", ")}]`,
    SAIL_CATALOG__DEFAULT_CATALOG: "main",
    // A notebook may compute for hours between two Spark calls; the default drops its session after 15 minutes.
    SAIL_SPARK__SESSION_TIMEOUT_SECS: "86400",
    RUST_LOG: "warn",
  };
}

/**
 * The folder's path as Sail can use it. Sail 0.7.2 percent-encodes paths twice, so that UPDATE, MERGE and DELETE fail
 * ("No such file or directory") under a folder with a space or an accent: such a folder gets a link with a plain name.
 */
export function plainPath(folder: string): string {
  const real = realpathSync(folder);
  if (/^[A-Za-z0-9/._-]+$/.test(real)) return real;
  const base = [tmpdir(), "/tmp"]
    .map((each) => realpathSync(each))
    .find((each) => /^[A-Za-z0-9/._-]+$/.test(each));
  if (base === undefined) {
    throw new Error(
      `The data folder ${folder} has characters that Sail cannot use, and so has ${tmpdir()}: choose another --data`,
    );
  }
  const links = join(base, `notebook-releases-${userInfo().uid}`);
  mkdirSync(links, { recursive: true, mode: 0o700 });
  const owner = lstatSync(links);
  if (!owner.isDirectory() || (owner.uid !== userInfo().uid && userInfo().uid !== -1)) {
    throw new Error(
      `${links} belongs to somebody else: remove it, or choose a --data folder without spaces and accents`,
    );
  }
  // Links of folders that are gone, as tests leave them.
  for (const entry of readdirSync(links)) {
    if (!existsSync(join(links, entry))) rmSync(join(links, entry), { force: true });
  }
  const link = join(links, createHash("sha256").update(real).digest("hex").slice(0, 16));
  if (!existsSync(link) || realpathSync(link) !== real) {
    rmSync(link, { force: true });
    symlinkSync(real, link, "dir");
  }
  return link;
}
