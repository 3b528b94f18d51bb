/** `eval "$(npm run --silent env)"`: puts `pulumi`, its settings and the running local workspace into a shell. */
import { engineEnvironment, exportLines } from "./local/environment.mjs";
import { runningWorkspace } from "./local/workspace.mjs";
import { engineChoice } from "./setup/engine.mjs";
import { pathsOf } from "./setup/paths.mjs";
import { Problem, runMain } from "./setup/problem.mjs";

await runMain(async () => {
  const paths = pathsOf();
  if (!engineChoice(paths)) throw new Problem("Nothing is installed here yet. Run npm start first.");
  const workspace = await runningWorkspace(paths);
  if (!workspace) throw new Problem("No local workspace is running. Start it with npm start.");
  const { path, variables } = engineEnvironment(paths);
  const credentials = { DATABRICKS_HOST: workspace.host, DATABRICKS_TOKEN: workspace.token };
  process.stdout.write(exportLines({ path, variables: { ...variables, ...credentials } }));
});
