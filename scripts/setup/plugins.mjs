/** The engine's plugins for the npm packages `@pulumi/databricks` and `@pulumi/github`, in the versions these ask for. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.mjs";
import { engineChoice } from "./engine.mjs";
import { linkFolder, makeWhole, readText } from "./files.mjs";
import { Problem } from "./problem.mjs";
import { pluginsFromSource } from "./source-build.mjs";

const NAMES = ["databricks", "github"];
const DOWNLOAD_SECONDS = 600;

/**
 * @param {import("./paths.mjs").Paths} paths
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {import("./steps.mjs").Step}
 */
export function pulumiPlugins(paths, env = process.env) {
  const folderOf = (/** @type {{ name: string, version: string }} */ { name, version }) =>
    join(paths.pulumiHome, "plugins", `resource-${name}-v${version}`);
  // The engine itself leaves `.partial` beside a download that was interrupted.
  const isThere = (/** @type {{ name: string, version: string }} */ plugin) =>
    existsSync(join(folderOf(plugin), `pulumi-resource-${plugin.name}`)) &&
    !existsSync(`${folderOf(plugin)}.partial`);

  return {
    title: "Pulumi plugins",
    done: () => wantedPlugins(paths).every(isThere),
    run: async (detail) => {
      const missing = wantedPlugins(paths).filter((plugin) => !isThere(plugin));
      const words = missing.map(({ name, version }) => `${name} ${version}`).join(", ");
      let refused = "";
      // Where the engine's own download was refused, that of its plugins would be too.
      if (engineChoice(paths)?.way !== "fromSource") {
        try {
          for (const plugin of missing) await download(paths, env, plugin, detail);
          return `${words}, downloaded`;
        } catch (error) {
          refused = `Downloading them failed: ${/** @type {Error} */ (error).message}\n`;
        }
      }
      try {
        const built = await pluginsFromSource(paths, env, wantedPlugins(paths), detail);
        for (const plugin of missing) {
          const folder = `resource-${plugin.name}-v${plugin.version}`;
          await makeWhole(folderOf(plugin), async (draft) => linkFolder(join(built, folder), draft));
        }
        return `${words}, built from source`;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        throw new Problem(`The Pulumi plugins cannot be had.\n${refused}${error.message}`);
      }
    },
  };
}

/**
 * @param {import("./paths.mjs").Paths} paths
 * @param {NodeJS.ProcessEnv} env
 * @param {{ name: string, version: string }} plugin
 * @param {(text: string) => void} detail
 */
async function download(paths, env, { name, version }, detail) {
  detail(`trying to download ${name} ${version}`);
  await run(engineChoice(paths)?.command ?? "pulumi", ["plugin", "install", "resource", name, version], {
    env: { ...env, PULUMI_HOME: paths.pulumiHome, PULUMI_SKIP_UPDATE_CHECK: "true" },
    limitSeconds: DOWNLOAD_SECONDS,
  });
}

/**
 * @param {import("./paths.mjs").Paths} paths
 * @returns {{ name: string, version: string }[]}
 */
function wantedPlugins({ root }) {
  return NAMES.map((name) => {
    const text = readText(join(root, "node_modules", "@pulumi", name, "package.json"));
    return { name, version: JSON.parse(text ?? "{}").pulumi?.version ?? "unknown" };
  });
}
