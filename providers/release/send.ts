/** Sends files of a commit into a release directory: notebooks in archives, all else one by one, as fast as the workspace admits. */
import { posix } from "node:path";
import type { Client } from "../../databricks/client";
import { ApiError, ConnectionError, isNotFound } from "../../databricks/errors";
import {
  importArchive,
  importObject,
  makeDirectory,
  type Import,
  type ObjectInfo,
} from "../../databricks/objects";
import { readFiles, type Commit, type SourceFile } from "../../source";
import { progress } from "../progress";
import { packUnits, type Archive, type Single } from "./archive";
import { eachPaced, isSetback, Room } from "./concurrent";
import { foldersOf } from "./listing";
import { sha256 } from "./manifest";
import { paceOf } from "./pace";
import type { Unit } from "./plan";

/** Contents on their way at once. Each is in memory three times: as it is, in base64, and in the request. */
const BYTES_ON_THE_WAY = 24 * 1024 * 1024;

const PACED = { paced: true };

export class Sender {
  /** SHA-256 of the plain files that were sent, by their path in the release. */
  readonly sent = new Map<string, string>();
  /** The notebooks that arrived in an archive, as far as the workspace's answer tells. */
  readonly archived = new Set<string>();
  /** What was in the archives (`form.ts`), also of those whose answer was lost. Undefined: not to be told. */
  readonly forms = new Map<string, string | undefined>();
  /** Set where an archive was not taken: why, and whether that may pass. No further one is sent then. */
  refusal?: { readonly reason: string; readonly passing: boolean };

  /** Folders that are there. */
  private readonly folders = new Set<string>();
  /** Notebooks of archives that were not taken. */
  private left: SourceFile[] = [];
  private readonly show = progress();
  private readonly started = Date.now();
  private done = 0;

  /** @param total how many files are to be sent, for the progress line. */
  constructor(
    private readonly client: Client,
    private readonly release: string,
    private readonly commit: Commit,
    private readonly total: number,
  ) {}

  /**
   * Sends `files`, those of `units` in archives. What lies in none of the folders that archives make goes at the same
   * time; the rest follows, with the notebooks of archives that were not taken.
   * @param listing what is there; undefined where the release does not exist.
   */
  async send(
    files: readonly SourceFile[],
    units: readonly Unit<SourceFile>[],
    listing: ReadonlyMap<string, ObjectInfo> | undefined,
  ): Promise<void> {
    this.noteFolders(listing);
    const made = new Set(units.map(({ folder }) => folder));
    const packed = new Set(units.flatMap(({ items }) => items));
    const others = files.filter((file) => !packed.has(file));
    const lies = ({ target }: SourceFile) => made.has("") || foldersOf(target).some((at) => made.has(at));
    const beside = others.filter((file) => !lies(file));
    await this.makeFolders([
      ...units.map(({ folder }) => posix.dirname(this.pathOf(folder))),
      ...beside.map((file) => this.folderOf(file)),
      ...(made.has("") ? [] : [this.release]),
    ]);
    await allEnded([this.sendArchives(units), this.sendFiles(beside)]);
    await this.sendSingly([...this.left, ...others.filter(lies)]);
    this.left = [];
  }

  /** Sends files one by one, with the folders that they need, over whatever is there. */
  async sendSingly(files: readonly SourceFile[]): Promise<void> {
    await this.makeFolders(files.map((file) => this.folderOf(file)));
    await this.sendFiles(files);
  }

  private async sendArchives(units: readonly Unit<SourceFile>[]): Promise<void> {
    const room = new Room(BYTES_ON_THE_WAY);
    const archives = withRoom(packUnits(this.commit, units), room);
    await eachPaced(archives, paceOf(this.client).large, (next) =>
      freeing(room, next, () => ("unit" in next ? this.sendArchive(next) : this.sendFile(next))),
    );
  }

  private async sendFiles(files: readonly SourceFile[]): Promise<void> {
    if (files.length === 0) {
      return;
    }
    const room = new Room(BYTES_ON_THE_WAY);
    const contents = withRoom(readFiles(this.commit, files), room);
    await eachPaced(contents, paceOf(this.client).small, (next) =>
      freeing(room, next, () => this.sendFile(next)),
    );
  }

  private async sendArchive({ unit, content, needsParent, forms }: Archive): Promise<void> {
    const path = this.pathOf(unit.folder);
    if (this.refusal) {
      this.left.push(...unit.items);
      return;
    }
    try {
      if (needsParent) {
        await makeDirectory(this.client, posix.dirname(path), PACED);
      }
      await importArchive(this.client, path, content);
    } catch (error) {
      if (error instanceof ApiError && error.alreadyExists) {
        // By an answer that was lost, or by another upload of this release: what is in it will be seen.
        forms.forEach((form, target) => this.forms.set(target, form));
        return;
      }
      const refusal = refusalOf(error);
      if (!refusal) {
        throw error;
      }
      this.refusal ??= refusal;
      this.left.push(...unit.items);
      return;
    }
    for (const file of unit.items) {
      this.archived.add(file.target);
      this.forms.set(file.target, forms.get(file.target));
      this.noteFolder(this.folderOf(file));
    }
    this.arrived(unit.items.length);
  }

  private async sendFile({ file, content }: Single): Promise<void> {
    const send = () =>
      importObject(this.client, { ...asImport(this.release, file), content, overwrite: true }, PACED);
    try {
      await send();
    } catch (error) {
      if (!isNotFound(error)) {
        throw error;
      }
      // An archive did not make the folder that it should have made, or somebody took it away.
      await makeDirectory(this.client, this.folderOf(file), PACED);
      await send();
    }
    if (file.kind === "file") {
      this.sent.set(file.target, sha256(content));
    }
    this.archived.delete(file.target);
    this.forms.delete(file.target);
    this.arrived(1);
  }

  private arrived(count: number): void {
    this.done += count;
    const perSecond = Math.round((this.done * 1000) / (Date.now() - this.started + 1));
    this.show(`imported ${Math.min(this.done, this.total)} of ${this.total}, ${perSecond}/s`);
  }

  private pathOf(target: string): string {
    return target === "" ? this.release : `${this.release}/${target}`;
  }

  private folderOf({ target }: SourceFile): string {
    return posix.dirname(this.pathOf(target));
  }

  private noteFolders(listing: ReadonlyMap<string, ObjectInfo> | undefined): void {
    if (listing) {
      this.noteFolder(this.release);
    }
    for (const [target, { object_type }] of listing ?? []) {
      if (object_type === "DIRECTORY") {
        this.noteFolder(this.pathOf(target));
      }
    }
  }

  private noteFolder(path: string): void {
    for (let at = path; at !== "/" && !this.folders.has(at); at = posix.dirname(at)) {
      this.folders.add(at);
    }
  }

  /** Makes those folders that are not known to be there. A folder comes with those above it, so only the deepest are asked for. */
  private async makeFolders(paths: readonly string[]): Promise<void> {
    const missing = new Set(paths.filter((path) => !this.folders.has(path)));
    const above = new Set<string>();
    for (const path of missing) {
      for (let at = posix.dirname(path); at !== "/" && !above.has(at); at = posix.dirname(at)) {
        above.add(at);
      }
    }
    const deepest = [...missing].filter((path) => !above.has(path)).sort();
    await eachPaced(deepest, paceOf(this.client).small, async (path) => {
      await makeDirectory(this.client, path, PACED);
      this.noteFolder(path);
    });
  }
}

/**
 * Notebooks go as `AUTO`, under their name with its extension, as the server takes it off; files as `RAW`, which
 * neither unpacks an archive nor makes a notebook of a module.
 */
function asImport(release: string, file: SourceFile): Pick<Import, "path" | "format"> {
  return file.kind === "notebook"
    ? { path: `${release}/${file.path}`, format: "AUTO" }
    : { path: `${release}/${file.target}`, format: "RAW" };
}

/** Why an archive was not taken, where single files may still be; undefined for what they would meet as well. */
function refusalOf(error: unknown): Sender["refusal"] {
  if (error instanceof ConnectionError) {
    const what = error.timedOut ? "did not answer within the time limit" : `broke off (${error.code})`;
    return { reason: `the import of an archive ${what}`, passing: true };
  }
  if (!(error instanceof ApiError) || [401, 403, 429].includes(error.status)) {
    return undefined;
  }
  const passing =
    error.notFound ||
    error.code === "MAX_NOTEBOOK_SIZE_EXCEEDED" ||
    (error.status >= 500 && error.status !== 501);
  return { reason: `the workspace refused an archive (${error.code}: ${error.detail})`, passing };
}

/** The same stream, with room taken for each content. */
async function* withRoom<T extends { readonly content: Buffer }>(
  items: AsyncIterable<T>,
  room: Room,
): AsyncGenerator<T> {
  for await (const item of items) {
    await room.take(item.content.length);
    yield item;
  }
}

/** Gives the room back when the content has arrived; where it never will, nobody is to wait for room. */
async function freeing(room: Room, { content }: { readonly content: Buffer }, work: () => Promise<void>) {
  try {
    await work();
  } catch (error) {
    if (!isSetback(error)) {
      room.open();
    }
    throw error;
  }
  room.free(content.length);
}

/** Waits for all, then throws the first one's failure. */
async function allEnded(works: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) {
    if (result.status === "rejected") {
      throw result.reason;
    }
  }
}
