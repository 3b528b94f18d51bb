/** Files of DBFS. API: /api/2.0/dbfs; paths are absolute, without `dbfs:`. */
import { ApiError, ConnectionError, isNotFound } from "./errors";
import type { Client } from "./client";
import type { FileInfo } from "./files";

const API = "/api/2.0/dbfs";
const MiB = 1024 * 1024;
/** `put` and `add-block` take 1 MB; whether of content or of its base64 is not said, so of base64. */
const BLOCK_BYTES = (MiB / 4) * 3;
/** One `read` answers 1 MB at most. */
const READ_BYTES = MiB;
/** Times that a broken upload begins anew: a block that may have arrived cannot be sent again. */
const ATTEMPTS = 3;

/** @throws ApiError where there is none */
export async function readDbfs(client: Client, path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let offset = 0; ;) {
    const { bytes_read, data } = await client.call<{ bytes_read: number; data: string }>(
      "GET",
      `${API}/read`,
      {
        query: { path, offset, length: READ_BYTES },
      },
    );
    if (bytes_read === 0) {
      return Buffer.concat(parts);
    }
    parts.push(Buffer.from(data, "base64"));
    offset += bytes_read;
  }
}

/** Writes a whole file, over what is there; folders are made. One that is too large for a request goes by blocks. */
export async function writeDbfs(client: Client, path: string, content: Buffer): Promise<void> {
  if (content.length <= BLOCK_BYTES) {
    const body = { path, contents: content.toString("base64"), overwrite: true };
    await client.call("POST", `${API}/put`, { body, repeatable: true });
    return;
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return await stream(client, path, content);
    } catch (error) {
      const passing =
        error instanceof ConnectionError ||
        (error instanceof ApiError && (error.status >= 500 || error.notFound));
      if (!passing || attempt === ATTEMPTS) {
        throw error;
      }
    }
  }
}

async function stream(client: Client, path: string, content: Buffer): Promise<void> {
  const { handle } = await client.call<{ handle: number }>("POST", `${API}/create`, {
    body: { path, overwrite: true },
    repeatable: true,
  });
  for (let from = 0; from < content.length; from += BLOCK_BYTES) {
    const data = content.subarray(from, from + BLOCK_BYTES).toString("base64");
    await client.call("POST", `${API}/add-block`, { body: { handle, data } });
  }
  await client.call("POST", `${API}/close`, { body: { handle } });
}

/** The files in a folder (not below it) by name; undefined where it does not exist. */
export async function listDbfs(client: Client, path: string): Promise<Map<string, FileInfo> | undefined> {
  interface Entry {
    path: string;
    is_dir: boolean;
    file_size: number;
    modification_time?: number;
  }
  try {
    const { files = [] } = await client.call<{ files?: Entry[] }>("GET", `${API}/list`, { query: { path } });
    return new Map(
      files
        .filter(({ is_dir }) => !is_dir)
        .map(({ path: file, file_size, modification_time }) => [
          file.slice(file.lastIndexOf("/") + 1),
          { size: file_size, modifiedAt: modification_time },
        ]),
    );
  } catch (error) {
    return undefinedIfGone(error);
  }
}

/** Deletes a file, or a folder with what is in it; one that is gone already is fine. */
export async function deleteDbfs(client: Client, path: string): Promise<void> {
  await client
    .call("POST", `${API}/delete`, { body: { path, recursive: true }, repeatable: true })
    .catch(undefinedIfGone);
}

function undefinedIfGone(error: unknown): undefined {
  if (isNotFound(error)) {
    return undefined;
  }
  throw error;
}
