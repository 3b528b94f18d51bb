/** Small helpers for results that are whole or absent. */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/**
 * A short hash of texts, in order.
 * @param {string[]} parts
 */
export function hashOf(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("hex").slice(0, 16);
}

/**
 * A file's text, or nothing where it cannot be read.
 * @param {string} file
 */
export function readText(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * Writes a file whole or not at all.
 * @param {string} file
 * @param {string} text
 * @param {number} [mode]
 */
export function writeWhole(file, text, mode = 0o644) {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, file);
}

/**
 * Makes a folder whole or not at all: `fill` works in a new one beside it, which then takes its place.
 * @param {string} folder
 * @param {(draft: string) => Promise<void>} fill
 */
export async function makeWhole(folder, fill) {
  const prefix = `${folder}.draft-`;
  removeDrafts(prefix);
  const draft = `${prefix}${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    await fill(draft);
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/**
 * What a killed set-up left; callers hold the lock, so nobody works there.
 * @param {string} prefix
 */
function removeDrafts(prefix) {
  const folder = dirname(prefix);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (path.startsWith(prefix)) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Gives every file of `from` a second name in `to` (no second copy on disk), or copies it where that is not possible.
 * @param {string} from
 * @param {string} to
 */
export function linkFolder(from, to) {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      linkFolder(source, target);
      continue;
    }
    try {
      linkSync(source, target);
    } catch {
      copyFileSync(source, target);
    }
  }
}
