/** `npm stop`: stops the local workspace that `npm start` left running. Its data stays. */
import { stopWorkspace } from "./local/workspace.mjs";
import { pathsOf } from "./setup/paths.mjs";
import { runMain } from "./setup/problem.mjs";

await runMain(async () => {
  const stopped = await stopWorkspace(pathsOf());
  console.log(
    stopped ? `Stopped the local workspace at ${stopped.host}; its data stays.` : "No local workspace runs.",
  );
});
