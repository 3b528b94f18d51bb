/** Where the files of libraries are: workspace files, volumes and DBFS, as far as a run's identity may read them. */
import { readFileSync, writeFileSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import type { Identity, Workspace } from "../context";
import { entryAt, locate, namesOf, rootOf } from "../files/disk";
import { volumePath } from "../files/volumes";
import { mayAccess, readFile } from "../objects";

/** A text file that a library's settings name. Throws an error for people where it cannot be had. */
export function readText(workspace: Workspace, identity: Identity, address: string): string {
  const found = find(workspace, identity, address);
  return "content" in found ? found.content.toString("utf8") : readFileSync(found.local, "utf8");
}

/** Copies a library's file to `target`, so that it stays what it was while it is installed. Throws as `readText`. */
export async function copyTo(
  workspace: Workspace,
  identity: Identity,
  address: string,
  target: string,
): Promise<void> {
  const found = find(workspace, identity, address);
  if ("content" in found) writeFileSync(target, found.content, { mode: 0o600 });
  else await copyFile(found.local, target);
}

function find(
  workspace: Workspace,
  identity: Identity,
  address: string,
): { content: Buffer } | { local: string } {
  const plain = address.replace(/^dbfs:\/+(?=Volumes\/)/, "/");
  if (plain.startsWith("/Workspace/")) {
    const content = readFile(workspace, plain);
    if (content !== undefined && mayAccess(workspace, identity, plain, "CAN_READ")) return { content };
    throw absent(address, `${identity.userName} may not read it`);
  }
  const local = plain.startsWith("/Volumes/")
    ? volumePath(workspace, plain).local
    : plain.startsWith("dbfs:/")
      ? locate(rootOf(workspace, "dbfs"), namesOf(plain.slice("dbfs:".length)))
      : undefined;
  if (local === undefined) {
    throw new Error(
      `${address} is at no place that the local workspace installs from: /Workspace/…, /Volumes/… or dbfs:/….`,
    );
  }
  if (entryAt(local)?.directory === false) return { local };
  throw absent(address, "it is a folder");
}

function absent(address: string, otherwise: string): Error {
  return new Error(`No such file: ${address} does not exist, or ${otherwise}.`);
}
