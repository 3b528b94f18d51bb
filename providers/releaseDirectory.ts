/** `ReleaseDirectory`: one commit's files at `<root>/<githash>`: complete or absent, never edited. */
import type { Client } from "../databricks/client";
import { logBatch } from "../databricks/mlflow";
import { getStatus, type ObjectInfo } from "../databricks/objects";
import { grant, type Principal } from "../databricks/permissions";
import { Warehouse } from "../databricks/sql";
import { readSource, type Source } from "../source";
import type { Artifact, BuildSettings } from "./artifacts";
import { otherBuild, shownBuild } from "./build/settings";
import { connect, type Place } from "./connection";
import { asStepOf } from "./deployment";
import { say } from "./progress";
import { dynamicProvider, type Handler } from "./provider";
import { readRow, type RowKey } from "./registry/table";
import { inspectRelease, listRelease, type Difference } from "./release/listing";
import { readManifest, writeManifest, type Manifest } from "./release/manifest";
import { collectAfterDestroy } from "./retention/occasions";
import type { Retention } from "./retention/plan";
import { MANIFEST } from "./tables";
import { uploadRelease } from "./release/upload";

export interface Inputs extends Place, RowKey {
  warehouse: string;
  repository: string;
  sourcePath: string;
  exclude: string[];
  /** `<root>/<githash>`. */
  path: string;
  githash: string;
  digest: string;
  readers: Principal[];
  /** Absent where nothing is built. */
  build?: BuildSettings;
  /** What the build made (`BuiltArtifacts`), for the manifest. @default none */
  artifacts?: Artifact[];
  deploymentId: string;
  /** For what `destroy` leaves to the root's other environments. */
  retention: Retention;
}
export interface Computed {
  files: { notebooks: number; files: number };
  /** `edited pipeline/score`, …: what `refresh` found. */
  drift: string[];
}

const handler: Handler<Inputs, Computed> = {
  type: "ReleaseDirectory",

  async create(inputs) {
    const client = await connect(inputs);
    return asStepOf(client, inputs.deploymentId, async () => {
      const started = Date.now();
      const computed = await bringAbout(client, inputs);
      const seconds = (Date.now() - started) / 1000;
      await logBatch(client, inputs.deploymentId, {
        metrics: { upload_seconds: seconds, notebooks: computed.files.notebooks },
        tags: { message: `uploaded to ${inputs.path}` },
      });
      return { id: inputs.path, computed };
    });
  },

  /** Repairs drift: only what is wrong is sent again. */
  async update(_id, _olds, news) {
    return bringAbout(await connect(news), news);
  },

  async read(_id, props) {
    const client = await connect(props);
    const manifest = await readManifest(client, props.path);
    const { listing, differences: found } = await look(
      client,
      props,
      manifest?.digest === props.digest ? manifest : undefined,
    );
    if (!listing) {
      return undefined;
    }
    const unknown = found?.filter(({ what }) => what === "unknown") ?? [];
    if (unknown.length > 0) {
      say(sayUnknown(props.path, unknown));
    }
    const drift = found
      ? found.filter(({ what }) => what !== "unknown").map(named)
      : [manifest ? "the manifest is another commit's" : `missing ${MANIFEST}`];
    return { ...props, drift };
  },

  /**
   * A release that was replaced stays: jobs may still run from it, and a rollback takes it over; collecting old ones
   * decides. Where the environment has no row, it was destroyed (or never live), and the release may go.
   */
  async delete(_id, props) {
    const client = await connect(props);
    const row = await readRow(new Warehouse(client, props.warehouse), props.table, props);
    if (!row) {
      await collectAfterDestroy(client, props, props.path);
    }
  },
};

/** Makes the release what the commit says, whatever is there: nothing, a part of it, all of it, or an edited one. */
async function bringAbout(client: Client, inputs: Inputs): Promise<Computed> {
  const { repository, githash, sourcePath, exclude, path } = inputs;
  const [source, manifest] = await Promise.all([
    readSource({ repository, ref: githash, path: sourcePath, exclude }, { onProgress: say }),
    readManifest(client, path),
  ]);
  if (source.digest !== inputs.digest) {
    throw new Error(`The files of ${githash} are not the ones that the program saw. Run pulumi up again.`);
  }
  refuseOther(manifest, inputs);
  await uploadWhatIsWrong(client, inputs, source, manifest);
  await grantReaders(client, path, inputs.readers);
  const notebooks = source.files.filter(({ kind }) => kind === "notebook").length;
  return { files: { notebooks, files: source.files.length - notebooks }, drift: [] };
}

async function uploadWhatIsWrong(client: Client, inputs: Inputs, source: Source, manifest?: Manifest) {
  const { path, sourcePath, exclude, build, artifacts = [] } = inputs;
  const { listing, differences: wrong } = await look(client, inputs, manifest);
  if (wrong?.length === 0) {
    say(`${path} is complete and unedited: nothing to upload`);
    return;
  }
  const damaged = wrong && new Set(wrong.map(({ target }) => target));
  const isWanted = ({ target }: { target: string }) => !damaged || damaged.has(target);
  const wanted = source.files.filter(isWanted);
  const files = await uploadRelease({
    client,
    workspaceId: inputs.workspaceId,
    release: path,
    commit: source.commit,
    files: source.files,
    wanted,
    listing,
    known: manifest?.files.filter((file) => !isWanted(file)),
    artifacts,
  });
  await writeManifest(client, path, {
    version: 3,
    githash: source.commit.githash,
    repository: source.commit.repository,
    path: sourcePath,
    exclude,
    digest: source.digest,
    files,
    ...(build ? { build } : {}),
    artifacts,
  });
  say(`${path}: ${wanted.length} of ${source.files.length} files uploaded`);
}

/** What is in the release's folder, and how it differs from the manifest where one is given. */
async function look(
  client: Client,
  { path, artifacts }: Pick<Inputs, "path" | "artifacts">,
  manifest: Manifest | undefined,
): Promise<{ listing?: Map<string, ObjectInfo>; differences?: Difference[] }> {
  return manifest
    ? ((await inspectRelease(client, path, manifest.files, artifacts)) ?? {})
    : { listing: await listRelease(client, path, artifacts) };
}

/** The same commit with other settings is another release and needs another root. */
function refuseOther(manifest: Manifest | undefined, inputs: Inputs): void {
  const build = manifest && otherBuild(manifest, inputs.build);
  if (!manifest || (manifest.digest === inputs.digest && !build)) {
    return;
  }
  const settings = (path: string, exclude: readonly string[], built: BuildSettings | undefined) =>
    `path "${path}", exclude [${exclude.join(", ")}]${build ? `, ${shownBuild(built)}` : ""}`;
  throw new Error(
    `${inputs.path} holds this commit with other settings: ${settings(manifest.path, manifest.exclude, manifest.build)}; ` +
      `this stack asks for ${settings(inputs.sourcePath, inputs.exclude, inputs.build)}. ` +
      "Use the same settings or another releaseRoot.",
  );
}

async function grantReaders(client: Client, path: string, readers: readonly Principal[]): Promise<void> {
  const folder = readers.length > 0 ? await getStatus(client, path) : undefined;
  if (folder) {
    await grant(client, "directories", folder.object_id, readers, "CAN_READ");
  }
}

/** No drift that is reported: a notebook's source in a folder's archive and alone may differ without any edit. */
function sayUnknown(path: string, unknown: readonly Difference[]): string {
  const list = unknown.map(({ target }) => `  ${target}`).join("\n");
  return (
    `Whether these of ${path} were edited cannot be told now: they were compared by exports of their folders, which ` +
    `the workspace does not give at present. Refresh again later.\n${list}`
  );
}

function named({ what, target }: Difference): string {
  return `${what} ${target}`;
}

export default dynamicProvider(handler);
