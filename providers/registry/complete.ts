/** A row never names a release that is not whole: looked at immediately before the move, whatever was seen when it was uploaded. */
import type { Client } from "../../databricks/client";
import { short } from "../../source/githash";
import { isInRelease } from "../build/stored";
import { compareListing, foldersOf, listRelease, relative } from "../release/listing";
import { readManifest, type Manifest } from "../release/manifest";
import { MANIFEST } from "../tables";

/** The release that is to be live. */
export interface Candidate {
  readonly releasePath: string;
  readonly githash: string;
  /** The manifest's part from git. */
  readonly digest: string;
}

/** Lines of an error that name single files. */
const NAMED = 10;

/**
 * Compares the release's manifest with the commit, and its listing with the manifest: names, types and languages. One
 * request for the manifest, then one for each folder, all at once.
 * @throws Error that names what is wrong.
 */
export async function refuseIncomplete(
  client: Client,
  { releasePath, githash, digest }: Candidate,
): Promise<void> {
  const manifest = await readManifest(client, releasePath);
  if (manifest?.digest !== digest) {
    const what = manifest
      ? `its ${MANIFEST} is another commit's, or of other settings`
      : `it has no ${MANIFEST} that can be read, so it is unfinished, or being deleted`;
    throw new Error(explain(releasePath, githash, [what]));
  }
  const wrong = await findWrong(client, releasePath, manifest);
  if (wrong.length > 0) {
    throw new Error(explain(releasePath, githash, wrong));
  }
}

async function findWrong(client: Client, path: string, { files, artifacts }: Manifest): Promise<string[]> {
  const inside = artifacts
    .filter((artifact) => isInRelease(artifact.path, path))
    .map((artifact) => relative(path, artifact.path));
  const targets = [...files.map(({ target }) => target), ...inside];
  const folders = new Set(targets.flatMap(foldersOf));
  const listing = (await listRelease(client, path, [], [...folders])) ?? new Map<string, never>();
  const missing = inside.filter((target) => !listing.has(target)).map((target) => `missing ${target}`);
  const known = new Set(files.map(({ target }) => target));
  const others = [...listing.keys()].filter((target) => !known.has(target) && isNoDifference(target, inside));
  const rest = new Map([...listing].filter(([target]) => !others.includes(target)));
  return [...compareListing(files, rest).map(({ what, target }) => `${what} ${target}`), ...missing];
}

/** An artifact; or what Python compiled and keeps beside a module, where it may write: the gate's own tests may just have done that. */
function isNoDifference(target: string, artifacts: readonly string[]): boolean {
  return artifacts.includes(target) || target.split("/").includes("__pycache__");
}

function explain(path: string, githash: string, wrong: readonly string[]): string {
  const more = wrong.length > NAMED ? [`… and ${wrong.length - NAMED} more`] : [];
  return (
    `The release of ${short(githash)} at ${path} is not as it was deployed, so it does not become live:\n` +
    [...wrong.slice(0, NAMED), ...more].map((line) => `  ${line}`).join("\n") +
    "\nNothing was moved. Run pulumi up --refresh: it puts the release right."
  );
}
