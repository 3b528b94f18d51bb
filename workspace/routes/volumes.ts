/** `/api/2.1/unity-catalog/volumes`: managed volumes. https://docs.databricks.com/api/workspace/volumes */
import { optionalString, readJson, requiredQuery, requiredString, type Json } from "../body";
import type { App, Workspace } from "../context";
import { ApiError } from "../errors";
import {
  createVolume,
  deleteVolume,
  fullNameOf,
  getVolume,
  listVolumes,
  updateVolume,
  type VolumeRecord,
} from "../files/volumes";

const ROOT = "/api/2.1/unity-catalog/volumes";

export function volumesRoutes(app: App, workspace: Workspace): void {
  app.post(ROOT, async (c) => {
    const body = await readJson(c);
    const type = requiredString(body, "volume_type");
    if (type !== "MANAGED" || body.storage_location !== undefined) {
      throw new ApiError(
        "NOT_IMPLEMENTED",
        `The local workspace has volumes of type MANAGED without a storage_location only, not ${type}.`,
      );
    }
    const volume = createVolume(workspace, c.get("identity"), {
      catalog: requiredString(body, "catalog_name"),
      schema: requiredString(body, "schema_name"),
      name: requiredString(body, "name"),
      comment: optionalString(body, "comment"),
    });
    return c.json(shown(workspace, volume));
  });

  // One page holds them all: `max_results` is a wish.
  app.get(ROOT, (c) => {
    const found = listVolumes(workspace, requiredQuery(c, "catalog_name"), requiredQuery(c, "schema_name"));
    return c.json(found.length > 0 ? { volumes: found.map((volume) => shown(workspace, volume)) } : {});
  });

  app.get(`${ROOT}/:name`, (c) => c.json(shown(workspace, getVolume(workspace, c.req.param("name")))));

  app.patch(`${ROOT}/:name`, async (c) => {
    const body = await readJson(c);
    for (const field of ["new_name", "owner"]) {
      if (body[field] !== undefined)
        throw new ApiError(
          "NOT_IMPLEMENTED",
          `The local workspace lacks this: changing a volume's ${field}.`,
        );
    }
    const comment = requiredString(body, "comment");
    return c.json(shown(workspace, updateVolume(workspace, c.get("identity"), c.req.param("name"), comment)));
  });

  app.delete(`${ROOT}/:name`, (c) => {
    deleteVolume(workspace, c.get("identity"), c.req.param("name"));
    return c.json({});
  });
}

function shown({ settings }: Workspace, volume: VolumeRecord): Json {
  return {
    volume_id: volume.id,
    catalog_name: volume.catalog,
    schema_name: volume.schema,
    name: volume.name,
    full_name: fullNameOf(volume),
    volume_type: "MANAGED",
    owner: volume.owner,
    ...(volume.comment !== undefined && { comment: volume.comment }),
    created_at: volume.createdAt,
    created_by: volume.createdBy,
    updated_at: volume.updatedAt,
    updated_by: volume.owner,
    // Not to be read: the files are reached through the Files API.
    storage_location: `local://${settings.workspaceId}/volumes/${volume.id}`,
  };
}
