/**
 * Where the host and the credentials come from: the environment or a profile, as in Databricks' unified
 * authentication (docs: "Databricks unified authentication"). They are resolved when a call needs them and never
 * stored, so that a rotated token is used at once.
 */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parse } from "ini";
import { CredentialsError } from "./errors";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What to sign requests with: a token as it is, or a service principal's client id and secret (OAuth, machine to machine). */
export type Credentials =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "client"; readonly clientId: string; readonly clientSecret: string };

/** Adds `https://` where no scheme is given and drops a path and a slash at the end. */
export function normalizeHost(host: string): string {
  const address = /^https?:\/\//i.test(host) ? host : `https://${host}`;
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new CredentialsError(
      `"${host}" is not a workspace's address. Expected something like https://adb-1234567890.1.azuredatabricks.net`,
    );
  }
  if (url.username || url.password) {
    throw new CredentialsError(
      "The workspace's address must not contain credentials; set DATABRICKS_TOKEN instead.",
    );
  }
  return url.origin;
}

/**
 * The workspace's address: the stack's `databricks:host`, else `DATABRICKS_HOST`, else the profile's.
 * @throws CredentialsError if none is set.
 */
export function resolveHost(configured: string | undefined, env: Environment = process.env): string {
  const host = configured || env.DATABRICKS_HOST || readProfile(env)?.host;
  if (!host) {
    throw new CredentialsError(
      "No workspace is named. Set DATABRICKS_HOST (or databricks:host in the stack's file, or DATABRICKS_CONFIG_PROFILE).",
    );
  }
  return normalizeHost(host);
}

/**
 * The credentials for a workspace, in the order of the official clients: token, client id and secret, profile.
 * @throws CredentialsError naming what is missing.
 */
export function resolveCredentials(env: Environment = process.env): Credentials {
  const fromEnvironment = fromValues({
    token: env.DATABRICKS_TOKEN,
    client_id: env.DATABRICKS_CLIENT_ID,
    client_secret: env.DATABRICKS_CLIENT_SECRET,
  });
  if (fromEnvironment) {
    return fromEnvironment;
  }
  const profile = readProfile(env);
  const fromProfile = profile && fromValues(profile);
  if (fromProfile) {
    return fromProfile;
  }
  throw new CredentialsError(
    "No Databricks credentials. Set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, " +
      "or DATABRICKS_CONFIG_PROFILE with a profile that holds one of them.",
  );
}

function fromValues(values: Record<string, string | undefined>): Credentials | undefined {
  if (values.token) {
    return { kind: "token", token: values.token };
  }
  if (values.client_id && values.client_secret) {
    return { kind: "client", clientId: values.client_id, clientSecret: values.client_secret };
  }
  return undefined;
}

/** The profile named by `DATABRICKS_CONFIG_PROFILE`, else `DEFAULT` where the file has one. */
function readProfile(env: Environment): Record<string, string | undefined> | undefined {
  const file = env.DATABRICKS_CONFIG_FILE || join(homedir(), ".databrickscfg");
  const name = env.DATABRICKS_CONFIG_PROFILE;
  if (!existsSync(file)) {
    if (name) {
      throw new CredentialsError(`DATABRICKS_CONFIG_PROFILE is "${name}", but ${file} does not exist.`);
    }
    return undefined;
  }
  // `ini` takes a dot in a section's name for a subsection; a profile's name may have one.
  const text = readFileSync(file, "utf8").replace(/^\s*\[.*\]/gm, (section) =>
    section.trim().replaceAll(".", "\\."),
  );
  const profiles = parse(text) as Record<string, Record<string, string> | undefined>;
  const profile = profiles[name ?? "DEFAULT"];
  if (!profile && name) {
    throw new CredentialsError(
      `${file} has no profile "${name}". It has: ${Object.keys(profiles).join(", ")}.`,
    );
  }
  return profile;
}
