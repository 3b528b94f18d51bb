/** `/api/2.0/dbfs/*`: the workspace's root storage. https://docs.databricks.com/api/workspace/dbfs */
import { optionalBoolean, readJson, requiredQuery, requiredString, type Json } from "../body";
import type { App, RouteContext, Workspace } from "../context";
import { ApiError } from "../errors";
import { checkBlock, Dbfs, type DbfsEntry } from "../files/dbfs";

/** Bytes of a form, which the server holds in memory. (Databricks takes 2 GB.) */
const MAX_FORM_BYTES = 64 * 1024 * 1024;

export function dbfsRoutes(app: App, workspace: Workspace): void {
  const dbfs = new Dbfs(workspace);
  const root = "/api/2.0/dbfs";

  app.post(`${root}/put`, async (c) => {
    const { path, content, overwrite } = await readPut(c);
    dbfs.put(path, content, overwrite);
    return c.json({});
  });

  app.post(`${root}/create`, async (c) => {
    const body = await readJson(c);
    const handle = dbfs.create(requiredString(body, "path"), optionalBoolean(body, "overwrite"));
    return c.json({ handle });
  });

  app.post(`${root}/add-block`, async (c) => {
    const body = await readJson(c);
    dbfs.addBlock(readNumber(body.handle, "handle"), decoded(requiredString(body, "data"), "data"));
    return c.json({});
  });

  app.post(`${root}/close`, async (c) => {
    dbfs.close(readNumber((await readJson(c)).handle, "handle"));
    return c.json({});
  });

  app.get(`${root}/get-status`, (c) => c.json(shown(dbfs.status(requiredQuery(c, "path")))));

  app.get(`${root}/list`, (c) => {
    const files = dbfs.list(requiredQuery(c, "path")).map(shown);
    return c.json(files.length > 0 ? { files } : {});
  });

  app.get(`${root}/read`, (c) => {
    const number = (field: string) => {
      const text = c.req.query(field);
      return text === undefined || text === "" ? undefined : readNumber(text, field);
    };
    const data = dbfs.read(requiredQuery(c, "path"), number("offset"), number("length"));
    return c.json({ bytes_read: data.byteLength, data: data.toString("base64") });
  });

  app.post(`${root}/delete`, async (c) => {
    const body = await readJson(c);
    dbfs.delete(requiredString(body, "path"), optionalBoolean(body, "recursive"));
    return c.json({});
  });

  app.post(`${root}/mkdirs`, async (c) => {
    dbfs.mkdirs(requiredString(await readJson(c), "path"));
    return c.json({});
  });

  app.post(`${root}/move`, async (c) => {
    const body = await readJson(c);
    dbfs.move(requiredString(body, "source_path"), requiredString(body, "destination_path"));
    return c.json({});
  });
}

/** As JSON with base64 contents (1 MB at most), or as a form with the contents as a file. */
async function readPut(c: RouteContext): Promise<{ path: string; content: Buffer; overwrite: boolean }> {
  if (!(c.req.header("Content-Type") ?? "").startsWith("multipart/form-data")) {
    const body = await readJson(c);
    const path = requiredString(body, "path");
    const content = decoded((body.contents as string | undefined) ?? "", "contents");
    checkBlock(content);
    return { path, content, overwrite: optionalBoolean(body, "overwrite") };
  }
  const length = Number(c.req.header("Content-Length"));
  if (!(length <= MAX_FORM_BYTES)) {
    throw new ApiError(
      "MAX_BLOCK_SIZE_EXCEEDED",
      `The local workspace takes forms of up to ${MAX_FORM_BYTES} bytes with a Content-Length; ` +
        "send larger files with create, add-block and close.",
    );
  }
  const body = Buffer.from(await c.req.arrayBuffer());
  const form = partsOf(body, c.req.header("Content-Type") ?? "");
  const fields: Json = {
    path: form.get("path")?.toString(),
    overwrite: form.get("overwrite")?.toString().toLowerCase(),
  };
  return {
    path: requiredString(fields, "path"),
    content: form.get("contents") ?? form.get("content") ?? Buffer.alloc(0),
    overwrite: optionalBoolean(fields, "overwrite"),
  };
}

/** A form's fields as bytes. Databricks' CLI sends the file without a name, which Node's own parser takes for text. */
function partsOf(body: Buffer, contentType: string): Map<string, Buffer> {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  const parts = new Map<string, Buffer>();
  const separator = Buffer.from(`\r\n--${boundary}`);
  // The first separator has no line before it.
  const whole = Buffer.concat([Buffer.from("\r\n"), body]);
  let start = whole.indexOf(separator);
  for (let end: number; start >= 0; start = end) {
    end = whole.indexOf(separator, start + separator.length);
    if (end < 0) break;
    const part = whole.subarray(start + separator.length, end);
    const gap = part.indexOf("\r\n\r\n");
    const name = /\bname="([^"]*)"/.exec(part.subarray(0, Math.max(0, gap)).toString())?.[1];
    if (name !== undefined) parts.set(name, part.subarray(gap + 4));
  }
  if (boundary === undefined || parts.size === 0)
    throw new ApiError("MALFORMED_REQUEST", "Could not parse request object: the form has no fields.");
  return parts;
}

function decoded(text: string, field: string): Buffer {
  if (typeof text !== "string" || !/^[A-Za-z0-9+/_-]*={0,2}\s*$/.test(text))
    throw new ApiError("INVALID_PARAMETER_VALUE", `${field} is not valid base64.`);
  return Buffer.from(text, "base64");
}

function readNumber(value: unknown, field: string): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || Number.isNaN(number))
    throw new ApiError("MALFORMED_REQUEST", `Could not parse request object: ${field} must be a number.`);
  return number;
}

/** An entry as the API shows it; times in milliseconds since 1970. */
function shown(entry: DbfsEntry): object {
  return {
    path: entry.path,
    is_dir: entry.directory,
    file_size: entry.size,
    modification_time: entry.modifiedAt,
  };
}
