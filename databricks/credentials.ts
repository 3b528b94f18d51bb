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

/**
 * What to sign requests with: a token as it is; a service principal's client id and secret (OAuth, machine to machine);
 * or the identity that GitHub gives to a job of Actions (docs: "Workload identity federation").
 */
export type Credentials =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "client"; readonly clientId: string; readonly clientSecret: string }
  | GitHubIdentity;

export interface GitHubIdentity {
  readonly kind: "github-oidc";
  /** Of the service principal with the federation policy; absent where the account's policy maps the identity. */
  readonly clientId?: string;
  /** What the policy expects. @default the workspace's token endpoint */
  readonly audience?: string;
  /** Where the job asks for its identity, and with what: GitHub sets both in a job that has `id-token: write`. */
  readonly requestUrl: string;
  readonly requestToken: string;
}

/** `DATABRICKS_AUTH_TYPE`, or a profile's `auth_type`: only this one is tried then. */
const AUTH_TYPES = { pat: "token", "oauth-m2m": "client", "github-oidc": "github-oidc" } as const;

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
 * The credentials for a workspace, in the order of the official clients: token, client id and secret, each from the
 * environment before the profile; then GitHub's identity. `DATABRICKS_AUTH_TYPE` leaves one of them.
 * @throws CredentialsError naming what is missing.
 */
export function resolveCredentials(env: Environment = process.env): Credentials {
  const authType = env.DATABRICKS_AUTH_TYPE;
  const own: Profile = {
    token: env.DATABRICKS_TOKEN,
    client_id: env.DATABRICKS_CLIENT_ID,
    client_secret: env.DATABRICKS_CLIENT_SECRET,
    token_audience: env.DATABRICKS_TOKEN_AUDIENCE,
    auth_type: authType,
  };
  const fromEnvironment = fromValues(own);
  if (fromEnvironment) {
    return fromEnvironment;
  }
  const profile = readProfile(env);
  const fromProfile = profile && fromValues({ ...profile, auth_type: authType ?? profile.auth_type });
  if (fromProfile) {
    return fromProfile;
  }
  const identity = gitHubIdentity({ ...profile, ...withoutEmpty(own) }, env);
  if (identity) {
    return identity;
  }
  throw new CredentialsError(
    authType
      ? `DATABRICKS_AUTH_TYPE is "${authType}", but ${MISSING[kindOf(authType)]}`
      : "No Databricks credentials. Set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, " +
          "or DATABRICKS_CONFIG_PROFILE with a profile that holds one of them. In GitHub Actions without secrets: " +
          "DATABRICKS_AUTH_TYPE=github-oidc and DATABRICKS_CLIENT_ID, in a job with the permission id-token: write.",
  );
}

const MISSING: Record<Credentials["kind"], string> = {
  token: "there is no token. Set DATABRICKS_TOKEN.",
  client: "client id or secret is missing. Set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET.",
  "github-oidc":
    "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set. GitHub sets them in a job of Actions that " +
    "has the permission id-token: write.",
};

/** @throws CredentialsError for one that this client does not know. */
function kindOf(authType: string): Credentials["kind"] {
  const kind = (AUTH_TYPES as Record<string, Credentials["kind"] | undefined>)[authType];
  if (!kind) {
    throw new CredentialsError(
      `The auth type "${authType}" (DATABRICKS_AUTH_TYPE, or auth_type of the profile) is not supported here. ` +
        `Use one of: ${Object.keys(AUTH_TYPES).join(", ")}.`,
    );
  }
  return kind;
}

/**
 * The token, or the client id and secret, that a profile or the environment holds; undefined where there are none.
 * @throws CredentialsError for an `auth_type` that this client does not know.
 */
export function fromValues(values: Profile): Credentials | undefined {
  const only = values.auth_type ? kindOf(values.auth_type) : undefined;
  if (values.token && (only ?? "token") === "token") {
    return { kind: "token", token: values.token };
  }
  if (values.client_id && values.client_secret && (only ?? "client") === "client") {
    return { kind: "client", clientId: values.client_id, clientSecret: values.client_secret };
  }
  return undefined;
}

function gitHubIdentity(values: Profile, env: Environment): GitHubIdentity | undefined {
  const only = values.auth_type ? kindOf(values.auth_type) : undefined;
  const requestUrl = env.ACTIONS_ID_TOKEN_REQUEST_URL;
  const requestToken = env.ACTIONS_ID_TOKEN_REQUEST_TOKEN;
  if ((only ?? "github-oidc") !== "github-oidc" || !requestUrl || !requestToken) {
    return undefined;
  }
  const { client_id: clientId, token_audience: audience } = values;
  return { kind: "github-oidc", clientId, audience, requestUrl, requestToken };
}

function withoutEmpty(values: Profile): Profile {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value));
}

/** A section of `.databrickscfg`, by key. */
export type Profile = Readonly<Record<string, string | undefined>>;

/** The file that holds the profiles. */
export function profilesFile(env: Environment): string {
  return env.DATABRICKS_CONFIG_FILE || join(homedir(), ".databrickscfg");
}

/** All profiles by name; undefined where there is no file. */
export function readProfiles(env: Environment): Record<string, Profile | undefined> | undefined {
  const file = profilesFile(env);
  if (!existsSync(file)) {
    return undefined;
  }
  // `ini` takes a dot in a section's name for a subsection; a profile's name may have one.
  const text = readFileSync(file, "utf8").replace(/^\s*\[.*\]/gm, (section) =>
    section.trim().replaceAll(".", "\\."),
  );
  return parse(text);
}

/** The profile named by `DATABRICKS_CONFIG_PROFILE`, else `DEFAULT` where the file has one. */
function readProfile(env: Environment): Profile | undefined {
  const file = profilesFile(env);
  const name = env.DATABRICKS_CONFIG_PROFILE;
  const profiles = readProfiles(env);
  if (!profiles) {
    if (name) {
      throw new CredentialsError(`DATABRICKS_CONFIG_PROFILE is "${name}", but ${file} does not exist.`);
    }
    return undefined;
  }
  const profile = profiles[name ?? "DEFAULT"];
  if (!profile && name) {
    throw new CredentialsError(
      `${file} has no profile "${name}". It has: ${Object.keys(profiles).join(", ")}.`,
    );
  }
  return profile;
}
