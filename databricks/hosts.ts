/**
 * Credentials for one of several workspaces. `pulumi up` works on one and takes what the environment has; a command that
 * asks many must send each workspace its own. So credentials that are named together with another address are not used,
 * and the profile with the workspace's own address is, as Databricks' CLI finds it (docs: "Databricks configuration profiles").
 */
import {
  fromValues,
  normalizeHost,
  profilesFile,
  readProfiles,
  resolveCredentials,
  type Environment,
  type Profile,
} from "./credentials";
import { CredentialsError } from "./errors";

/**
 * The variables with which this workspace is asked: `env` as it is where its credentials are for any workspace or for
 * this one, else with the profile of `.databrickscfg` whose `host` it is.
 * @param host as `normalizeHost` answers it
 * @throws CredentialsError where there are none, or several profiles
 */
export function environmentFor(host: string, env: Environment = process.env): Environment {
  const profiles = readProfiles(env) ?? {};
  const ownHost = hostOfEnvironment(env, profiles);
  if (ownHost !== "none" && (ownHost === undefined || isSame(ownHost, host))) {
    return env;
  }
  const matching = Object.keys(profiles).filter((name) => isSame(profiles[name]?.host ?? "", host));
  const [name, ...others] = matching.filter((profile) => isUsable(withProfile(env, host, profile)));
  if (name === undefined) {
    throw new CredentialsError(none(host, env, ownHost, matching));
  }
  if (others.length > 0) {
    throw new CredentialsError(
      `${profilesFile(env)} has several profiles for ${host}: ${[name, ...others].join(", ")}. Name one in DATABRICKS_CONFIG_PROFILE.`,
    );
  }
  return withProfile(env, host, name);
}

/** Nothing of the environment's own credentials stays. */
function withProfile(env: Environment, host: string, name: string): Environment {
  return {
    ...env,
    DATABRICKS_TOKEN: undefined,
    DATABRICKS_CLIENT_ID: undefined,
    DATABRICKS_CLIENT_SECRET: undefined,
    DATABRICKS_AUTH_TYPE: undefined,
    DATABRICKS_HOST: host,
    DATABRICKS_CONFIG_PROFILE: name,
  };
}

function isUsable(env: Environment): boolean {
  try {
    resolveCredentials(env);
    return true;
  } catch {
    return false;
  }
}

/** The workspace that the environment's credentials are for; undefined: they do not say; `none`: there are none. */
function hostOfEnvironment(
  env: Environment,
  profiles: Readonly<Record<string, Profile | undefined>>,
): string | undefined {
  const name = env.DATABRICKS_CONFIG_PROFILE;
  const profile = profiles[name ?? "DEFAULT"];
  if (name && !profile) {
    // Let who resolves it say what is wrong.
    return undefined;
  }
  if (!isUsable(env)) {
    return "none";
  }
  const own = fromValues({
    token: env.DATABRICKS_TOKEN,
    client_id: env.DATABRICKS_CLIENT_ID,
    client_secret: env.DATABRICKS_CLIENT_SECRET,
    auth_type: env.DATABRICKS_AUTH_TYPE,
  });
  return (own ? undefined : profile?.host) || env.DATABRICKS_HOST || undefined;
}

function isSame(address: string, host: string): boolean {
  try {
    return address !== "" && normalizeHost(address).toLowerCase() === host.toLowerCase();
  } catch {
    return false;
  }
}

function none(
  host: string,
  env: Environment,
  ownHost: string | undefined,
  matching: readonly string[],
): string {
  const unusable =
    matching.length > 0
      ? ` Its profile ${matching.join(", ")} holds neither a token nor a client id with its secret.`
      : "";
  const other = ownHost === "none" || ownHost === undefined ? "" : ` Those at hand are for ${ownHost}.`;
  return (
    `There are no credentials for ${host}.${other}${unusable} Add a profile with host = ${host} and a token (or client_id and ` +
    `client_secret) to ${profilesFile(env)}, or set DATABRICKS_HOST and DATABRICKS_TOKEN to this workspace's.`
  );
}
