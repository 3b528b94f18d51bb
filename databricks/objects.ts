/** Files, folders and notebooks of a workspace. API: /api/2.0/workspace. */
import { isNotFound } from "./errors";
import type { Call, Client } from "./client";

export type ObjectType = "NOTEBOOK" | "FILE" | "DIRECTORY" | "LIBRARY" | "REPO" | "DASHBOARD";
export interface ObjectInfo {
  readonly path: string;
  readonly object_type: ObjectType;
  readonly object_id: number;
  readonly language?: string;
  /** Epoch ms and bytes; documented for files only. */
  readonly modified_at?: number;
  readonly size?: number;
}

export interface Import {
  readonly path: string;
  readonly content: Buffer;
  readonly format: "AUTO" | "SOURCE" | "RAW" | "JUPYTER";
  readonly language?: string;
  readonly overwrite?: boolean;
}

type Pace = Pick<Call, "paced">;

export async function importObject(client: Client, object: Import, pace?: Pace): Promise<void> {
  const { content, ...rest } = object;
  await client.call("POST", "/api/2.0/workspace/import", {
    body: { ...rest, content: content.toString("base64") },
    repeatable: object.overwrite === true,
    timeoutMs: 120_000,
    ...pace,
  });
}

/** Creates the folder and its parents; one that exists is fine. */
export async function makeDirectory(client: Client, path: string, pace?: Pace): Promise<void> {
  await client.call("POST", "/api/2.0/workspace/mkdirs", { body: { path }, repeatable: true, ...pace });
}

/** The objects in one folder (not below it); undefined where the folder does not exist. */
export async function listDirectory(client: Client, path: string): Promise<ObjectInfo[] | undefined> {
  try {
    const answer = await client.call<{ objects?: ObjectInfo[] }>("GET", "/api/2.0/workspace/list", {
      query: { path },
    });
    return answer.objects ?? [];
  } catch (error) {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  }
}

export async function getStatus(client: Client, path: string): Promise<ObjectInfo | undefined> {
  try {
    return await client.call<ObjectInfo>("GET", "/api/2.0/workspace/get-status", { query: { path } });
  } catch (error) {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  }
}

/** An object's content: a notebook's source, or a file's bytes. */
export async function exportObject(client: Client, path: string, format = "SOURCE"): Promise<Buffer> {
  const query = { path, format };
  const { content = "" } = await client.call<{ content?: string }>("GET", "/api/2.0/workspace/export", {
    query,
  });
  return Buffer.from(content, "base64");
}

/**
 * A folder's notebooks, those of its folders too, as their sources in one zip archive; other objects are left out.
 * An archive over 10 MB is refused (`MAX_NOTEBOOK_SIZE_EXCEEDED`). Two minutes for the call with its repeats: a caller
 * has smaller folders to ask for. What answers is not checked to be an archive.
 */
export async function exportDirectory(client: Client, path: string): Promise<Buffer> {
  const { content } = await client.call<{ content?: unknown }>("GET", "/api/2.0/workspace/export", {
    query: { path, format: "SOURCE" },
    deadlineMs: 120_000,
  });
  return Buffer.from(typeof content === "string" ? content : "", "base64");
}

/** Deletes an object, a folder with everything in it; one that is gone already is fine. */
export async function deleteObject(client: Client, path: string): Promise<void> {
  try {
    await client.call("POST", "/api/2.0/workspace/delete", {
      body: { path, recursive: true },
      repeatable: true,
    });
  } catch (error) {
    if (!isNotFound(error)) {
      throw error;
    }
  }
}
