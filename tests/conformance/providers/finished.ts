/** Makes a folder of the workspace a complete release: the registry takes no other. */
import type { LocalWorkspace } from "../../support/localWorkspace";

const OBJECTS = "/api/2.0/workspace";

/** Writes a manifest of whatever is in the folder, which is made where it is not there. */
export async function finishRelease(workspace: LocalWorkspace, path: string, digest: string): Promise<void> {
  await workspace.ok("POST", `${OBJECTS}/mkdirs`, { path });
  const content = { version: 3, digest, files: await filesIn(workspace, path, path), artifacts: [] };
  await workspace.ok("POST", `${OBJECTS}/import`, {
    path: `${path}/.release.json`,
    content: Buffer.from(JSON.stringify(content)).toString("base64"),
    format: "RAW",
    overwrite: true,
  });
}

async function filesIn(workspace: LocalWorkspace, root: string, folder: string): Promise<object[]> {
  const route = `${OBJECTS}/list?path=${encodeURIComponent(folder)}`;
  const { objects = [] } = await workspace.ok("GET", route);
  const found: object[] = [];
  for (const { path, object_type, language } of objects) {
    if (object_type === "DIRECTORY") found.push(...(await filesIn(workspace, root, path)));
    else if (!path.endsWith("/.release.json"))
      found.push({ target: path.slice(root.length + 1), kind: object_type.toLowerCase(), language });
  }
  return found;
}
