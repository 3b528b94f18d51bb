/**
 * Builds Pulumi's programs from source, from the pinned modules in `toolchain/`, into the cache that checkouts share.
 * Nothing is downloaded but Go modules, whose hashes stand in the committed `go.sum` files.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.mjs";
import { hashOf, makeWhole } from "./files.mjs";
import { withLock } from "./lock.mjs";
import { HOW_TO_GET, atLeast, describeMissing, findProgram } from "./prerequisites.mjs";
import { Problem } from "./problem.mjs";

const GO = "1.26";
const LIMIT_SECONDS = 3_600;
/** Part of the cache's key; raise it when the way of building changes and the sources do not. */
const RECIPE = "1";
const SDK = "github.com/pulumi/pulumi/sdk/v3";

/**
 * @typedef {object} Build
 * @property {string} module folder below `toolchain/`
 * @property {string} target package to build
 * @property {string} output path of the program below the result's folder
 * @property {(version: (module: string) => Promise<string>) => Promise<string>} stamp what `-X` sets
 */

/** @type {Build[]} */
const CLI = [
  {
    module: "cli",
    target: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    output: "bin/pulumi",
    stamp: async (version) =>
      `${SDK}/go/common/version.Version=${await version("github.com/pulumi/pulumi/pkg/v3")}`,
  },
  {
    module: "language-host",
    target: `${SDK}/nodejs/cmd/pulumi-language-nodejs`,
    output: "lib/pulumi-language-nodejs",
    stamp: async (version) => `${SDK}/go/common/version.Version=${await version(SDK)}`,
  },
];

/** @typedef {import("./paths.mjs").Paths} Paths */

/**
 * The CLI, the Node.js language host and the plugin for dynamic providers.
 * @param {Paths} paths
 * @param {NodeJS.ProcessEnv} env
 * @param {(text: string) => void} detail
 * @returns {Promise<string>} a folder with `bin/` in it
 */
export function cliFromSource(paths, env, detail) {
  return buildCached(paths, env, "engine", CLI, detail, (folder) => {
    for (const script of ["pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs"]) {
      copyFileSync(join(paths.root, "toolchain", "language-host", script), join(folder, "bin", script));
      chmodSync(join(folder, "bin", script), 0o755);
    }
  });
}

/**
 * The resource plugins, each in a folder named as the engine expects it (`resource-NAME-vVERSION`).
 * @param {Paths} paths
 * @param {NodeJS.ProcessEnv} env
 * @param {{ name: string, version: string }[]} plugins
 * @param {(text: string) => void} detail
 * @returns {Promise<string>} the folder that holds these folders
 */
export function pluginsFromSource(paths, env, plugins, detail) {
  const builds = plugins.map(({ name, version }) => ({
    module: "plugins",
    target: `./pulumi-resource-${name}`,
    output: `resource-${name}-v${version}/pulumi-resource-${name}`,
    stamp: async () => `notebook-releases.local/toolchain/plugins/bridge.Version=${version}`,
  }));
  return buildCached(paths, env, "plugins", builds, detail);
}

/**
 * The Databricks CLI, which the benchmark compares with; nothing else needs it.
 * @param {Paths} paths
 * @param {NodeJS.ProcessEnv} env
 * @param {(text: string) => void} detail
 * @returns {Promise<string>} the program
 */
export async function databricksCliFromSource(paths, env, detail) {
  const module = "github.com/databricks/cli";
  /** @type {Build} */
  const build = {
    module: "databricks-cli",
    target: module,
    output: "bin/databricks",
    // It takes its own version as a semantic version, which has no `v`.
    stamp: async (version) =>
      `${module}/internal/build.buildVersion=${(await version(module)).replace(/^v/, "")}`,
  };
  return join(await buildCached(paths, env, "databricks-cli", [build], detail), build.output);
}

/**
 * actionlint, which a test runs over the workflows in `.github/`; nothing else needs it.
 * @param {Paths} paths
 * @param {NodeJS.ProcessEnv} env
 * @param {(text: string) => void} detail
 * @returns {Promise<string>} the program
 */
export async function actionlintFromSource(paths, env, detail) {
  const module = "github.com/rhysd/actionlint";
  /** @type {Build} */
  const build = {
    module: "actionlint",
    target: `${module}/cmd/actionlint`,
    output: "bin/actionlint",
    stamp: async (version) => `${module}.version=${await version(module)}`,
  };
  return join(await buildCached(paths, env, "actionlint", [build], detail), build.output);
}

/**
 * @param {Paths} paths
 * @param {NodeJS.ProcessEnv} env
 * @param {string} name of the result in the cache
 * @param {Build[]} builds
 * @param {(text: string) => void} detail
 * @param {(folder: string) => void} [finish] adds what is not built
 */
async function buildCached(paths, env, name, builds, detail, finish = () => {}) {
  const go = await findGo(env);
  const sources = [...new Set(builds.map(({ module }) => module))].flatMap((module) =>
    textsBelow(join(paths.root, "toolchain", module)),
  );
  const key = hashOf(
    RECIPE,
    go.version,
    process.platform,
    process.arch,
    ...builds.map(({ output }) => output),
    ...sources,
  );
  const result = join(paths.cache, `${name}-${key}`);
  if (existsSync(result)) return result;

  await withLock(
    `${result}.lock`,
    async () => {
      if (existsSync(result)) return;
      await makeWhole(result, async (draft) => {
        for (const build of builds)
          await goBuild(go.command, env, join(paths.root, "toolchain"), build, draft, detail);
        finish(draft);
      });
    },
    ({ pid }) => detail(`waiting for process ${pid}, which builds it`),
  );
  return result;
}

/**
 * One `go build`; `-v` names each package as it is compiled, which is the progress.
 * @param {string} go
 * @param {NodeJS.ProcessEnv} env
 * @param {string} toolchain
 * @param {Build} build
 * @param {string} folder
 * @param {(text: string) => void} detail
 */
async function goBuild(go, env, toolchain, { module, target, output, stamp }, folder, detail) {
  const program = output.slice(output.lastIndexOf("/") + 1);
  const options = {
    cwd: join(toolchain, module),
    // `readonly`: go.sum decides, and a module that it does not know is an error. Without cgo no C compiler is needed.
    env: { ...env, GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly", GOWORK: "off", CGO_ENABLED: "0" },
    limitSeconds: LIMIT_SECONDS,
  };
  let modules = 0;
  const onDownload = /** @param {string} line */ (line) => {
    if (line.startsWith("go: downloading")) detail(`${program}: ${++modules} modules fetched`);
  };
  detail(`${program}: looking at its packages`);
  const packages = (await run(go, ["list", "-deps", target], { ...options, onLine: onDownload }))
    .trim()
    .split("\n");
  const total = packages.length;

  let compiled = 0;
  const versionOf = async (/** @type {string} */ path) =>
    (await run(go, ["list", "-m", "-f", "{{.Version}}", path], options)).trim();
  const flags = ["-trimpath", "-buildvcs=false", "-ldflags", `-s -w -X ${await stamp(versionOf)}`];
  mkdirSync(join(folder, output, ".."), { recursive: true });
  await run(go, ["build", "-v", ...flags, "-o", join(folder, output), target], {
    ...options,
    onLine: (line) => {
      if (line.startsWith("go: ")) onDownload(line);
      else if (!line.startsWith("#"))
        detail(`${program}: compiled ${++compiled} of at most ${total} packages`);
    },
  });
}

/** @param {NodeJS.ProcessEnv} env */
async function findGo(env) {
  const command = findProgram("go", env);
  let found = "not found";
  if (command) {
    const options = { env: { ...env, GOTOOLCHAIN: "local" }, limitSeconds: 20 };
    const version = (await run(command, ["env", "GOVERSION"], options)).trim();
    if (atLeast(version, GO)) return { command, version };
    found = `${command} is ${version}`;
  }
  const missing = { need: `Go ${GO} or newer`, found, get: HOW_TO_GET.go };
  throw new Problem(`Building from source is not possible. ${describeMissing([missing])}`);
}

/**
 * The texts of a folder's files, names included, in a fixed order.
 * @param {string} folder
 * @returns {string[]}
 */
function textsBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory()
        ? [entry.name, ...textsBelow(path)]
        : [entry.name, readFileSync(path, "utf8")];
    });
}
