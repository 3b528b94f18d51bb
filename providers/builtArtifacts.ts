/**
 * `BuiltArtifacts`: what one commit's build made, in its place. A resource of its own: a preview does not know the
 * computed outputs of a resource that changes, and jobs use these, so only another commit or build may change it.
 */
import { isDeepStrictEqual } from "node:util";
import type { Client } from "../databricks/client";
import { messageOf } from "../databricks/errors";
import { uploadArtifacts } from "../databricks/mlflowArtifacts";
import { readSource } from "../source";
import { build, BuildError, type Build } from "../source/build";
import { short } from "../source/githash";
import type { Artifact, BuildSettings } from "./artifacts";
import { findRecorded, writeRecord } from "./build/record";
import { otherBuild, shownBuild } from "./build/settings";
import { findWrong, folderOf, isInRelease, send, timesOf, type Written } from "./build/stored";
import { storeOf, type Store } from "./build/store";
import { untested } from "./build/tested";
import { connect, type Place } from "./connection";
import { asStepOf } from "./deployment";
import { progress, say } from "./progress";
import { dynamicProvider, isKnown, type Handler } from "./provider";
import { readManifest } from "./release/manifest";

export interface Inputs extends Place {
  repository: string;
  sourcePath: string;
  exclude: string[];
  githash: string;
  command: string;
  globs: string[];
  /** Folder of a volume, or `dbfs:/…`, without the githash; empty: in the release. */
  to: string;
  timeoutSeconds: number;
  releasePath: string;
  deploymentId: string;
  /** Completed by `check` where the release is complete already, so that a preview knows them. */
  artifacts?: Artifact[];
}
export interface Computed {
  artifacts: Artifact[];
  written: Written;
  /** `edited x.whl`, …: what `refresh` found. */
  drift: string[];
}

const handler: Handler<Inputs, Computed> = {
  type: "BuiltArtifacts",

  async check(olds, news) {
    const same = (["githash", "command", "globs", "to", "releasePath"] as const).every((property) =>
      isDeepStrictEqual(olds[property], news[property]),
    );
    if (same && olds.artifacts) {
      return { inputs: { ...news, artifacts: olds.artifacts } };
    }
    if (![news.host, news.workspaceId, news.releasePath].every(isKnown)) {
      return { inputs: news };
    }
    // Where it cannot be asked, a preview knows less, and `create` says why.
    const manifest = await connect(news)
      .then((client) => readManifest(client, news.releasePath))
      .catch(() => undefined);
    const known = manifest && !otherBuild(manifest, settingsOf(news));
    return { inputs: known ? { ...news, artifacts: [...manifest.artifacts] } : news };
  },

  async create(inputs) {
    const client = await connect(inputs);
    return asStepOf(client, inputs.deploymentId, async () => {
      const { releasePath } = inputs;
      const manifest = await readManifest(client, releasePath);
      if (manifest && otherBuild(manifest, settingsOf(inputs))) {
        throw new Error(
          `${releasePath} holds this commit with another build: ${shownBuild(manifest.build)}; this stack asks for ` +
            `${shownBuild(settingsOf(inputs))}. Use the same build or another releaseRoot.`,
        );
      }
      const folder = folderOf(inputs.to, releasePath, inputs.githash);
      const store = storeOf(client, folder);
      const recorded = manifest
        ? manifest.artifacts
        : isInRelease(folder, releasePath)
          ? undefined
          : await findRecorded(store, folder, releasePath, settingsOf(inputs));
      return { id: folder, computed: await bringAbout(client, inputs, recorded) };
    });
  },

  /** Repairs drift: builds again, and sends what is wrong. */
  async update(_id, olds, news) {
    const client = await connect(news);
    return asStepOf(client, news.deploymentId, () => bringAbout(client, news, olds.artifacts));
  },

  async read(_id, props) {
    const folder = folderOf(props.to, props.releasePath, props.githash);
    const store = storeOf(await connect(props), folder);
    const wrong = await findWrong(store, folder, props.artifacts, props.written);
    const drift = wrong.map(({ what, name }) => `${what} ${name}`);
    return { ...props, drift };
  },

  /** Artifacts of an earlier deployment that are not the tested ones: `create` says so, as a step of this deployment. */
  mustReplace: (_id, { artifacts }) => Promise.resolve(untested(artifacts) !== undefined),

  // No delete: they go with their release (build/stored.ts, deleteArtifacts).
};

function settingsOf({ command, globs, to }: Inputs): BuildSettings {
  return { command, artifacts: globs, to };
}

/**
 * Makes the folder hold the commit's artifacts.
 * @param recorded what a complete build of it made: taken over where it is there, and nothing is built.
 */
async function bringAbout(
  client: Client,
  inputs: Inputs,
  recorded: readonly Artifact[] | undefined,
): Promise<Computed> {
  const folder = folderOf(inputs.to, inputs.releasePath, inputs.githash);
  const store = storeOf(client, folder);
  refuseUntested(recorded);
  if (recorded && (await findWrong(store, folder, recorded)).length === 0) {
    say(`${folder} has this commit's artifacts: nothing to build`);
    return complete(inputs, store, folder, recorded);
  }
  const built = await buildCommit(client, inputs);
  try {
    const artifacts = built.files.map(({ name, size, sha256 }) => {
      return { name, path: `${folder}/${name}`, sha256, size };
    });
    refuseOtherBytes(inputs, recorded, artifacts);
    refuseUntested(artifacts);
    const sent = await send(store, folder, artifacts, built.files);
    say(
      `${folder}: built in ${built.seconds.toFixed(1)} s, ${sent} of ${artifacts.length} artifacts uploaded`,
    );
    return await complete(inputs, store, folder, artifacts);
  } finally {
    await built.dispose();
  }
}

async function complete(
  inputs: Inputs,
  store: Store,
  folder: string,
  artifacts: readonly Artifact[],
): Promise<Computed> {
  const { releasePath } = inputs;
  if (!isInRelease(folder, releasePath)) {
    await writeRecord(store, folder, releasePath, settingsOf(inputs), artifacts);
  }
  if (folder.startsWith("dbfs:/") && artifacts.some(({ name }) => /\.(whl|jar)$/i.test(name))) {
    say(
      "Note: Databricks runtimes 15.1 and newer take no libraries from the DBFS root, and serverless none at all. " +
        "For them, set build.to to a volume, or leave it out.",
    );
  }
  return { artifacts: [...artifacts], written: await timesOf(store, folder, artifacts), drift: [] };
}

/** Builds, and keeps what the build said in the deployment's run, also where it failed. */
async function buildCommit(client: Client, inputs: Inputs): Promise<Build> {
  const { repository, githash, sourcePath, exclude, deploymentId } = inputs;
  const { commit } = await readSource({ repository, ref: githash, path: sourcePath, exclude });
  say(`building ${short(githash)}: ${inputs.command}`);
  const show = progress();
  const options = {
    timeoutMs: inputs.timeoutSeconds * 1000,
    onProgress: (line: string) => show(`build: ${line}`),
  };
  const spec = { command: inputs.command, artifacts: inputs.globs };
  try {
    const built = await build(commit, spec, options);
    await keepOutput(client, deploymentId, built.output);
    return built;
  } catch (error) {
    if (error instanceof BuildError) {
      await keepOutput(client, deploymentId, error.output);
    }
    throw error;
  }
}

/** In MLflow; a failure to write it fails no build, and hides no build's failure. */
async function keepOutput(client: Client, deploymentId: string, content: string): Promise<void> {
  try {
    await uploadArtifacts(client, deploymentId, [{ path: "build/output.txt", content }]);
  } catch (problem) {
    say(`the build's output could not be kept in MLflow: ${messageOf(problem)}`);
  }
}

/** A release is immutable: what is built for it again must be the same. */
function refuseOtherBytes(
  { githash }: Inputs,
  recorded: readonly Artifact[] | undefined,
  built: readonly Artifact[],
): void {
  const digests = (artifacts: readonly Artifact[]) =>
    artifacts.map(({ name, sha256 }) => `${name} ${sha256}`);
  if (!recorded || isDeepStrictEqual(digests(recorded), digests(built))) {
    return;
  }
  const list = (artifacts: readonly Artifact[]) =>
    digests(artifacts)
      .map((line) => `    ${line}`)
      .join("\n");
  throw new Error(
    `The build of ${short(githash)} made other artifacts than before, and a release does not change:\n` +
      `  before:\n${list(recorded)}\n  now:\n${list(built)}\n` +
      "Nothing was changed. Put the files of before back, make the build give the same bytes each time " +
      "(SOURCE_DATE_EPOCH is set), or deploy another commit (git commit --allow-empty makes one).",
  );
}

/** Before anything of them is sent. */
function refuseUntested(artifacts: readonly Artifact[] | undefined): void {
  const reason = artifacts && untested(artifacts);
  if (reason !== undefined) {
    throw new Error(reason);
  }
}

export default dynamicProvider(handler);
