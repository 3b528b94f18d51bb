/** The local workspace in the background: starting it, finding the one that runs, stopping it. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { killGroup, run } from "../setup/command.mjs";
import { readText, writeWhole } from "../setup/files.mjs";
import { Problem } from "../setup/problem.mjs";

const FIRST_PORT = 8650;
const PORTS = 50;
const START_SECONDS = 90;
const STOP_SECONDS = 30;
const ANSWER_MS = 5_000;
const POLL_MS = 100;

/** @typedef {import("../setup/paths.mjs").Paths} Paths */

/**
 * What a workspace says of itself when it is ready.
 * @typedef {{ host: string, token: string, warehouse_id: string, mlflow: string, pid: number }} Ready
 */

/** @param {Paths} paths */
const readyFile = (paths) => join(paths.local, "workspace.json");
/** @param {Paths} paths */
const dataFolder = (paths) => join(paths.local, "workspace");

/**
 * The workspace that was started here and answers.
 * @param {Paths} paths
 * @returns {Promise<Ready | undefined>}
 */
export async function runningWorkspace(paths) {
  const ready = recorded(paths);
  return ready && (await answers(ready)) ? ready : undefined;
}

/**
 * Starts a workspace unless one runs, and waits until it answers.
 * @param {Paths} paths
 * @param {(text: string) => void} detail
 * @returns {Promise<{ ready: Ready, started: boolean, words: string }>}
 */
export async function startWorkspace(paths, detail) {
  const running = await runningWorkspace(paths);
  if (running) return { ready: running, started: false, words: `${running.host}, already running` };
  // One that lives but does not answer would hold the data.
  await stopWorkspace(paths);

  const port = await freePort();
  mkdirSync(dataFolder(paths), { recursive: true });
  const output = join(dataFolder(paths), "ready.log");
  const errors = join(dataFolder(paths), "start.log");
  const descriptors = [output, errors].map((file) => openSync(file, "w", 0o600));
  const child = spawn(
    process.execPath,
    ["--import", "tsx", join("workspace", "main.ts"), "--port", String(port), "--data", dataFolder(paths)],
    { cwd: paths.root, detached: true, stdio: ["ignore", ...descriptors] },
  );
  for (const descriptor of descriptors) closeSync(descriptor);
  let ended = "";
  child.on("error", (error) => (ended = error.message));
  child.on("exit", (code, signal) => (ended = `it ended with ${code ?? signal}`));

  try {
    const ready = await readyLine(output, () => ended, detail);
    writeWhole(readyFile(paths), JSON.stringify(ready), 0o600);
    // The token stays in the one file that only the user can read.
    rmSync(output, { force: true });
    child.unref();
    const taken = port === FIRST_PORT ? "" : ` (port ${FIRST_PORT} is taken by another program)`;
    return { ready, started: true, words: `${ready.host}${taken}` };
  } catch (error) {
    if (child.pid) await stopProcess(child.pid);
    const log = readText(errors)?.trim().split("\n").slice(-15).join("\n  ") ?? "";
    throw new Problem(
      `The local workspace did not start: ${/** @type {Error} */ (error).message}.\nIts log, ${errors}, ends with\n  ${log}`,
    );
  }
}

/**
 * Stops the workspace that was started here; its data stays.
 * @param {Paths} paths
 * @returns {Promise<Ready | undefined>} the one that was stopped
 */
export async function stopWorkspace(paths) {
  const ready = recorded(paths);
  if (!ready) return undefined;
  const alive = isAlive(ready.pid) && (await isOurs(ready));
  if (alive) await stopProcess(ready.pid);
  rmSync(readyFile(paths), { force: true });
  return alive ? ready : undefined;
}

/**
 * @param {Paths} paths
 * @returns {Ready | undefined}
 */
function recorded(paths) {
  const text = readText(readyFile(paths));
  return text ? JSON.parse(text) : undefined;
}

/**
 * @param {string} output file
 * @param {() => string} ended why the process is gone, or nothing
 * @param {(text: string) => void} detail
 * @returns {Promise<Ready>}
 */
async function readyLine(output, ended, detail) {
  const deadline = performance.now() + START_SECONDS * 1000;
  detail("starting Spark and MLflow");
  while (performance.now() < deadline) {
    const [line, rest] = readFileSync(output, "utf8").split("\n");
    if (line && rest !== undefined) {
      /** @type {Ready} */
      const ready = JSON.parse(line);
      if (await answers(ready)) return ready;
    }
    if (ended()) throw new Error(ended());
    await delay(POLL_MS);
  }
  throw new Error(`it was not ready after ${START_SECONDS} s`);
}

/**
 * Asks who the token belongs to: only our workspace knows it.
 * @param {Ready} ready
 */
async function answers({ host, token }) {
  try {
    const response = await fetch(`${host}/api/2.0/preview/scim/v2/Me`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * After a restart of the machine the process id may belong to somebody else's program. Ours answers; or, if it hangs,
 * it has our script in its command line.
 * @param {Ready} ready
 */
async function isOurs(ready) {
  if (await answers(ready)) return true;
  try {
    return (await run("ps", ["-o", "args=", "-p", String(ready.pid)], { limitSeconds: 5 })).includes(
      "workspace/main.ts",
    );
  } catch {
    return false;
  }
}

/** @param {number} pid */
async function stopProcess(pid) {
  if (await signalAndWait(pid, "SIGTERM", STOP_SECONDS)) return;
  // It leads a process group: what it started goes with it.
  killGroup(pid, "SIGKILL");
  if (await signalAndWait(pid, "SIGKILL", 5)) return;
  throw new Problem(`The local workspace (process ${pid}) does not end. Look at it with: ps -p ${pid}`);
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 * @param {number} seconds
 */
async function signalAndWait(pid, signal, seconds) {
  try {
    process.kill(pid, signal);
  } catch {
    return true;
  }
  const deadline = performance.now() + seconds * 1000;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The first port of ours that nobody listens on. */
async function freePort() {
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS; port++) {
    if (await canListen(port)) return port;
  }
  throw new Problem(
    `No free port from ${FIRST_PORT} to ${FIRST_PORT + PORTS - 1}: all are taken by other programs.`,
  );
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function canListen(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
