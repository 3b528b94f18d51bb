/** Workspace files of any size, as they are. API: /api/2.0/workspace/import and /export. */
import { FormData } from "undici";
import type { Client } from "./client";
import { importObject } from "./objects";

/** JSON takes 10 MB; a form, which the API documents beside it, takes larger files. */
const JSON_BYTES = 10 * 1024 * 1024;
const TRANSFER_MS = 10 * 60_000;

/** Writes a whole file, over what is there; its folder must exist. `RAW`: nothing is unpacked or made a notebook of. */
export async function uploadWorkspaceFile(client: Client, path: string, content: Buffer): Promise<void> {
  if (content.length <= JSON_BYTES) {
    return importObject(client, { path, content, format: "RAW", overwrite: true });
  }
  const form = new FormData();
  form.set("path", path);
  form.set("format", "RAW");
  form.set("overwrite", "true");
  form.set("content", new Blob([new Uint8Array(content)]), "content");
  await client.call("POST", "/api/2.0/workspace/import", {
    payload: form,
    repeatable: true,
    timeoutMs: TRANSFER_MS,
  });
}

/** @throws ApiError where there is none */
export async function downloadWorkspaceFile(client: Client, path: string): Promise<Buffer> {
  return client.bytes("GET", "/api/2.0/workspace/export", {
    query: { path, format: "AUTO", direct_download: true },
    timeoutMs: TRANSFER_MS,
  });
}
