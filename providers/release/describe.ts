/** What a release holds after an upload, for its manifest: every object with the digest of its first export. */
import type { Client } from "../../databricks/client";
import { exportObject, type ObjectInfo } from "../../databricks/objects";
import type { SourceFile } from "../../source";
import { addDigests } from "./contents";
import { sha256, type ManifestFile } from "./manifest";
import { readEach } from "./pace";

export interface Description {
  readonly files: ManifestFile[];
  /** What the exported notebooks say (`form.ts`), by their path in the release. */
  readonly forms: ReadonlyMap<string, string | undefined>;
}

export interface Hints {
  /** SHA-256 of plain files that were just sent, by their path in the release. */
  readonly sent?: ReadonlyMap<string, string>;
  /** Files that were compared with an older manifest just now, and found to be as it says. */
  readonly known?: readonly ManifestFile[];
}

/** So many of the files that were sent are exported to see that files come back as they went. */
const SAMPLES = 3;
const LARGEST_SAMPLE = 1024 * 1024;

/**
 * Describes `files` as they now are. Notebooks are exported, as the workspace may write them anew. Of a plain file
 * the bytes that were sent are its digest, where the listing shows its size and time and a few samples come back the same.
 * @param listing the release's, and one that shows all of `files` in their places.
 */
export async function describeRelease(
  client: Client,
  release: string,
  files: readonly SourceFile[],
  listing: ReadonlyMap<string, ObjectInfo>,
  { sent = new Map(), known = [] }: Hints = {},
): Promise<Description> {
  const kept = new Map(
    known
      .filter(({ target, modifiedAt }) => listing.get(target)?.modified_at === modifiedAt)
      .map((file) => [file.target, file]),
  );
  const digests = new Map<string, Pick<ManifestFile, "exported">>(kept);
  const trusted = files.filter(({ target, kind, size }) => {
    const object = listing.get(target);
    return kind === "file" && sent.has(target) && object?.modified_at !== undefined && object.size === size;
  });
  if (await comeBackAsSent(client, release, trusted, sent)) {
    for (const { target } of trusted) {
      digests.set(target, { exported: { how: "single", sha256: sent.get(target) ?? "" } });
    }
  }
  const rest = files.filter(({ target }) => !digests.has(target));
  const exported = await addDigests(client, release, rest, listing);
  exported.forEach((file) => digests.set(file.target, file));
  return {
    files: files.map(({ target, kind, language, blob }) => ({
      target,
      kind,
      language,
      blob,
      exported: (digests.get(target) as ManifestFile).exported,
      modifiedAt: listing.get(target)?.modified_at,
    })),
    forms: new Map(exported.map(({ target, form }) => [target, form])),
  };
}

async function comeBackAsSent(
  client: Client,
  release: string,
  files: readonly SourceFile[],
  sent: ReadonlyMap<string, string>,
): Promise<boolean> {
  const small = files.filter(({ size }) => size <= LARGEST_SAMPLE);
  const same = await readEach(client, "small", spread(small, SAMPLES), async ({ target }) => {
    const content = await exportObject(client, `${release}/${target}`, "AUTO", { paced: true });
    return sha256(content) === sent.get(target);
  });
  return same.every(Boolean);
}

/** At most `count` of the items: the first, the last, and evenly between. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) {
    return [...items];
  }
  return Array.from({ length: count }, (_, index) => {
    return items[Math.round((index * (items.length - 1)) / (count - 1))] as T;
  });
}
