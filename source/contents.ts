/** The contents of a manifest's files, straight from git's objects: an upload needs no checkout. */
import { parseAddress } from "./address";
import { openClone, offline, type Clone } from "./cache";
import { fetchBlobs, fetchCommit, findCommit } from "./fetch";
import { catFile } from "./git";
import { portions } from "./manifest";
import { SourceError, type Commit, type SourceFile, type SourceOptions } from "./types";

/** One file with its content, byte for byte as committed. */
export interface FileContent {
  file: SourceFile;
  content: Buffer;
}

/** So many bytes are in memory at once. */
const portionBytes = 8 * 1024 * 1024;

/** The clone that a commit came from. Made again if the cache was cleaned since. */
export async function cloneOf(commit: Commit, options: SourceOptions): Promise<Clone> {
  const clone = await openClone(parseAddress(commit.repository), options);
  // A commit may come from a process with another cache: its own folder counts, as long as it is there.
  const own = { ...clone, gitDir: commit.gitDir };
  if ((await findCommit(own, commit.githash).catch(() => undefined)) !== undefined) return own;
  if ((await findCommit(clone, commit.githash)) !== undefined) return clone;
  if (commit.uncommitted === true) {
    throw new SourceError(
      `commit ${commit.githash} was made of uncommitted changes and is no longer in the cache ${clone.gitDir}: ` +
        `read the source again`,
    );
  }
  await fetchCommit(clone, commit.githash);
  return clone;
}

/**
 * Yields the files with their contents, in portions of some megabytes, files of one blob together. Blobs that the
 * cache lacks are fetched first, in one request.
 */
export async function* readFiles(
  commit: Commit,
  files: readonly SourceFile[],
  options: SourceOptions = {},
): AsyncGenerator<FileContent> {
  const clone = await cloneOf(commit, options);
  const byBlob = new Map<string, SourceFile[]>();
  for (const file of files) byBlob.set(file.blob, [...(byBlob.get(file.blob) ?? []), file]);
  const wanted = files.map((file) => ({ oid: file.blob, size: file.size }));
  let fetched = false;
  for (const oids of portions(wanted, portionBytes)) {
    let objects = await catFile(oids, true, offline(clone));
    if (!fetched && objects.includes(undefined)) {
      await fetchBlobs(clone, [...byBlob.keys()]);
      fetched = true;
      objects = await catFile(oids, true, offline(clone));
    }
    for (const [index, oid] of oids.entries()) {
      const content = objects[index]?.content;
      if (content === undefined) throw new SourceError(`${commit.repository} has no object ${oid}`);
      for (const file of byBlob.get(oid) ?? []) yield { file, content };
    }
  }
}

/** The contents of all the files by blob id, in memory at once: for a few files. */
export async function readBlobs(
  commit: Commit,
  files: readonly SourceFile[],
  options: SourceOptions = {},
): Promise<Map<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  for await (const { file, content } of readFiles(commit, files, options)) contents.set(file.blob, content);
  return contents;
}
