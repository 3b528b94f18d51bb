/** The whole set-up of a checkout, for `npm start` and `npm test`: quick when everything is there. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { pulumiEngine } from "./engine.mjs";
import { withLock } from "./lock.mjs";
import { npmPackages } from "./npm.mjs";
import { pathsOf } from "./paths.mjs";
import { pulumiPlugins } from "./plugins.mjs";
import { checkPrerequisites } from "./prerequisites.mjs";
import { pulumiState } from "./state.mjs";
import { pythonEnvironment } from "./python.mjs";
import { scalaNotebooks } from "./scala.mjs";
import { runSteps } from "./steps.mjs";

/**
 * Installs what is missing. A second set-up in the same checkout waits for the first.
 * @returns {Promise<import("./paths.mjs").Paths>}
 * @throws {import("./problem.mjs").Problem}
 */
export async function setUp() {
  const paths = pathsOf();
  const { python } = await checkPrerequisites({ ignore: paths.local });
  mkdirSync(paths.local, { recursive: true });
  // Tokens, state and the passphrase lie below it.
  chmodSync(paths.local, 0o700);

  let said = false;
  await withLock(
    join(paths.local, "setup.lock"),
    () =>
      runSteps([
        npmPackages(paths),
        pythonEnvironment(paths, () => python),
        scalaNotebooks(paths),
        pulumiEngine(paths),
        pulumiPlugins(paths),
        pulumiState(paths),
      ]),
    ({ pid }) => {
      if (!said) console.log(`Waiting for another set-up of this checkout (process ${pid})`);
      said = true;
    },
  );
  return paths;
}
