/**
 * A lock between processes: a file that names its owner. It survives nothing: the lock of a process that was killed is
 * taken over at once on the same machine, and after a minute without a sign of life on another one.
 */
import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 250;
const HEARTBEAT_MS = 5_000;
/** A lock whose file has not been touched for so long has lost its owner. */
const SILENCE_MS = 60_000;

/** @typedef {{ id: string, pid: number, host: string }} Owner */

/**
 * Runs `work` while this process holds the lock; waits for as long as another live process has it.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @param {(owner: Owner) => void} [onWait] called at each look at a lock that another process holds
 * @returns {Promise<T>}
 */
export async function withLock(file, work, onWait = () => {}) {
  mkdirSync(dirname(file), { recursive: true });
  /** @type {Owner} */
  const me = { id: randomUUID(), pid: process.pid, host: hostname() };
  const watch = silenceWatch();
  while (!tryTake(file, me)) {
    const owner = ownerOf(file);
    if (owner === undefined) continue;
    if (isGone(owner) || watch(file)) takeAway(file, owner);
    else {
      onWait(owner);
      await delay(POLL_MS);
    }
  }
  const heartbeat = setInterval(() => touch(file), HEARTBEAT_MS);
  heartbeat.unref();
  const release = () => {
    clearInterval(heartbeat);
    if (ownerOf(file)?.id === me.id) rmSync(file, { force: true });
  };
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}

/**
 * A link appears with its contents or not at all, so nobody ever reads a lock without an owner.
 * @param {string} file
 * @param {Owner} me
 */
function tryTake(file, me) {
  const draft = `${file}.${me.id}`;
  writeFileSync(draft, JSON.stringify(me));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Removes the lock of an owner that is gone. The marker makes this the act of one process per owner: without it, the
 * second of two would remove the lock that the first has just taken.
 * @param {string} file
 * @param {Owner} owner
 */
function takeAway(file, owner) {
  const marker = `${file}.gone-${owner.id}`;
  try {
    writeFileSync(marker, "", { flag: "wx" });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    // The process that made the marker needs microseconds; an old one was left by a kill in between.
    if (ageOf(marker) > SILENCE_MS) rmSync(marker, { force: true });
    return;
  }
  if (ownerOf(file)?.id === owner.id) rmSync(file, { force: true });
  rmSync(marker, { force: true });
}

/** @param {Owner} owner */
function isGone(owner) {
  if (owner.host !== hostname()) return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
}

/** Tells whether a file's time stood still for SILENCE_MS while we looked; clocks of two machines are not compared. */
function silenceWatch() {
  let seen = NaN;
  let since = performance.now();
  /** @param {string} file */
  return (file) => {
    const time = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? NaN;
    if (time !== seen) {
      seen = time;
      since = performance.now();
    }
    return performance.now() - since > SILENCE_MS;
  };
}

/**
 * @param {string} file
 * @returns {Owner | undefined} nothing where there is no lock
 */
function ownerOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** @param {string} file */
function touch(file) {
  try {
    utimesSync(file, new Date(), new Date());
  } catch {
    // The folder was removed while we work: nothing to keep alive.
  }
}

/** @param {string} file */
function ageOf(file) {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats ? Date.now() - stats.mtimeMs : 0;
}

/** @param {unknown} error */
function codeOf(error) {
  return /** @type {NodeJS.ErrnoException} */ (error).code;
}
