/** Files, folders and notebooks of a workspace. API: /api/2.0/workspace. */
import { FormData } from "undici";
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

/** "The base64-encoded content. This has a limit of 10 MB": of both readings of MB the smaller, and room for the rest of the body. */
const JSON_BYTES = 10_000_000 - 10_000;
/** Bytes that an import takes as JSON. Above it goes a form, which is known to work for files and single notebooks only. */
export const MAX_JSON_CONTENT = (JSON_BYTES / 4) * 3;

export async function importObject(client: Client, object: Import, pace?: Pace): Promise<void> {
  await client.call("POST", "/api/2.0/workspace/import", {
    ...(object.content.length > MAX_JSON_CONTENT ? { payload: asForm(object) } : { body: asJson(object) }),
    repeatable: object.overwrite === true,
    timeoutMs: 120_000,
    ...pace,
  });
}

function asJson({ content, ...rest }: Import) {
  return { ...rest, content: content.toString("base64") };
}

function asForm({ content, ...rest }: Import): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined) {
      form.set(name, String(value));
    }
  }
  form.set("content", new Blob([new Uint8Array(content)]), "content");
  return form;
}

/**
 * Makes the folder `path` of a zip archive of sources. The folder must not exist (`RESOURCE_ALREADY_EXISTS`), the one
 * above it must. Documented: format `SOURCE` without a language imports a directory; a `.zip` sent as `AUTO`
 * is unpacked too, but that is only known from use. A repeat does no harm: it meets the folder that the first one made.
 */
export async function importArchive(client: Client, path: string, content: Buffer): Promise<void> {
  await client.call("POST", "/api/2.0/workspace/import", {
    body: asJson({ path, format: "SOURCE", content }),
    repeatable: true,
    timeoutMs: 120_000,
    deadlineMs: 240_000,
    paced: true,
  });
}

/** Creates the folder and its parents; one that exists is fine. */
export async function makeDirectory(client: Client, path: string, pace?: Pace): Promise<void> {
  await client.call("POST", "/api/2.0/workspace/mkdirs", { body: { path }, repeatable: true, ...pace });
}

/** The objects in one folder (not below it); undefined where the folder does not exist. */
export async function listDirectory(
  client: Client,
  path: string,
  pace?: Pace,
): Promise<ObjectInfo[] | undefined> {
  try {
    const answer = await client.call<{ objects?: ObjectInfo[] }>("GET", "/api/2.0/workspace/list", {
      query: { path },
      ...pace,
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
export async function exportObject(
  client: Client,
  path: string,
  format = "SOURCE",
  pace?: Pace,
): Promise<Buffer> {
  const query = { path, format };
  const { content = "" } = await client.call<{ content?: string }>("GET", "/api/2.0/workspace/export", {
    query,
    ...pace,
  });
  return Buffer.from(content, "base64");
}

/**
 * A folder's notebooks, those of its folders too, as their sources in one zip archive; other objects are left out.
 * An archive over 10 MB is refused (`MAX_NOTEBOOK_SIZE_EXCEEDED`). Two minutes for the call with its repeats: a caller
 * has smaller folders to ask for. What answers is not checked to be an archive.
 */
export async function exportDirectory(client: Client, path: string, pace?: Pace): Promise<Buffer> {
  const { content } = await client.call<{ content?: unknown }>("GET", "/api/2.0/workspace/export", {
    query: { path, format: "SOURCE" },
    deadlineMs: 120_000,
    ...pace,
  });
  return Buffer.from(typeof content === "string" ? content : "", "base64");
}

/** Deletes an object, a folder with everything in it; one that is gone already is fine. */
export async function deleteObject(client: Client, path: string, pace?: Pace): Promise<void> {
  try {
    await client.call("POST", "/api/2.0/workspace/delete", {
      body: { path, recursive: true },
      repeatable: true,
      ...pace,
    });
  } catch (error) {
    if (!isNotFound(error)) {
      throw error;
    }
  }
}

/** A path as the API lists it: the same object is named with and without the `/Workspace` prefix. */
export function plainPath(path: string): string {
  return path.replace(/^\/Workspace(?=\/)/, "");
}
