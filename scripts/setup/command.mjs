/** Runs another program with a time limit, reads its lines as they come, and stops it with all that it started. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Problem } from "./problem.mjs";

const TAIL_LINES = 25;

/** Leaders of the process groups that run at the moment; a signal to us, or our end, ends them too. */
const running = new Set();
const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/** @param {number} pid */
function began(pid) {
  if (running.size === 0) {
    for (const signal of SIGNALS) process.on(signal, interrupted);
    process.on("exit", killAll);
  }
  running.add(pid);
}

/** @param {number} pid */
function ended(pid) {
  killGroup(pid, "SIGKILL");
  running.delete(pid);
  if (running.size > 0) return;
  for (const signal of SIGNALS) process.off(signal, interrupted);
  process.off("exit", killAll);
}

/** @param {NodeJS.Signals} signal */
function interrupted(signal) {
  process.stderr.write("\nInterrupted. Run the same command again to go on.\n");
  process.exit(signal === "SIGINT" ? 130 : 143);
}

function killAll() {
  for (const pid of running) killGroup(pid, "SIGKILL");
}

/**
 * @typedef {object} Options
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env] the whole environment; ours where it is not given
 * @property {number} limitSeconds after which the program is stopped and counts as failed
 * @property {(line: string) => void} [onLine] each line of its output and errors
 */

/**
 * Runs a program to its end.
 * @param {string} command
 * @param {string[]} args
 * @param {Options} options
 * @returns {Promise<string>} its standard output
 * @throws {Problem} with the last lines of its output when it cannot be started, fails or takes too long
 */
export async function run(command, args, { cwd, env, limitSeconds, onLine = () => {} }) {
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const pid = child.pid;
  if (pid) began(pid);

  let stdout = "";
  /** @type {string[]} */
  const tail = [];
  /** @param {string} line */
  const take = (line) => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    onLine(line);
  };
  createInterface(child.stderr).on("line", take);
  createInterface(child.stdout).on("line", (line) => {
    stdout += `${line}\n`;
    take(line);
  });

  let late = false;
  const timer = setTimeout(() => {
    late = true;
    if (pid) killGroup(pid, "SIGKILL");
  }, limitSeconds * 1000);
  try {
    const status = await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve(code ?? signal));
    });
    if (status === 0) return stdout;
    const why = late ? `took longer than ${limitSeconds} s` : `ended with ${status}`;
    throw new Problem(
      [`${[command, ...args].join(" ")} ${why}.`, ...tail.map((line) => `  ${line}`)].join("\n"),
    );
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(`${command} cannot be started: ${/** @type {Error} */ (error).message}`);
  } finally {
    clearTimeout(timer);
    if (pid) ended(pid);
  }
}

/**
 * @param {number} pid leader of a process group
 * @param {NodeJS.Signals} signal
 */
export function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}
