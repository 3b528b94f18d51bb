/**
 * The workspace's tree of folders, notebooks and files, as it is stored. Knows nothing of callers or formats.
 * A key is `<folder>//<name>`: one range read lists a folder, one a whole subtree.
 */
import { ApiError } from "../errors";
import type { Store } from "../store";
import { ancestorsOf, nameOf, parentOf } from "./paths";

export type Language = "PYTHON" | "SCALA" | "SQL" | "R";

/** One object; times in milliseconds since 1970, `size` in bytes of the content (0 for a folder). */
export interface ObjectRecord {
  readonly id: number;
  readonly path: string;
  readonly type: "DIRECTORY" | "NOTEBOOK" | "FILE";
  /** Of notebooks. */
  readonly language?: Language;
  readonly size: number;
  readonly createdAt: number;
  readonly modifiedAt: number;
  /** User name of whoever made it; absent where the workspace did. */
  readonly createdBy?: string;
}

export interface NewObject {
  readonly path: string;
  readonly type: "NOTEBOOK" | "FILE";
  readonly language?: Language;
  readonly content: Uint8Array;
}

const FIRST_ID = 1_000_000_000_000;

const trees = new WeakMap<Store, ObjectTree>();

/** The tree that is kept in a store. */
export function treeOf(store: Store): ObjectTree {
  const tree = trees.get(store) ?? new ObjectTree(store);
  trees.set(store, tree);
  return tree;
}

export class ObjectTree {
  private readonly objects;
  private readonly contents;
  private readonly paths;

  constructor(private readonly store: Store) {
    this.objects = store.table<ObjectRecord>("objects");
    this.contents = store.table<Uint8Array>("contents");
    this.paths = store.table<string>("objectPaths");
    if (!this.get("/")) {
      for (const path of ["/", "/Users", "/Shared"]) this.putDirectory(path, undefined);
    }
  }

  get(path: string): ObjectRecord | undefined {
    return this.objects.get(keyOf(path));
  }

  byId(id: number | string): ObjectRecord | undefined {
    const path = this.paths.get(String(id));
    return path === undefined ? undefined : this.get(path);
  }

  content(object: ObjectRecord): Buffer {
    return Buffer.from(this.contents.get(String(object.id)) ?? new Uint8Array());
  }

  /** What lies directly in a folder, by name. */
  children(folder: string): ObjectRecord[] {
    const prefix = `${folder === "/" ? "" : folder}//`;
    return this.range(prefix, `${prefix.slice(0, -1)}0`).filter((object) => object.path !== "/");
  }

  hasChildren(folder: string): boolean {
    const start = `${folder}//`;
    for (const _ of this.objects.getRange({ start, end: `${folder}/0`, limit: 1 })) return true;
    return false;
  }

  /** All that lies in a folder and its folders, without the folder itself. */
  descendants(folder: string): ObjectRecord[] {
    if (folder === "/") return this.range("/", "0").filter((object) => object.path !== "/");
    return this.range(`${folder}/`, `${folder}0`);
  }

  private range(start: string, end: string): ObjectRecord[] {
    const found: ObjectRecord[] = [];
    for (const { value } of this.objects.getRange({ start, end })) found.push(value);
    return found;
  }

  /** Makes a folder and those above it. Throws `RESOURCE_ALREADY_EXISTS` where one of them is no folder. */
  ensureDirectory(path: string, createdBy: string | undefined): void {
    this.store.transaction(() => {
      for (const folder of [...ancestorsOf(path), path]) {
        const found = this.get(folder);
        if (!found) this.putDirectory(folder, createdBy);
        else if (found.type !== "DIRECTORY") {
          throw new ApiError(
            "RESOURCE_ALREADY_EXISTS",
            `Path (${folder}) already exists and it is not a folder.`,
          );
        }
      }
    });
  }

  private putDirectory(path: string, createdBy: string | undefined): void {
    const now = Date.now();
    this.put({
      id: this.newId(),
      path,
      type: "DIRECTORY",
      size: 0,
      createdAt: now,
      modifiedAt: now,
      createdBy,
    });
  }

  /**
   * Writes a notebook or file; one at the same path keeps its id and its date of birth. Throws
   * `RESOURCE_ALREADY_EXISTS` where something of another type is there: Databricks does not turn one into the other.
   */
  write(object: NewObject, createdBy: string): ObjectRecord {
    return this.store.transaction(() => {
      const { path, type, language, content } = object;
      const old = this.get(path);
      if (old && old.type !== type) {
        throw new ApiError(
          "RESOURCE_ALREADY_EXISTS",
          `Node named '${nameOf(path)}' already exists (${old.type}).`,
        );
      }
      const now = Date.now();
      const record: ObjectRecord = {
        id: old?.id ?? this.newId(),
        path,
        type,
        language,
        size: content.byteLength,
        createdAt: old?.createdAt ?? now,
        modifiedAt: now,
        createdBy: old?.createdBy ?? createdBy,
      };
      this.put(record);
      this.contents.putSync(String(record.id), content);
      return record;
    });
  }

  /** Several at once, with the folders that they need: all or none. */
  writeAll(objects: readonly NewObject[], createdBy: string): void {
    this.store.transaction(() => {
      const made = new Set<string>();
      for (const object of objects) {
        const folder = parentOf(object.path);
        if (!made.has(folder)) this.ensureDirectory(folder, createdBy);
        made.add(folder);
        this.write(object, createdBy);
      }
    });
  }

  /** Removes objects with their contents. */
  remove(objects: readonly ObjectRecord[]): void {
    this.store.transaction(() => {
      for (const object of objects) {
        this.objects.removeSync(keyOf(object.path));
        this.contents.removeSync(String(object.id));
        this.paths.removeSync(String(object.id));
      }
    });
  }

  private put(record: ObjectRecord): void {
    const known = this.get(record.path);
    this.objects.putSync(keyOf(record.path), record);
    if (!known) this.paths.putSync(String(record.id), record.path);
  }

  private newId(): number {
    return this.store.nextId("object", FIRST_ID);
  }
}

function keyOf(path: string): string {
  return path === "/" ? "//" : `${parentOf(path) === "/" ? "" : parentOf(path)}//${nameOf(path)}`;
}
