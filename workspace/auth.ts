/**
 * Personal access tokens. One is known by its SHA-256 alone, but for the administrator's, which is kept in
 * `<dataDir>/token` (mode 600) so that it is the same after a restart.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { MiddlewareHandler } from "hono";
import type { Env, Identity, Workspace } from "./context";
import { ApiError } from "./errors";
import { findPrincipal } from "./identities";
import type { Store } from "./store";

interface TokenRecord {
  readonly userName: string;
  /** The whole SHA-256, compared in constant time after the lookup by its first half. */
  readonly digest: string;
  /** Epoch ms; absent: it lasts until it is taken back. */
  readonly until?: number;
}

const tokens = (store: Store) => store.table<TokenRecord>("tokens");

/** The administrator's token: the one on disk, or a new one. */
export function adminToken(dataDir: string): string {
  const file = path.join(dataDir, "token");
  if (existsSync(file)) {
    const token = readFileSync(file, "utf8").trim();
    chmodSync(file, 0o600);
    if (token !== "") return token;
  }
  const token = newToken();
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  return token;
}

function newToken(): string {
  return `dapi${randomBytes(16).toString("hex")}`;
}

/** A further token of a user; shown once, kept as a digest. `until` (epoch ms): when it ends by itself. */
export function issueToken(store: Store, userName: string, until?: number): string {
  const token = newToken();
  acceptToken(store, token, userName, until);
  return token;
}

/** From now on, `token` stands for that user. */
export function acceptToken(store: Store, token: string, userName: string, until?: number): void {
  const digest = digestOf(token);
  if (tokens(store).get(keyOf(digest))?.digest !== digest)
    tokens(store).putSync(keyOf(digest), { userName, digest, until });
}

/** Takes a token back: from now on it is invalid. */
export function revokeToken(store: Store, token: string): void {
  tokens(store).removeSync(keyOf(digestOf(token)));
}

/** The token's owner, or undefined where the token is unknown. */
export function identityOfToken(store: Store, token: string): Identity | undefined {
  const digest = digestOf(token);
  const record = tokens(store).get(keyOf(digest));
  if (!record || !timingSafeEqual(Buffer.from(record.digest), Buffer.from(digest))) return undefined;
  if (record.until !== undefined && record.until < Date.now()) return undefined;
  return findPrincipal(store, record.userName);
}

function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function keyOf(digest: string): string {
  return digest.slice(0, 32);
}

/** Lets a request pass only with a known token, and remembers its owner as the context's `identity`. */
export function authenticate(workspace: Workspace): MiddlewareHandler<Env> {
  return async (c, next) => {
    const token = /^Bearer +(\S+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
    if (!token) {
      throw new ApiError(
        "401",
        "Credential was not sent or was of an unsupported type for this API. " +
          "Send a personal access token of this workspace as `Authorization: Bearer …`.",
      );
    }
    const identity = identityOfToken(workspace.store, token);
    if (!identity) throw new ApiError("403", "Invalid access token.");
    c.set("identity", identity);
    return next();
  };
}

/** Lets only administrators pass; for the server's own `/__workspace/*` routes. */
export function requireAdmin(): MiddlewareHandler<Env> {
  return async (c, next) => {
    if (!c.get("identity").admin)
      throw new ApiError("PERMISSION_DENIED", "Only administrators may use this.");
    return next();
  };
}
