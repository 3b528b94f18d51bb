/** Starts and stops the engines' processes: own process group, log file, readiness with a limit, nothing left behind. */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";

/** Folder of the Python packages beside this one: `localspark`, `sqlservice`, the notebook driver. */
export const PYTHON_PATH = join(__dirname, "..", "python");

export interface ProcessOptions {
  /** For messages, e.g. `MLflow`. */
  readonly name: string;
  /** Python interpreter that runs `supervise.py`. */
  readonly python: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** File that receives standard output and standard error; its folder is made. */
  readonly logFile: string;
  /** Time between SIGTERM and SIGKILL, milliseconds. Default 3000. */
  readonly graceMs?: number;
}

/** A supervised process with everything it started. */
export interface Supervised {
  readonly pid: number;
  /** False once it has ended, for whatever reason. */
  readonly alive: () => boolean;
  /** Resolves when it has ended. Never rejects. */
  readonly ended: Promise<void>;
  /** Ends the whole group; resolves when it is gone. Safe to call again. */
  readonly stop: () => Promise<void>;
  /** The last lines of its log, for messages. */
  readonly logTail: () => string;
}

/** Starts a command under `supervise.py`, which ends the command's process group when this process goes away. */
export function startProcess(options: ProcessOptions): Supervised {
  const graceMs = options.graceMs ?? 3000;
  mkdirSync(dirname(options.logFile), { recursive: true });
  const logFd = openSync(options.logFile, "w");
  const child = spawn(
    options.python,
    [join(PYTHON_PATH, "supervise.py"), String(graceMs / 1000), options.command, ...options.args],
    {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["pipe", logFd, logFd],
      // A group of its own: a Ctrl-C in the terminal reaches the server only, which then stops the engines in order.
      detached: true,
    },
  );
  closeSync(logFd);
  return supervise(child, graceMs, () => tail(options.logFile));
}

/** The life of a child that ends when its standard input closes. */
export function supervise(child: ChildProcess, graceMs: number, logTail: () => string): Supervised {
  let alive = true;
  const ended = new Promise<void>((resolve) => {
    const done = (): void => {
      alive = false;
      resolve();
    };
    child.once("exit", done);
    child.once("error", done);
  });
  // The pipe breaks when the child ends first; its exit is reported by `ended`.
  child.stdin?.on("error", () => undefined);
  return {
    pid: child.pid ?? -1,
    alive: () => alive,
    ended,
    logTail,
    stop: async () => {
      child.stdin?.end();
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs + 2000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** The last lines of a log file; empty where there is none. */
export function tail(file: string, lines = 12): string {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } catch {
    return "";
  }
}

const handedOut = new Set<number>();

/** A free loopback port, never the same one twice in this process. Another program may still take it: see `withFreePort`. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await new Promise<number>((resolve, reject) => {
      const server = createServer();
      server.once("error", reject);
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
      });
    });
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    return port;
  }
}

/** True if something accepts connections on this loopback port. */
export function portOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const done = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(1000, () => done(false));
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
}

/**
 * Starts a server on a free port and waits until `isReady`. A server that ends at once is started again on another
 * port, twice at most: the port may have been taken in between.
 * Throws with the end of the log where it does not come up within `limitMs`.
 */
export async function withFreePort(
  name: string,
  limitMs: number,
  start: (port: number) => Supervised,
  isReady: (port: number) => Promise<boolean>,
): Promise<{ port: number; process: Supervised }> {
  const deadline = Date.now() + limitMs;
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const started = start(port);
    while (started.alive() && Date.now() < deadline) {
      if (await isReady(port)) return { port, process: started };
      await Promise.race([started.ended, new Promise((resolve) => setTimeout(resolve, 40))]);
    }
    const died = !started.alive();
    await started.stop();
    if (died && attempt < 3 && Date.now() < deadline) continue;
    const reason = died ? "ended while starting" : `was not ready within ${limitMs / 1000} s`;
    throw new Error(`${name} ${reason}. The end of its log:\n${started.logTail()}`);
  }
}
