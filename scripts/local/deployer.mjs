/** Hands over to the TypeScript part (`scripts/start/main.ts`), which needs the installed packages. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { withEngine } from "./environment.mjs";

/**
 * Runs it to its end, on our terminal. Credentials go by the environment, never by arguments.
 * @param {import("../setup/paths.mjs").Paths} paths
 * @param {import("./workspace.mjs").Ready} ready
 * @param {string[]} args
 * @returns {Promise<number>} its exit status
 */
export function runDeployer(paths, ready, args) {
  const child = spawn(process.execPath, ["--import", "tsx", join("scripts", "start", "main.ts"), ...args], {
    cwd: paths.root,
    stdio: "inherit",
    env: withEngine(paths, {
      DATABRICKS_HOST: ready.host,
      DATABRICKS_TOKEN: ready.token,
      NOTEBOOK_RELEASES_WAREHOUSE: ready.warehouse_id,
      NOTEBOOK_RELEASES_MLFLOW: ready.mlflow,
    }),
  });
  // Ctrl-C reaches the child as well, which lets Pulumi end in order.
  const wait = () => {};
  process.on("SIGINT", wait);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      process.off("SIGINT", wait);
      resolve(code ?? 130);
    });
  });
}
