/**
 * The Pulumi CLI, by the first way that works: one on PATH, the official installer, from source. A network that
 * refuses downloads makes the second fail within seconds.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./command.mjs";
import { linkFolder, makeWhole, readText, writeWhole } from "./files.mjs";
import { atLeast, findProgram } from "./prerequisites.mjs";
import { Problem } from "./problem.mjs";
import { cliFromSource } from "./source-build.mjs";

/** Older ones were not tried with this program. */
const OLDEST = "3.200.0";
const LANGUAGE_HOST = "pulumi-language-nodejs";
/** Until the installer's first answer; a network that drops packets would otherwise hold us for minutes. */
const ANSWER_SECONDS = 10;
const DOWNLOAD_SECONDS = 300;

/**
 * @param {import("./paths.mjs").Paths} paths
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {import("./steps.mjs").Step}
 */
export function pulumiEngine(paths, env = process.env) {
  return {
    title: "Pulumi engine",
    done: () => isThere(paths, env),
    run: async (detail) => {
      /** @type {string[]} */
      const refused = [];
      for (const [name, way] of Object.entries({ onPath, official, fromSource })) {
        try {
          const { command, words } = await way(paths, env, detail);
          writeWhole(choiceFile(paths), JSON.stringify({ command, way: name }));
          return words;
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          refused.push(error.message);
        }
      }
      throw new Problem(
        [
          "No way to get the Pulumi engine worked:",
          ...refused.map((reason) => `- ${reason.replaceAll("\n", "\n  ")}`),
          `One of them is enough. You can also install Pulumi ${OLDEST} or newer yourself, so that \`pulumi version\` works, and run the same command again.`,
        ].join("\n"),
      );
    },
  };
}

/** @param {import("./paths.mjs").Paths} paths */
const choiceFile = (paths) => join(paths.local, "engine.json");

/**
 * Which engine set-up settled on.
 * @param {import("./paths.mjs").Paths} paths
 * @returns {{ command: string, way: "onPath" | "official" | "fromSource" } | undefined} nothing before it has
 */
export function engineChoice(paths) {
  const text = readText(choiceFile(paths));
  return text ? JSON.parse(text) : undefined;
}

/**
 * @param {import("./paths.mjs").Paths} paths
 * @param {NodeJS.ProcessEnv} env
 */
function isThere(paths, env) {
  const choice = engineChoice(paths);
  // One on PATH may be gone, or hidden by another PATH than the one that set-up saw.
  return choice?.way === "onPath"
    ? choice.command === findProgram("pulumi", env, paths.local)
    : !!choice && choice.command === join(paths.engineBin, "pulumi") && existsSync(choice.command);
}

/**
 * @typedef {(paths: import("./paths.mjs").Paths, env: NodeJS.ProcessEnv, detail: (text: string) => void) =>
 *   Promise<{ command: string, words: string }>} Way
 */

/** @type {Way} */
async function onPath(paths, env, detail) {
  const command = findProgram("pulumi", env, paths.local);
  if (!command) throw new Problem("PATH has no pulumi.");
  detail(`trying ${command}`);
  const version = await versionOf(command, env);
  if (!atLeast(version, OLDEST)) throw new Problem(`${command} is ${version}; ${OLDEST} or newer is needed.`);
  if (!findProgram(LANGUAGE_HOST, env, paths.local)) {
    throw new Problem(`${command} has no ${LANGUAGE_HOST} on PATH, which Node.js programs need.`);
  }
  return { command, words: `${version} on PATH` };
}

/** @type {Way} */
async function official(paths, env, detail) {
  detail("trying the official installer");
  const installer = fileURLToPath(new URL("install-engine.cjs", import.meta.url));
  const automation = createRequire(join(paths.root, "package.json")).resolve("@pulumi/pulumi/automation/cmd");
  try {
    return await installed(paths, env, "downloaded", (draft) =>
      run(process.execPath, [installer, automation, draft, String(ANSWER_SECONDS)], {
        env,
        limitSeconds: DOWNLOAD_SECONDS,
        onLine: detail,
      }),
    );
  } catch (error) {
    throw new Problem(`The official installer failed: ${lastLine(error)}`);
  }
}

/** @type {Way} */
async function fromSource(paths, env, detail) {
  const built = await cliFromSource(paths, env, detail);
  return installed(paths, env, "built from source", async (draft) => linkFolder(built, draft));
}

/**
 * Fills `.local/engine`, and keeps it only if the pulumi in it runs.
 * @param {import("./paths.mjs").Paths} paths
 * @param {NodeJS.ProcessEnv} env
 * @param {string} how
 * @param {(draft: string) => Promise<unknown>} fill makes `bin/pulumi` and what lies beside it
 */
async function installed(paths, env, how, fill) {
  let version = "";
  await makeWhole(paths.engine, async (draft) => {
    await fill(draft);
    version = await versionOf(join(draft, "bin", "pulumi"), env);
  });
  return { command: join(paths.engineBin, "pulumi"), words: `${version}, ${how}` };
}

/**
 * @param {string} command
 * @param {NodeJS.ProcessEnv} env
 */
async function versionOf(command, env) {
  const answer = await run(command, ["version"], {
    env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    limitSeconds: 20,
  });
  return answer.trim();
}

/** @param {unknown} error */
function lastLine(error) {
  return (
    /** @type {Error} */ (error).message
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean)
      .at(-1) ?? ""
  );
}
