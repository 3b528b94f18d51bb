/** `npm start`: sets up what is missing, starts the local workspace, deploys the example, runs its job, says what happened. */
import { startWorkspace } from "./local/workspace.mjs";
import { runDeployer } from "./local/deployer.mjs";
import { setUp } from "./setup/index.mjs";
import { runMain } from "./setup/problem.mjs";
import { showStep } from "./setup/progress.mjs";

await runMain(async () => {
  const paths = await setUp();
  const display = showStep("Local workspace");
  let ready;
  try {
    const workspace = await startWorkspace(paths, display.detail);
    ready = workspace.ready;
    display.succeed(workspace.words);
  } catch (error) {
    display.fail();
    throw error;
  }
  return runDeployer(paths, ready, ["start"]);
});
