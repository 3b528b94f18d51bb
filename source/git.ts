/**
 * One git process: `simple-git` starts it, this file decides its environment, its limits in time, and what a failure
 * looks like. Nothing here knows what a release is.
 */
import { GitError, GitPluginError, simpleGit, type SimpleGit } from "simple-git";
import { SourceError } from "./types";

/** How to run one git process. */
export interface GitRun {
  /** The working directory; must exist. */
  cwd: string;
  /** The user's environment; of git's own variables only those about reaching servers are passed on. */
  env: NodeJS.ProcessEnv;
  /** Variables for git that win over the user's, such as `GIT_DIR`. */
  set?: Record<string, string>;
  /** Configuration that wins over the user's; travels in the environment, so it may hold a secret. */
  config?: readonly (readonly [key: string, value: string])[];
  /** What git reads on its standard input. */
  input?: string;
  signal?: AbortSignal;
  /** For commands that use the network: stop git when it has said nothing for so many ms. */
  silenceMs?: number;
}

/** A git process that ended badly. The text may hold credentials: redact it before showing it. */
export class GitFailure extends GitError {
  constructor(
    readonly exitCode: number,
    readonly stderr: string,
  ) {
    super(undefined, stderr.trim() || `git ended with exit code ${exitCode}`);
    this.name = "GitFailure";
  }
}

/** Git was stopped because it had said nothing for so long. */
export class GitSilence extends Error {
  constructor(readonly silenceMs: number) {
    super(`no answer within ${Math.round(silenceMs / 1000)} s`);
    this.name = "GitSilence";
  }
}

/** Once a server has begun to answer it may think for longer, while it packs a large repository. */
const silenceOnceHeardMs = 60_000;

/**
 * The user's own git variables that are passed on: how to reach servers and where configuration lies. All others
 * (GIT_DIR, GIT_INDEX_FILE, … as set inside a hook) would point git at another repository.
 */
const passedOn =
  /^GIT_(SSL_\w+|SSH|SSH_COMMAND|SSH_VARIANT|PROXY_\w+|HTTP_\w+|CONFIG_GLOBAL|CONFIG_SYSTEM|CONFIG_NOSYSTEM|EXEC_PATH)$/;

/** Programs that git would start for a person; simple-git refuses them in an environment that it is given. */
const interactive = /^(EDITOR|VISUAL|PAGER|PREFIX|SSH_ASKPASS|GIT_ASKPASS|LC_ALL|LANGUAGE)$/i;

/** Settings of a user that would change results or start programs. Credential helpers and insteadOf stay theirs. */
const fixedConfig: readonly (readonly [string, string])[] = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
  ["fetch.recurseSubmodules", "false"],
  ["fetch.writeCommitGraph", "false"],
  ["protocol.version", "2"],
];

/** Runs git and returns its standard output. @throws GitFailure, GitSilence, or the signal's reason */
export async function git(args: readonly string[], run: GitRun): Promise<string> {
  return start(run, (instance) => instance.raw([...args]));
}

/** An answer of `git cat-file --batch` to one request; undefined stands for a missing object. */
export interface GitObject {
  oid: string;
  type: string;
  size: number;
  /** Empty for `--batch-check`. */
  content: Buffer;
  /** Set where a short id stands for several objects; nothing else is filled in then. */
  ambiguous?: boolean;
}

/**
 * Asks one `git cat-file` process for many objects, by any name that git knows (`<oid>`, `<ref>^{commit}`).
 * @param contents whether their contents are wanted, or their type and size only
 */
export async function catFile(
  names: readonly string[],
  contents: boolean,
  run: GitRun,
): Promise<(GitObject | undefined)[]> {
  if (names.length === 0) return [];
  const input = `${names.join("\n")}\n`;
  const mode = contents ? "--batch" : "--batch-check";
  const output = await start<Buffer>({ ...run, input }, (instance) =>
    instance.binaryCatFile(["--buffer", mode]),
  );
  return parseBatch(output, names.length, contents);
}

function parseBatch(output: Buffer, count: number, contents: boolean): (GitObject | undefined)[] {
  const objects: (GitObject | undefined)[] = [];
  let at = 0;
  while (objects.length < count) {
    const end = output.indexOf(10, at);
    if (end < 0) throw new Error(`git cat-file answered ${objects.length} of ${count} requests`);
    const line = output.toString("utf8", at, end);
    at = end + 1;
    const found = /^([0-9a-f]{40}) (\w+) (\d+)$/.exec(line);
    if (found === null) {
      const none = { oid: "", type: "", size: 0, content: Buffer.alloc(0) };
      objects.push(line.endsWith(" ambiguous") ? { ...none, ambiguous: true } : undefined);
      continue;
    }
    const size = Number(found[3]);
    const content = contents ? output.subarray(at, at + size) : Buffer.alloc(0);
    if (contents) at += size + 1;
    objects.push({ oid: found[1] ?? "", type: found[2] ?? "", size, content });
  }
  return objects;
}

async function start<T>(run: GitRun, task: (instance: SimpleGit) => PromiseLike<T>): Promise<T> {
  run.signal?.throwIfAborted();
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  run.signal?.addEventListener("abort", onAbort, { once: true });
  let silent: NodeJS.Timeout | undefined;
  let silence: GitSilence | undefined;
  const listen = (ms: number): void => {
    clearTimeout(silent);
    silent = setTimeout(() => {
      silence = new GitSilence(ms);
      stop.abort();
    }, ms);
  };
  try {
    const instance = create(run, stop.signal);
    if (run.silenceMs !== undefined) {
      const first = run.silenceMs;
      listen(first);
      const heard = (): void => listen(Math.max(first, silenceOnceHeardMs));
      instance.outputHandler((_command, stdout, stderr) => {
        stdout.on("data", heard);
        stderr.on("data", heard);
      });
    }
    return await task(instance);
  } catch (error) {
    run.signal?.throwIfAborted();
    if (silence !== undefined) throw silence;
    if (error instanceof GitFailure && /^Error: spawn git ENOENT/m.test(error.stderr)) {
      throw new SourceError("git was not found on PATH: install git 2.30 or later");
    }
    throw error;
  } finally {
    clearTimeout(silent);
    run.signal?.removeEventListener("abort", onAbort);
  }
}

function create(run: GitRun, abort: AbortSignal): SimpleGit {
  const env = environment(run);
  const options = {
    baseDir: run.cwd,
    abort,
    // By default simple-git takes a process for done 50 ms after its exit, with output possibly unread. Only where a
    // server may leave a helper behind that holds the pipe open is a limit needed.
    completion: { onClose: true, onExit: run.silenceMs === undefined ? (false as const) : 1_000 },
    allowEnvironment: Object.keys(env).filter((name) => /^git_/i.test(name)),
    // The environment is the user's own, chosen above; simple-git would refuse all of it by default.
    unsafe: {
      allowUnsafeAskPass: true,
      allowUnsafeConfigEnvCount: true,
      allowUnsafeConfigPaths: true,
      allowUnsafeCredentialHelper: true,
      allowUnsafeExec: true,
      allowUnsafeFsMonitor: true,
      allowUnsafeGitProxy: true,
      allowUnsafeHooksPath: true,
      allowUnsafeSshCommand: true,
      allowUnsafeUrlRewrite: true,
    },
    errors: (error: Buffer | Error | undefined, result: { exitCode: number; stdErr: Buffer[] }) => {
      // simple-git's own stop (the signal), or nothing wrong: any other error is told by exit code and stderr.
      if (error instanceof GitPluginError || result.exitCode === 0) return error;
      return new GitFailure(result.exitCode, Buffer.concat(result.stdErr).toString("utf8"));
    },
    ...(run.input === undefined ? {} : { input: () => run.input }),
  };
  return simpleGit(options).env(env);
}

/** The whole environment of the process. */
function environment(run: GitRun): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(run.env)) {
    if (value === undefined || interactive.test(name)) continue;
    if (/^git_/i.test(name) && !passedOn.test(name)) continue;
    env[name] = value;
  }
  const config = [...userConfig(run.env), ...fixedConfig, ...(run.config ?? [])];
  config.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return {
    ...env,
    GIT_CONFIG_COUNT: String(config.length),
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "",
    GCM_INTERACTIVE: "never",
    GIT_ALLOW_PROTOCOL: "file:git:http:https:ssh",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    LC_ALL: "C",
    ...run.set,
  };
}

/** Configuration that the user's environment brings along in the same way (CI systems do so). */
function userConfig(env: NodeJS.ProcessEnv): (readonly [string, string])[] {
  const count = Number(env.GIT_CONFIG_COUNT ?? 0);
  const pairs: (readonly [string, string])[] = [];
  for (let index = 0; index < count; index++) {
    const key = env[`GIT_CONFIG_KEY_${index}`];
    if (key !== undefined) pairs.push([key, env[`GIT_CONFIG_VALUE_${index}`] ?? ""]);
  }
  return pairs;
}
