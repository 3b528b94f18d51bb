/**
 * Artifacts outside of a release are shared by all releases of the commit that name the same folder, those of other
 * stacks too. Each leaves a record beside them, written last: it says that they are complete and of which build, and
 * that this release needs them.
 */
import type { Artifact, BuildSettings } from "../artifacts";
import { sha256 } from "../release/manifest";
import { shownBuild } from "./settings";
import type { Store } from "./store";

interface BuildRecord {
  readonly version: 1;
  /** The release's path. */
  readonly release: string;
  readonly build: BuildSettings;
  readonly files: readonly Artifact[];
}

const NAME = /^\.release-[0-9a-f]{12}\.json$/;

function nameOf(release: string): string {
  return `.release-${sha256(Buffer.from(release)).slice(0, 12)}.json`;
}

/**
 * What a build of the same settings left in the folder; undefined where there is none that was completed.
 * @throws Error where it is another build's
 */
export async function findRecorded(
  store: Store,
  folder: string,
  release: string,
  settings: BuildSettings,
): Promise<readonly Artifact[] | undefined> {
  const names = [...((await store.list(folder)) ?? new Map<string, unknown>()).keys()].filter((name) =>
    NAME.test(name),
  );
  const records: BuildRecord[] = [];
  for (const name of names) {
    try {
      records.push(JSON.parse((await store.read(`${folder}/${name}`)).toString("utf8")) as BuildRecord);
    } catch (error) {
      if (!(error instanceof SyntaxError)) {
        throw error;
      }
    }
  }
  const isSame = (record: BuildRecord) => shownBuild(record.build) === shownBuild(settings);
  // One of this release itself is of an earlier try: it has no manifest yet.
  const other = records.find((record) => !isSame(record) && record.release !== release);
  if (other) {
    throw new Error(
      `${folder} holds this commit's artifacts of another build, which ${other.release} uses: ${shownBuild(other.build)}; ` +
        `this stack asks for ${shownBuild(settings)}. Use the same build, or another folder in build.to.`,
    );
  }
  return records.find(isSame)?.files;
}

export async function writeRecord(
  store: Store,
  folder: string,
  release: string,
  build: BuildSettings,
  files: readonly Artifact[],
): Promise<void> {
  const record: BuildRecord = { version: 1, release, build, files };
  await store.write(`${folder}/${nameOf(release)}`, Buffer.from(JSON.stringify(record, null, 1)));
}

/** Takes away a release's record. @returns whether no other release needs the folder */
export async function removeRecord(store: Store, folder: string, release: string): Promise<boolean> {
  await store.remove(`${folder}/${nameOf(release)}`);
  const names = [...((await store.list(folder)) ?? new Map<string, unknown>()).keys()];
  return !names.some((name) => NAME.test(name));
}
