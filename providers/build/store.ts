/** Where artifacts are: a folder of the workspace, of a volume or of DBFS, each by its own API. */
import type { Client } from "../../databricks/client";
import { deleteDbfs, listDbfs, readDbfs, writeDbfs } from "../../databricks/dbfs";
import {
  deleteFile,
  deleteVolumeDirectory,
  downloadFile,
  listFiles,
  makeVolumeDirectory,
  uploadFile,
  type FileInfo,
} from "../../databricks/files";
import { deleteObject, listDirectory, makeDirectory, plainPath } from "../../databricks/objects";
import { downloadWorkspaceFile, uploadWorkspaceFile } from "../../databricks/workspaceFiles";

/** All paths as compute wants them: `/Workspace/…`, `/Volumes/…`, `dbfs:/…`. */
export interface Store {
  /** Creates the folder with those above it. */
  makeFolder(folder: string): Promise<void>;
  /** Files by name; undefined where there is no such folder. */
  list(folder: string): Promise<ReadonlyMap<string, FileInfo> | undefined>;
  read(path: string): Promise<Buffer>;
  /** Over what is there. */
  write(path: string, content: Buffer): Promise<void>;
  /** A file; one that is gone is fine. */
  remove(path: string): Promise<void>;
  /** An empty folder; one that is gone is fine. */
  removeFolder(folder: string): Promise<void>;
}

/** The store that `path` is in. */
export function storeOf(client: Client, path: string): Store {
  return path.startsWith("/Volumes/")
    ? volumes(client)
    : path.startsWith("dbfs:/")
      ? dbfs(client)
      : workspace(client);
}

function volumes(client: Client): Store {
  return {
    makeFolder: (folder) => makeVolumeDirectory(client, folder),
    list: (folder) => listFiles(client, folder),
    read: (path) => downloadFile(client, path),
    write: (path, content) => uploadFile(client, path, content),
    remove: (path) => deleteFile(client, path),
    removeFolder: (folder) => deleteVolumeDirectory(client, folder),
  };
}

function dbfs(client: Client): Store {
  const plain = (path: string) => path.slice("dbfs:".length);
  return {
    makeFolder: async () => undefined,
    list: (folder) => listDbfs(client, plain(folder)),
    read: (path) => readDbfs(client, plain(path)),
    write: (path, content) => writeDbfs(client, plain(path), content),
    remove: (path) => deleteDbfs(client, plain(path)),
    removeFolder: (folder) => deleteDbfs(client, plain(folder)),
  };
}

function workspace(client: Client): Store {
  return {
    makeFolder: (folder) => makeDirectory(client, plainPath(folder)),
    list: async (folder) => {
      const objects = await listDirectory(client, plainPath(folder));
      return (
        objects &&
        new Map(
          objects
            .filter(({ object_type }) => object_type === "FILE")
            .map(({ path, size = -1, modified_at }) => [
              path.slice(path.lastIndexOf("/") + 1),
              { size, modifiedAt: modified_at },
            ]),
        )
      );
    },
    read: (path) => downloadWorkspaceFile(client, plainPath(path)),
    write: (path, content) => uploadWorkspaceFile(client, plainPath(path), content),
    remove: (path) => deleteObject(client, plainPath(path)),
    removeFolder: (folder) => deleteObject(client, plainPath(folder)),
  };
}
