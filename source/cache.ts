/**
 * The cached clones: where they lie, and how new objects come in.
 *
 * A clone is a bare repository that git only ever reads. Each fetch goes into a repository of its own beside the
 * objects ("incoming"), which borrows what is there already; when git is done, its pack moves over by rename, index
 * last. So nothing half-fetched is ever seen, a kill leaves no lock of git's behind, and many processes can fetch at
 * once. Fetches are of depth 1 and without file contents (`--filter=blob:none`) where the server can do that;
 * contents then come for one manifest at a time, in one go. Deleting the cache is always safe.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import type { Address, Credentials } from "./address";
import { basicAuthorization, credentialsFor } from "./address";
import { GITHASH } from "./githash";
import { isAlive, withLock } from "./lock";
import { git, type GitRun } from "./git";
import { SourceError, type SourceOptions } from "./types";

/** A repository's cached clone and all that is needed to fetch into it. */
export interface Clone {
  gitDir: string;
  address: Address;
  credentials: Credentials | undefined;
  options: SourceOptions;
  /** For ssh addresses: our ssh command, unless the user has one of their own. */
  sshCommand?: string;
}

/** The folder that holds all clones. */
export function cacheDirectory(options: SourceOptions): string {
  const env = options.env ?? process.env;
  if (options.cacheDir !== undefined) return options.cacheDir;
  if (env.NOTEBOOK_RELEASES_CACHE) return join(env.NOTEBOOK_RELEASES_CACHE, "git");
  const home = env.HOME || homedir();
  const user = process.platform === "darwin" ? join(home, "Library", "Caches") : join(home, ".cache");
  return join(env.XDG_CACHE_HOME || user, "notebook-releases", "git");
}

/**
 * Credentials that came inside an address, by clone. A commit names its repository without them; within this process
 * a later fetch for that commit still knows them. Never written anywhere.
 */
const remembered = new Map<string, Credentials>();

/** The clone of a repository; made if there is none yet. */
export async function openClone(address: Address, options: SourceOptions): Promise<Clone> {
  const key = createHash("sha256").update(address.url).digest("hex").slice(0, 16);
  const name = address.name.replace(/[^A-Za-z0-9._-]/g, "_").slice(0, 60);
  const gitDir = join(cacheDirectory(options), `${name}-${key}`);
  const credentials = credentialsFor(address, options.env ?? process.env) ?? remembered.get(gitDir);
  if (address.credentials !== undefined) remembered.set(gitDir, address.credentials);
  try {
    await makeClone(gitDir);
  } catch (error) {
    const why = (error as Error).message;
    throw new SourceError(
      `cannot keep a clone in ${gitDir}: ${why}. NOTEBOOK_RELEASES_CACHE may name another folder`,
    );
  }
  const clone: Clone = { gitDir, address, credentials, options };
  if (address.kind === "ssh" && !(await hasSshCommand(clone))) clone.sshCommand = patientSsh;
  return clone;
}

/** Never asks a person, and gives up on a host that does not answer. */
const patientSsh = "ssh -o BatchMode=yes -o ConnectTimeout=10";

async function hasSshCommand(clone: Clone): Promise<boolean> {
  const env = clone.options.env ?? process.env;
  if (env.GIT_SSH || env.GIT_SSH_COMMAND) return true;
  const names = await git(["config", "--list", "--name-only", "-z"], offline(clone));
  return names.split("\0").includes("core.sshcommand");
}

async function makeClone(gitDir: string): Promise<void> {
  if (await exists(join(gitDir, "HEAD"))) return;
  const temporary = `${gitDir}.new-${process.pid}-${randomBytes(4).toString("hex")}`;
  await bareRepository(temporary);
  await mkdir(join(temporary, "incoming"));
  await mkdir(join(temporary, "manifests"));
  try {
    await rename(temporary, gitDir);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Another process was quicker.
    if (!(await exists(join(gitDir, "HEAD")))) throw error;
  }
}

/** The least that git takes for a bare repository (gitrepository-layout); no hooks, no templates, no process. */
async function bareRepository(directory: string): Promise<void> {
  await mkdir(join(directory, "objects", "info"), { recursive: true });
  await mkdir(join(directory, "objects", "pack"));
  await mkdir(join(directory, "refs", "releases"), { recursive: true });
  await writeFile(join(directory, "config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n");
  await writeFile(join(directory, "HEAD"), "ref: refs/heads/none\n");
}

/** How to run git on a clone without touching the network: missing objects are reported as missing. */
export function offline(clone: Clone): GitRun {
  return {
    cwd: clone.gitDir,
    env: clone.options.env ?? process.env,
    set: { GIT_DIR: clone.gitDir },
    signal: clone.options.signal,
  };
}

/**
 * How to run git against the repository's server. The address and the credentials are given as configuration in the
 * environment: they stand on no command line and in no file.
 */
export function online(clone: Clone, gitDir = clone.gitDir, partial = isPartial(clone)): GitRun {
  const { address, credentials, options } = clone;
  const env = options.env ?? process.env;
  const config: [string, string][] = [
    ["remote.origin.url", address.url],
    ["fetch.unpackLimit", "1"],
    ["transfer.unpackLimit", "1"],
    ["http.lowSpeedLimit", "1"],
    ["http.lowSpeedTime", String(Math.ceil((options.timeoutMs ?? defaultTimeoutMs) / 1000))],
  ];
  // Declared here and not in the clone's own file, so that reading never fetches object by object behind our back.
  if (partial)
    config.push(["remote.origin.promisor", "true"], ["remote.origin.partialclonefilter", "blob:none"]);
  if (address.username !== undefined)
    config.push([`credential.${address.origin}.username`, address.username]);
  if (credentials !== undefined) {
    config.push([`http.${address.url}.extraHeader`, `Authorization: ${basicAuthorization(credentials)}`]);
    // Git would repeat the header to whichever host a redirect names.
    config.push(["http.followRedirects", "false"]);
  }
  const set: Record<string, string> = { GIT_DIR: gitDir };
  if (clone.sshCommand !== undefined) set.GIT_SSH_COMMAND = clone.sshCommand;
  return {
    cwd: gitDir,
    env,
    set,
    config,
    signal: options.signal,
    silenceMs: options.timeoutMs ?? defaultTimeoutMs,
  };
}

/** Whether file contents come on demand. Local paths are copied from whole: cheaper than asking twice. */
export function isPartial(clone: Clone): boolean {
  return clone.address.kind !== "local";
}

export const defaultTimeoutMs = 10_000;

/**
 * Lets `fetch` bring objects into a repository of its own and moves them into the clone when it succeeded.
 * One process at a time does so; `isThere` is asked again once it is our turn.
 */
export async function bringIn(
  clone: Clone,
  what: string,
  isThere: () => Promise<boolean>,
  fetch: (incoming: string) => Promise<void>,
): Promise<void> {
  const progress = clone.options.onProgress;
  await withLock(
    join(clone.gitDir, "fetch.lock"),
    async () => {
      if (await isThere()) return;
      progress?.(`fetching ${what} from ${clone.address.url}`);
      await sweep(clone);
      const incoming = join(
        clone.gitDir,
        "incoming",
        `${process.pid}@${hostname()}@${randomBytes(4).toString("hex")}`,
      );
      try {
        await bareRepository(incoming);
        await writeFile(
          join(incoming, "objects", "info", "alternates"),
          `${join(clone.gitDir, "objects")}\n`,
        );
        await writeFile(join(incoming, "shallow"), await heldCommits(clone));
        await fetch(incoming);
        await movePacks(incoming, clone.gitDir);
        await joinIndexes(clone);
      } finally {
        await rm(incoming, { recursive: true, force: true });
      }
    },
    {
      signal: clone.options.signal,
      onWait: () => progress?.(`waiting for another process that fetches from ${clone.address.url}`),
    },
  );
}

/** Marks a commit as held: a ref keeps its objects, and later fetches tell the server what is here already. */
export async function hold(clone: Clone, githash: string): Promise<void> {
  await writeAtomically(join(clone.gitDir, "refs", "releases", githash), `${githash}\n`);
  await writeAtomically(join(clone.gitDir, "shallow"), await heldCommits(clone));
}

/** The commits that are here without their parents, as git's file "shallow" lists them. */
async function heldCommits(clone: Clone): Promise<string> {
  const names = await readdir(join(clone.gitDir, "refs", "releases"));
  return names
    .filter((name) => GITHASH.test(name))
    .map((name) => `${name}\n`)
    .join("");
}

/** Writes a file so that readers see the old content or the new one, never a part. */
export async function writeAtomically(file: string, content: string): Promise<void> {
  const temporary = `${file}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Packs move index last, because a pack exists for git once its index does. */
async function movePacks(from: string, to: string): Promise<void> {
  const source = join(from, "objects", "pack");
  const names = (await readdir(source)).filter((name) =>
    /^pack-[0-9a-f]+\.(pack|rev|promisor|idx)$/.test(name),
  );
  const order = [".pack", ".rev", ".promisor", ".idx"];
  names.sort(
    (a, b) => order.indexOf(a.slice(a.lastIndexOf("."))) - order.indexOf(b.slice(b.lastIndexOf("."))),
  );
  for (const name of names) await rename(join(source, name), join(to, "objects", "pack", name));
}

/** Every fetch adds a pack; one index over many of them keeps reading as quick as on the first day. */
async function joinIndexes(clone: Clone): Promise<void> {
  const folder = join(clone.gitDir, "objects", "pack");
  const packs = (await readdir(folder)).filter((name) => name.endsWith(".pack")).length;
  if (packs < 20 || packs % 10 !== 0) return;
  await rm(join(folder, "multi-pack-index.lock"), { force: true });
  // Without it git reads the single indexes, so a failure costs time only.
  await git(["multi-pack-index", "write"], offline(clone)).catch(() => undefined);
}

/** Manifests not read for so long are forgotten; reading the commit again makes them anew. */
const manifestDays = 30;

/** Removes what processes left behind that were killed while they fetched, and manifests of long ago. */
async function sweep(clone: Clone): Promise<void> {
  const manifests = join(clone.gitDir, "manifests");
  for (const name of await readdir(manifests).catch(() => [])) {
    const { mtimeMs } = await stat(join(manifests, name)).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > manifestDays * 86_400_000) await rm(join(manifests, name), { force: true });
  }
  const folder = join(clone.gitDir, "incoming");
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const [pid, host] = name.split("@");
    const old =
      Date.now() - (await stat(join(folder, name)).catch(() => ({ mtimeMs: 0 }))).mtimeMs > 3_600_000;
    if (old || (host === hostname() && !isAlive(Number(pid)))) {
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
