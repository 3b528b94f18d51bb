/**
 * The environment of a build: what tools need to run and to reach their registries, and nothing else, so that no
 * token of the deployer, of its CI or of anybody is in it. An allow-list: a secret's name cannot be foreseen.
 */

/** Who and where we are, and where tools are and keep their caches. */
const TOOLS = [
  /^(PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TMP|TEMP|LANG|LANGUAGE|LC_[A-Z]+|CI)$/,
  /^XDG_(CACHE|CONFIG|DATA)_HOME$/,
  /^(JAVA|JDK|SCALA|SBT|MAVEN|M2|GRADLE|GRADLE_USER|COURSIER|CARGO|RUSTUP|POETRY)_HOME$/,
  /^(GOPATH|GOROOT|GOBIN|GOCACHE|GOMODCACHE|COURSIER_CACHE|UV_CACHE_DIR|PIP_CACHE_DIR|NVM_DIR)$/,
  /^(PYENV_ROOT|PYENV_VERSION|VIRTUAL_ENV|CONDA_PREFIX)$/,
];
/** How to reach servers: proxies, authorities, registries. */
const SERVERS = [
  /^(HTTP|HTTPS|FTP|ALL|NO)_PROXY$/i,
  /^(SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NODE_EXTRA_CA_CERTS|PIP_CERT)$/,
  /^PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|TRUSTED_HOST|NO_INDEX)$/,
  /^UV_(INDEX_URL|DEFAULT_INDEX|EXTRA_INDEX_URL|INDEX|FIND_LINKS|OFFLINE)$/,
  /^(NPM_CONFIG_REGISTRY|GOPROXY|GONOPROXY|COURSIER_REPOSITORIES)$/i,
];

/** A name and password, or a token, inside of an address. */
const CREDENTIAL = /:\/\/[^/\s]*@|[?&](token|key|sig|signature|access_token|api_?key|password)=/i;

export interface BuildEnvironment {
  readonly env: Record<string, string>;
  /** Names of allowed variables that were left out because their value holds a credential. */
  readonly leftOut: readonly string[];
}

/**
 * What a build sees of `env`, with `SOURCE_DATE_EPOCH` (reproducible-builds.org) and the settings that make common
 * tools give the same bytes each time. Files in the home folder stay readable: that is the machine's business.
 * @param commitTime seconds since 1970.
 */
export function buildEnvironment(env: NodeJS.ProcessEnv, commitTime: number): BuildEnvironment {
  const allowed = Object.entries(env).flatMap(([name, value]): [string, string][] =>
    value !== undefined && [...TOOLS, ...SERVERS].some((pattern) => pattern.test(name))
      ? [[name, value]]
      : [],
  );
  return {
    env: {
      ...Object.fromEntries(allowed.filter(([, value]) => !CREDENTIAL.test(value))),
      SOURCE_DATE_EPOCH: String(commitTime),
      PYTHONHASHSEED: "0",
      TZ: "UTC",
    },
    leftOut: allowed.flatMap(([name, value]) => (CREDENTIAL.test(value) ? [name] : [])),
  };
}
