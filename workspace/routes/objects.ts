/** `/api/2.0/workspace/*`: notebooks, files and folders. https://docs.databricks.com/api/workspace/workspace */
import { optionalBoolean, optionalString, readJson, requiredQuery, requiredString, type Json } from "../body";
import type { App, RouteContext, Workspace } from "../context";
import { ApiError } from "../errors";
import {
  deleteObject,
  exportObject,
  getStatus,
  importFile,
  importObject,
  listFolder,
  makeDirectories,
} from "../objects";
import type { ImportRequest, ObjectRecord } from "../objects";
import { MAX_NOTEBOOK_BYTES } from "../objects/classify";

export function objectsRoutes(app: App, workspace: Workspace): void {
  app.post("/api/2.0/workspace/mkdirs", async (c) => {
    const body = await readJson(c);
    makeDirectories(workspace, c.get("identity"), requiredString(body, "path"));
    return c.json({});
  });

  app.post("/api/2.0/workspace/import", async (c) => {
    const object = await importObject(workspace, c.get("identity"), await readImport(c));
    // Undocumented, but the Terraform provider, and so Pulumi's, takes a notebook's id from here.
    return c.json({ object_id: object.id });
  });

  app.post("/api/2.0/workspace-files/import-file/:path{.+}", async (c) => {
    const content = Buffer.from(await c.req.arrayBuffer());
    const overwrite = optionalBoolean({ overwrite: c.req.query("overwrite") }, "overwrite");
    importFile(workspace, c.get("identity"), `/${c.req.param("path")}`, content, overwrite);
    return c.json({});
  });

  app.get("/api/2.0/workspace/get-status", (c) => {
    const object = getStatus(workspace, c.get("identity"), requiredQuery(c, "path"));
    const status = shown(object, workspace.settings.behaviour.notebookModifiedAt);
    // Undocumented, but the official CLI asks for it. Every notebook is kept as source.
    const withFormat = object.type === "NOTEBOOK" && c.req.query("return_export_info") === "true";
    return c.json(withFormat ? { ...status, repos_export_format: "SOURCE" } : status);
  });

  app.get("/api/2.0/workspace/list", (c) => {
    const after = Number(c.req.query("notebooks_modified_after") ?? 0);
    const objects = listFolder(workspace, c.get("identity"), requiredQuery(c, "path"))
      .filter((object) => object.type !== "NOTEBOOK" || object.modifiedAt >= after)
      .map((object) => shown(object, workspace.settings.behaviour.notebookModifiedAt));
    return c.json(objects.length > 0 ? { objects } : {});
  });

  app.get("/api/2.0/workspace/export", (c) => {
    const direct = optionalBoolean({ direct: c.req.query("direct_download") }, "direct");
    const path = requiredQuery(c, "path");
    const { content, fileType, fileName } = exportObject(
      workspace,
      c.get("identity"),
      path,
      c.req.query("format"),
    );
    if (!direct) return c.json({ content: content.toString("base64"), file_type: fileType });
    return c.body(new Uint8Array(content), 200, {
      "Content-Type": "application/octet-stream",
      "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(fileName)}`,
    });
  });

  app.post("/api/2.0/workspace/delete", async (c) => {
    const body = await readJson(c);
    deleteObject(
      workspace,
      c.get("identity"),
      requiredString(body, "path"),
      optionalBoolean(body, "recursive"),
    );
    return c.json({});
  });
}

/** An import comes as JSON with base64 content, or as a form with the content as a file or text. */
async function readImport(c: RouteContext): Promise<ImportRequest> {
  const isForm = (c.req.header("Content-Type") ?? "").startsWith("multipart/form-data");
  const fields: Json = isForm ? await readForm(c) : await readJson(c);
  const content = Buffer.isBuffer(fields.content)
    ? fields.content
    : decodeBase64(optionalString(fields, "content") ?? "");
  const path = requiredString(fields, "path");
  // Only forms may carry more, and JSON only notebooks of Jupyter (documented).
  const limit =
    isForm || path.endsWith(".ipynb") || fields.format === "JUPYTER" ? Infinity : MAX_NOTEBOOK_BYTES;
  if (content.byteLength > limit) {
    throw new ApiError(
      "MAX_NOTEBOOK_SIZE_EXCEEDED",
      `File size imported is (${content.byteLength} bytes), exceeded max size (${limit} bytes): ${path}`,
    );
  }
  return {
    path,
    content,
    format: optionalString(fields, "format"),
    language: optionalString(fields, "language"),
    overwrite: optionalBoolean(fields, "overwrite"),
  };
}

async function readForm(c: RouteContext): Promise<Json> {
  const fields: Json = {};
  for (const [name, value] of (await c.req.formData()).entries()) {
    const content = typeof value === "string" ? Buffer.from(value) : Buffer.from(await value.arrayBuffer());
    fields[name] = name === "content" ? content : content.toString("utf8");
  }
  return fields;
}

function decodeBase64(text: string): Buffer {
  const content = Buffer.from(text, "base64");
  if (Math.ceil(content.byteLength / 3) * 4 !== text.length + ((4 - (text.length % 4)) % 4)) {
    throw new ApiError("INVALID_PARAMETER_VALUE", "The content is not valid base64.");
  }
  return content;
}

/** An object as the API shows it: dates and size of files only, unless the workspace shows notebooks' as well. */
function shown(object: ObjectRecord, notebookModifiedAt: boolean): Json {
  const dated = object.type === "FILE" || (object.type === "NOTEBOOK" && notebookModifiedAt);
  return {
    object_type: object.type,
    path: object.path,
    object_id: object.id,
    resource_id: String(object.id),
    ...(object.language && { language: object.language }),
    ...(dated && { created_at: object.createdAt, modified_at: object.modifiedAt, size: object.size }),
  };
}
