/**
 * A lock between processes, so that ten of them fetch a commit once and not ten times. Nothing breaks where two hold
 * it (what it guards is atomic by itself), which allows the simple way to take over a lock whose owner died.
 */
import { readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/** Owners touch their lock this often; one untouched for `staleMs` belongs to nobody any more. */
const heartbeatMs = 2_000;
const staleMs = 20_000;

/**
 * Runs `work` while holding the lock `file`. Waits for as long as its owner lives.
 * @param onWait called once if the lock is held by another process
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  options: { signal?: AbortSignal; onWait?: () => void } = {},
): Promise<T> {
  const mine = JSON.stringify({ pid: process.pid, host: hostname(), id: Math.random() });
  for (let attempt = 0; !(await take(file, mine)); attempt++) {
    if (attempt === 1) options.onWait?.();
    options.signal?.throwIfAborted();
    if (await isStale(file)) await rm(file, { force: true });
    else await delay(20 + Math.random() * Math.min(200, 20 * attempt));
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, heartbeatMs);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    const holder = await readFile(file, "utf8").catch(() => undefined);
    if (holder === mine) await rm(file, { force: true });
  }
}

async function take(file: string, mine: string): Promise<boolean> {
  try {
    await writeFile(file, mine, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function isStale(file: string): Promise<boolean> {
  try {
    const age = Date.now() - (await stat(file)).mtimeMs;
    if (age > staleMs) return true;
    const owner = JSON.parse(await readFile(file, "utf8")) as { pid: number; host: string };
    return owner.host === hostname() && !isAlive(owner.pid);
  } catch {
    // Gone again, or not written yet: look once more.
    return false;
  }
}

/** Whether a process of this machine runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
