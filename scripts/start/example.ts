/** The example's git repository: bare, made of `notebooks/` and of what its build needs, with two commits that are the same on every machine. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { run, StartError } from "./run";

const SETTINGS = "lib/settings.py";
const HORIZON = /^HORIZON_DAYS = (\d+)$/m;
/** What the first commit looks ahead; `notebooks/` itself, the second commit, says another number. */
const FIRST_HORIZON = 3;
const LONGEST_HORIZON = 7;
/** Kept in the repository: which `notebooks/` it was made of. */
const STAMP = "notebook-releases-source";
const BRANCH = "refs/heads/main";
/** A fixed time makes the commit ids the same everywhere. */
const FIRST_TIME = "1782896400 +0000";
const SECOND_TIME = "1782982800 +0000";

/** Path below `notebooks/` → contents. */
type Tree = ReadonlyMap<string, Buffer>;

interface Commit {
  readonly message: string;
  readonly time: string;
  readonly files: Tree;
  /** Whether `files` is the whole tree, rather than what changes. */
  readonly whole: boolean;
}

/** Where the wheel's sources and the jar are in the repository. */
export const TESTKIT = "testkit";
/** What of `testkit/python` its wheel is made of. */
const WHEEL_SOURCES = /^(pyproject\.toml$|src\/|backend\/)/;

/**
 * Makes the repository at `bare` of the folder `notebooks`, or adds a commit where that folder has changed since.
 * @param testkit folder of the Python testkit, which the example's build makes a wheel of. @default none
 * @param jar the Scala testkit, which the example's build takes as it is. @default none
 */
export async function makeExample(
  notebooks: string,
  bare: string,
  testkit?: string,
  jar?: string,
): Promise<void> {
  const wheel = testkit === undefined ? [] : [...readTree(testkit)];
  const files: Tree = new Map([
    ...readTree(notebooks),
    ...wheel
      .filter(([path]) => WHEEL_SOURCES.test(path))
      .map(([path, content]) => [`${TESTKIT}/${path}`, content] as const),
    ...(jar === undefined ? [] : [[`${TESTKIT}/${basename(jar)}`, readFileSync(jar)] as const]),
  ]);
  const source = hashOf(files);
  if (existsSync(join(bare, STAMP))) {
    if (readFileSync(join(bare, STAMP), "utf8") === source) return;
    await commit(
      bare,
      { message: "Take over the checkout's notebooks", time: now(), files, whole: true },
      true,
    );
    writeFileSync(join(bare, STAMP), source);
    return;
  }
  const days = horizonOf(settingsIn(files));
  const draft = `${bare}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  await git(draft, ["init", "--quiet", "--bare"]);
  await git(draft, ["symbolic-ref", "HEAD", BRANCH]);
  const message = `Forecast bike hires for ${FIRST_HORIZON} days`;
  await commit(
    draft,
    { message, time: FIRST_TIME, files: withHorizon(files, FIRST_HORIZON), whole: true },
    false,
  );
  await commit(draft, { message: `Look ${days} days ahead`, time: SECOND_TIME, files, whole: true }, true);
  writeFileSync(join(draft, STAMP), source);
  rmSync(bare, { recursive: true, force: true });
  renameSync(draft, bare);
}

/** Adds a commit that changes how far the forecast looks ahead. @returns what it changed, for people. */
export async function addCommit(bare: string): Promise<string> {
  const text = await git(bare, ["show", `${BRANCH}:${SETTINGS}`]);
  const days = (horizonOf(text) % LONGEST_HORIZON) + 1;
  const files = new Map([[SETTINGS, Buffer.from(`${text.replace(HORIZON, `HORIZON_DAYS = ${days}`)}\n`)]]);
  await commit(bare, { message: `Look ${days} days ahead`, time: now(), files, whole: false }, true);
  return `${SETTINGS}: HORIZON_DAYS ${horizonOf(text)} → ${days}`;
}

/** The first line of a commit's message. */
export async function subjectOf(bare: string, githash: string): Promise<string> {
  return git(bare, ["log", "-1", "--format=%s", githash]);
}

/** The commit before `githash`, or nothing before the first one. */
export async function parentOf(bare: string, githash: string): Promise<string | undefined> {
  return (await git(bare, ["rev-list", "-1", "--skip=1", githash])) || undefined;
}

function horizonOf(text: string): number {
  const found = HORIZON.exec(text)?.[1];
  if (!found) throw new StartError(`The example's ${SETTINGS} has no line "HORIZON_DAYS = <number>".`);
  return Number(found);
}

function settingsIn(files: Tree): string {
  return files.get(SETTINGS)?.toString("utf8") ?? "";
}

function withHorizon(files: Tree, days: number): Tree {
  const text = settingsIn(files).replace(HORIZON, `HORIZON_DAYS = ${days}`);
  return new Map([...files, [SETTINGS, Buffer.from(text)]]);
}

/** Notebooks of the deployer's own. */
const OWN = ["trigger.py", "deploy.py"];

/** What a data team would commit: not the deployer's own, and caches are nobody's. */
function readTree(folder: string, below = ""): Tree {
  const entries = readdirSync(join(folder, below), { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  return new Map(
    entries
      .filter(
        ({ name }) => !name.startsWith(".") && name !== "__pycache__" && !OWN.includes(`${below}${name}`),
      )
      .flatMap((entry): (readonly [string, Buffer])[] => {
        const path = `${below}${entry.name}`;
        return entry.isDirectory()
          ? [...readTree(folder, `${path}/`)]
          : [[path, readFileSync(join(folder, path))] as const];
      }),
  );
}

function hashOf(files: Tree): string {
  const hash = createHash("sha256");
  for (const [path, content] of files) hash.update(`${path}\0${content.length}\0`).update(content);
  return hash.digest("hex");
}

/** One commit on main by `git fast-import`, which needs no work tree. */
async function commit(
  bare: string,
  { message, time, files, whole }: Commit,
  hasParent: boolean,
): Promise<void> {
  const text = (value: string | Buffer) => [`data ${Buffer.byteLength(value)}\n`, value, "\n"];
  const stream = [
    `commit ${BRANCH}\n`,
    `committer Bike Hire Team <team@example.com> ${time}\n`,
    ...text(`${message}\n`),
    hasParent ? `from ${BRANCH}^0\n` : "",
    whole ? "deleteall\n" : "",
    ...[...files].flatMap(([path, content]) => [`M 100644 inline ${path}\n`, ...text(content)]),
  ];
  await git(bare, ["fast-import", "--quiet"], Buffer.concat(stream.map((part) => Buffer.from(part))));
}

function now(): string {
  return `${Math.floor(Date.now() / 1000)} +0000`;
}

function git(bare: string, args: readonly string[], input?: Uint8Array): Promise<string> {
  return run("git", args, { cwd: bare, ...(input === undefined ? {} : { input }) });
}
