/** Files of Unity Catalog volumes. API: Files, /api/2.0/fs; paths begin with `/Volumes/<catalog>/<schema>/<volume>`. */
import { isNotFound } from "./errors";
import type { Client } from "./client";

/** What is known of a file without its content. */
export interface FileInfo {
  /** Bytes. */
  readonly size: number;
  /** Epoch ms; undefined where the API does not say. */
  readonly modifiedAt?: number;
}

/** One upload takes up to 5 GiB by its documentation; here it is held in memory. */
const TRANSFER_MS = 10 * 60_000;

/** @throws ApiError where there is none */
export async function downloadFile(client: Client, path: string): Promise<Buffer> {
  return client.bytes("GET", address("files", path), { timeoutMs: TRANSFER_MS });
}

/** Writes a whole file, over what is there; its folder must exist. */
export async function uploadFile(client: Client, path: string, content: Buffer): Promise<void> {
  await client.call("PUT", address("files", path), {
    query: { overwrite: true },
    payload: content,
    timeoutMs: TRANSFER_MS,
  });
}

/** Creates the folder and its parents; one that exists is fine. */
export async function makeVolumeDirectory(client: Client, path: string): Promise<void> {
  await client.call("PUT", address("directories", path));
}

/** The files in a folder (not below it) by name; undefined where it does not exist. */
export async function listFiles(client: Client, path: string): Promise<Map<string, FileInfo> | undefined> {
  interface Page {
    contents?: { name: string; is_directory?: boolean; file_size?: number; last_modified?: number }[];
    next_page_token?: string;
  }
  const files = new Map<string, FileInfo>();
  try {
    let page: Page = {};
    do {
      page = await client.call<Page>("GET", address("directories", path), {
        query: { page_token: page.next_page_token },
      });
      for (const { name, is_directory, file_size = 0, last_modified } of page.contents ?? []) {
        if (!is_directory) {
          files.set(name, { size: file_size, modifiedAt: last_modified });
        }
      }
    } while (page.next_page_token);
    return files;
  } catch (error) {
    return undefinedIfGone(error);
  }
}

/** Deletes a file; one that is gone already is fine. */
export async function deleteFile(client: Client, path: string): Promise<void> {
  await client.call("DELETE", address("files", path)).catch(undefinedIfGone);
}

/** Deletes an empty folder; one that is gone already is fine. @throws ApiError where it is not empty */
export async function deleteVolumeDirectory(client: Client, path: string): Promise<void> {
  await client.call("DELETE", address("directories", path)).catch(undefinedIfGone);
}

function address(kind: "files" | "directories", path: string): string {
  return `/api/2.0/fs/${kind}${path.split("/").map(encodeURIComponent).join("/")}`;
}

function undefinedIfGone(error: unknown): undefined {
  if (isNotFound(error)) {
    return undefined;
  }
  throw error;
}
