/**
 * A repository's address: checked, taken apart, and freed of credentials before anything is kept or shown.
 */
import { homedir } from "node:os";
import { basename, resolve } from "node:path";
import { SourceError } from "./types";

/** A user's name and password or token, as git's HTTP authentication wants them. */
export interface Credentials {
  username: string;
  password: string;
}

/** A repository's address in parts. */
export interface Address {
  kind: "local" | "file" | "http" | "ssh" | "git";
  /** Without credentials: fit for git's configuration, for messages and for the state. */
  url: string;
  /** Last part of the path, without `.git`: for names of folders and for messages. */
  name: string;
  /** `https://host:port`, for http addresses only. */
  origin?: string;
  /** Whether a token may travel: TLS, or this very machine. */
  secure?: boolean;
  /** What the address itself brought along. */
  credentials?: Credentials;
  /** A user's name without a password, for git's credential helpers. */
  username?: string;
}

const schemes: Record<string, Address["kind"]> = {
  https: "http",
  http: "http",
  ssh: "ssh",
  "git+ssh": "ssh",
  "ssh+git": "ssh",
  git: "git",
  file: "file",
};

/** Forms of access tokens that people paste as the user's name: GitHub's and GitLab's. */
const tokenLike = /^(gh[a-z]_|github_pat_|glpat-|gl[a-z]+-)|^[A-Za-z0-9_-]{36,}$/;

/** Takes an address apart. Refuses what git would run as a program or read as an option. */
export function parseAddress(repository: string): Address {
  if (repository.trim() === "")
    throw new SourceError("source.repository is empty: name a git address or a local path");
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(repository)) {
    throw new SourceError("source.repository holds a control character (a line break?): correct the address");
  }
  if (repository.startsWith("-")) {
    throw new SourceError(
      `source.repository ${JSON.stringify(repository)} begins with "-": git would read an option`,
    );
  }
  if (/^[A-Za-z0-9][A-Za-z0-9+.-]*::/.test(repository)) {
    const helper = repository.slice(0, repository.indexOf("::") + 2);
    throw new SourceError(
      `source.repository begins with "${helper}": addresses that run a program are refused`,
    );
  }
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(repository)?.[1]?.toLowerCase();
  if (scheme !== undefined) return parseUrl(scheme, repository);
  // git's own rule: a colon before the first slash makes it user@host:path.
  if (/^[^/]+:/.test(repository)) {
    return { kind: "ssh", url: repository, name: nameOf(repository.slice(repository.indexOf(":") + 1)) };
  }
  const path = resolve(repository.replace(/^~(?=\/|$)/, homedir()));
  return { kind: "local", url: path, name: nameOf(path) };
}

function parseUrl(scheme: string, repository: string): Address {
  const kind = schemes[scheme];
  if (kind === undefined) {
    const allowed = Object.keys(schemes).join(", ");
    throw new SourceError(
      `source.repository begins with "${scheme}://": allowed are ${allowed}, or a local path`,
    );
  }
  const match = /^[^:]+:\/\/(?:([^/?#]*)@)?([^/?#]*)(.*)$/.exec(repository);
  const user = match?.[1];
  const host = match?.[2] ?? "";
  const path = (match?.[3] ?? "").replace(/\/+$/, "");
  if (kind === "file") return { kind, url: `file://${host}${path}`, name: nameOf(path) };
  if (host === "") throw new SourceError(`source.repository ${scheme}://… names no host`);
  const [name = "", password] = user === undefined ? [] : splitOnce(user);
  if (kind !== "http") {
    const login = name === "" ? "" : `${name}@`;
    return { kind, url: `${scheme}://${login}${host}${path}`, name: nameOf(path) };
  }
  if (/[?#]/.test(path)) {
    throw new SourceError(
      `source.repository ${scheme}://${host}/… holds a query: put tokens into GIT_TOKEN instead`,
    );
  }
  const address: Address = {
    kind,
    url: `${scheme}://${host}${path}`,
    name: nameOf(path),
    origin: `${scheme}://${host}`,
    secure: scheme === "https" || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(host),
  };
  if (password !== undefined) address.credentials = { username: decode(name), password: decode(password) };
  else if (tokenLike.test(name)) address.credentials = { username: decode(name), password: "" };
  else if (name !== "") address.username = decode(name);
  return address;
}

/**
 * What to log in with: the address's own credentials, else `GIT_TOKEN` (for the repository's host, whichever it is),
 * else `GITHUB_TOKEN` (for GitHub's host only: github.com, `*.ghe.com`, or `GITHUB_SERVER_URL`). Tokens from the
 * environment travel over TLS only, or to this machine. `GIT_USERNAME` names the user that goes with the token
 * (default `x-access-token`, which GitHub asks for and others accept).
 */
export function credentialsFor(address: Address, env: NodeJS.ProcessEnv): Credentials | undefined {
  if (address.kind !== "http") return undefined;
  if (address.credentials !== undefined) return address.credentials;
  const token = env.GIT_TOKEN || (isGitHub(address, env) ? env.GITHUB_TOKEN : undefined);
  if (!token || !address.secure) return undefined;
  return { username: env.GIT_USERNAME || address.username || "x-access-token", password: token };
}

function isGitHub(address: Address, env: NodeJS.ProcessEnv): boolean {
  const origin = address.origin?.toLowerCase();
  if (origin === undefined) return false;
  if (origin === "https://github.com" || /^https:\/\/[a-z0-9-]+\.ghe\.com$/.test(origin)) return true;
  return (
    env.GITHUB_SERVER_URL !== undefined && env.GITHUB_SERVER_URL.toLowerCase().replace(/\/+$/, "") === origin
  );
}

/** The value of the Authorization header that the credentials make. */
export function basicAuthorization(credentials: Credentials): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`;
}

/** Text from git without anything secret: the credentials in every form that git may print, and users in addresses. */
export function redact(text: string, credentials: Credentials | undefined): string {
  let clean = text;
  if (credentials !== undefined) {
    const secrets = [credentials.password, credentials.password === "" ? credentials.username : ""];
    const encoded = basicAuthorization(credentials).slice("Basic ".length);
    for (const secret of [...secrets, ...secrets.map(encodeURIComponent), encoded]) {
      if (secret !== "") clean = clean.replaceAll(secret, "***");
    }
  }
  return clean.replace(/(https?:\/\/)[^/\s@'"]+@/gi, "$1");
}

function splitOnce(user: string): [string, string | undefined] {
  const colon = user.indexOf(":");
  return colon < 0 ? [user, undefined] : [user.slice(0, colon), user.slice(colon + 1)];
}

function nameOf(path: string): string {
  return basename(path.replace(/\/+$/, "")).replace(/\.git$/, "") || "repository";
}

/** Percent-decoded where that is possible; a lone "%" in a password is meant as it stands. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
