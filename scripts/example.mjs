/** `npm run example -- commit | back | drift | repair`: things to try on the example that `npm start` deployed. */
import { runDeployer } from "./local/deployer.mjs";
import { runningWorkspace } from "./local/workspace.mjs";
import { pathsOf } from "./setup/paths.mjs";
import { Problem, runMain } from "./setup/problem.mjs";

const COMMANDS = ["commit", "back", "drift", "repair"];

await runMain(async () => {
  const command = process.argv[2] ?? "";
  if (!COMMANDS.includes(command)) {
    throw new Problem(`Give one of ${COMMANDS.join(", ")}: npm run example -- commit`);
  }
  const paths = pathsOf();
  const ready = await runningWorkspace(paths);
  if (!ready) throw new Problem("No local workspace is running. Run npm start first.");
  return runDeployer(paths, ready, [command]);
});
