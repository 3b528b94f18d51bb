/**
 * Zip archives of notebooks as a workspace imports them: a file for each notebook, named after its language, below the
 * folder that the archive makes.
 */
import { zipSync, type Zippable } from "fflate";
import { MAX_JSON_CONTENT } from "../../databricks/objects";
import { readFiles, type Commit, type SourceFile } from "../../source";
import { formOfJupyter, formOfSource } from "./form";
import { EXTENSIONS } from "./layout";
import { planArchives, type Unit } from "./plan";

/** On 1,000 notebooks of 2 kB, level 6 took a quarter longer than 1 and saved 1 % (levels 3 and 9 are no better). */
const LEVEL = 1;
/** The first that a zip archive can name, local as its format wants it: the same bytes each time and everywhere. */
const TIME = new Date(1980, 0, 1);

/** An archive that can be sent. */
export interface Archive {
  readonly unit: Unit<SourceFile>;
  readonly content: Buffer;
  /** The folder above it must be made first, beyond those that the plan names. */
  readonly needsParent: boolean;
  /** What is in each notebook (`form.ts`), by its path in the release. */
  readonly forms: ReadonlyMap<string, string | undefined>;
}

/** A notebook that belongs to an archive which turned out too large and could not be taken apart. */
export interface Single {
  readonly file: SourceFile;
  readonly content: Buffer;
}

export function isJupyter(file: SourceFile): boolean {
  return /\.ipynb$/i.test(file.path);
}

/**
 * The archives of these units, one after the other as the contents come from git. One that is larger than an import takes
 * comes as several of the folders in it, and as single notebooks.
 */
export async function* packUnits(
  commit: Commit,
  units: readonly Unit<SourceFile>[],
  maxContent = MAX_JSON_CONTENT,
): AsyncGenerator<Archive | Single> {
  const open = new Map<SourceFile, Pending>();
  for (const unit of units) {
    const pending: Pending = { unit, contents: new Map() };
    unit.items.forEach((file) => open.set(file, pending));
  }
  for await (const { file, content } of readFiles(commit, [...open.keys()])) {
    const pending = open.get(file);
    open.delete(file);
    pending?.contents.set(file, content);
    if (pending && pending.contents.size === pending.unit.items.length) {
      yield* pack(pending, maxContent);
      pending.contents.clear();
    }
  }
}

/** A unit whose contents are being read. */
interface Pending {
  readonly unit: Unit<SourceFile>;
  readonly contents: Map<SourceFile, Buffer>;
}

function* pack(
  { unit, contents }: Pending,
  maxContent: number,
  needsParent = false,
): Generator<Archive | Single> {
  const content = zip(unit, contents);
  if (content.length <= maxContent) {
    const forms = new Map(unit.items.map((file) => [file.target, formOf(file, contents.get(file))]));
    yield { unit, content, needsParent, forms };
    return;
  }
  const isAbove = (path: string) => path === "" || `${unit.folder}/`.startsWith(`${path}/`);
  const { archives, singles } = planArchives(unit.items, { exists: isAbove });
  for (const part of archives) {
    yield* pack({ unit: part, contents }, maxContent, true);
  }
  for (const file of singles) {
    yield { file, content: contents.get(file) ?? Buffer.alloc(0) };
  }
}

function zip({ folder, items }: Unit<SourceFile>, contents: ReadonlyMap<SourceFile, Buffer>): Buffer {
  const start = folder === "" ? 0 : folder.length + 1;
  const entries: Zippable = {};
  for (const file of items) {
    const extension = isJupyter(file) ? ".ipynb" : (EXTENSIONS[file.language ?? ""] ?? "");
    entries[file.target.slice(start) + extension] = contents.get(file) ?? Buffer.alloc(0);
  }
  const archive = zipSync(entries, { level: LEVEL, mtime: TIME });
  return Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
}

function formOf(file: SourceFile, content: Buffer = Buffer.alloc(0)): string | undefined {
  return isJupyter(file) ? formOfJupyter(content) : formOfSource(content);
}
