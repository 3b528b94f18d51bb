/** Wheels, laid out in a folder each, once for every content; runs put the folders on their Python's path. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import type { Identity, Workspace } from "../context";
import { newUpload } from "../files/disk";
import { copyTo } from "./libraryFiles";

const SCRIPT = path.resolve(__dirname, "..", "python", "wheels.py");
const LIMIT_MS = 120_000;

/** Installations that are under way, by the folder that they make. */
const underWay = new Map<string, Promise<void>>();

/**
 * The folder that holds an installed wheel: `<data>/libraries/<SHA-256 of its name and content>`.
 * Throws an error for people where the file is not there, or is no wheel for this Python.
 */
export async function installWheel(
  workspace: Workspace,
  identity: Identity,
  address: string,
): Promise<string> {
  const copies = newUpload(workspace);
  mkdirSync(copies, { mode: 0o700 });
  try {
    const wheel = path.join(copies, path.posix.basename(address));
    await copyTo(workspace, identity, address, wheel);
    const folder = path.join(workspace.settings.dataDir, "libraries", await digestOf(wheel));
    if (existsSync(folder)) return folder;
    let work = underWay.get(folder);
    if (!work) {
      work = install(workspace, wheel, address, folder).finally(() => underWay.delete(folder));
      underWay.set(folder, work);
    }
    await work;
    return folder;
  } finally {
    rmSync(copies, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Of the name too: version and fitness for this machine are taken from it. */
async function digestOf(wheel: string): Promise<string> {
  const hash = createHash("sha256").update(`${path.basename(wheel)}\0`);
  await pipeline(createReadStream(wheel), hash);
  return hash.digest("hex");
}

/** Beside its place first, so that a killed server leaves no half of a library behind. */
async function install(workspace: Workspace, wheel: string, address: string, folder: string): Promise<void> {
  const making = newUpload(workspace);
  try {
    mkdirSync(making, { mode: 0o700 });
    await unpack(workspace.settings.python, wheel, making).catch((error: Error) => {
      throw new Error(`${address} cannot be installed: ${error.message}`);
    });
    mkdirSync(path.dirname(folder), { recursive: true, mode: 0o700 });
    renameSync(making, folder);
  } finally {
    rmSync(making, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Asks `workspace/python/wheels.py`, whose last line on standard error says why not. */
function unpack(python: string, wheel: string, folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(
      python,
      ["-I", SCRIPT, wheel, folder],
      { timeout: LIMIT_MS, encoding: "utf8" },
      (error, _, said) => {
        if (!error) return resolve();
        const reason = said.trim().split("\n").at(-1);
        const late = `it was not laid out within ${LIMIT_MS / 1000} s.`;
        reject(new Error(error.killed ? late : reason || error.message));
      },
    );
  });
}
