/** The `Authorization` header of a request: a personal token as it is, or an OAuth access token, renewed before it ends. */
import { request, type Dispatcher } from "undici";
import type { Credentials, GitHubIdentity } from "./credentials";
import { ApiError, CredentialsError } from "./errors";

/** OAuth tokens are renewed this long before they end, so that none runs out on the way. */
const RENEW_BEFORE_MS = 60_000;

const TOKEN_PATH = "/oidc/v1/token";

type Exchanged = Exclude<Credentials, { kind: "token" }>;

const REFUSED: Record<Exchanged["kind"], string> = {
  client: "the client id or secret. Check DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET",
  "github-oidc":
    "the identity of this GitHub job. Check DATABRICKS_CLIENT_ID, and issuer, subject and audience of the " +
    "service principal's federation policy",
};

/** Of the workspace, and of GitHub (`value`). */
interface Answer {
  readonly access_token?: string;
  readonly expires_in?: number;
  readonly value?: string;
}

export class TokenSource {
  private current?: { value: string; until: number };
  /** The exchange under way, which all calls of that moment wait for. */
  private renewal?: Promise<{ value: string; until: number }>;

  constructor(
    private readonly host: string,
    private readonly credentials: () => Credentials,
    private readonly dispatcher: Dispatcher,
  ) {}

  async authorization(): Promise<string> {
    const credentials = this.credentials();
    if (credentials.kind === "token") {
      return `Bearer ${credentials.token}`;
    }
    if (!this.current || this.current.until < Date.now()) {
      this.renewal ??= this.exchange(credentials).finally(() => (this.renewal = undefined));
      this.current = await this.renewal;
    }
    return `Bearer ${this.current.value}`;
  }

  private async exchange(credentials: Exchanged) {
    const { headers = {}, parameters } =
      credentials.kind === "client" ? ofClient(credentials) : await this.ofGitHub(credentials);
    const { status, text } = await this.send("POST", this.host + TOKEN_PATH, {
      headers: { ...headers, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ ...parameters, scope: "all-apis" }).toString(),
    });
    if (status !== 200) {
      // Only 4xx speaks of us; anything else is the server's own trouble, and the caller may try again.
      const refused = status < 500 && status !== 429;
      const code = refused ? "UNAUTHENTICATED" : `HTTP_${status}`;
      const detail = refused
        ? `${this.host} refused ${REFUSED[credentials.kind]}`
        : `${this.host} could not issue an access token`;
      throw new ApiError("POST", TOKEN_PATH, status, code, detail);
    }
    const answer = parse(text);
    if (!answer?.access_token) {
      throw new CredentialsError(`${this.host}${TOKEN_PATH} answered without an access token.`);
    }
    return {
      value: answer.access_token,
      until: Date.now() + (answer.expires_in ?? 3600) * 1000 - RENEW_BEFORE_MS,
    };
  }

  /** OAuth 2.0 token exchange (RFC 8693) of the identity that GitHub gives to this job, asked for anew each time: it is short-lived. */
  private async ofGitHub({ clientId, audience, requestUrl, requestToken }: GitHubIdentity) {
    const url = new URL(requestUrl);
    url.searchParams.set("audience", audience ?? this.host + TOKEN_PATH);
    const { status, text } = await this.send("GET", url.href, {
      headers: { authorization: `Bearer ${requestToken}` },
    });
    const identity = status === 200 ? parse(text)?.value : undefined;
    if (!identity) {
      const reason = `GitHub (${url.origin}) gave this job no identity. Has it the permission id-token: write?`;
      throw new ApiError(
        "GET",
        url.pathname,
        status,
        status === 200 ? "NO_IDENTITY" : `HTTP_${status}`,
        reason,
      );
    }
    return {
      headers: {},
      parameters: {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
        subject_token: identity,
        ...(clientId ? { client_id: clientId } : {}),
      },
    };
  }

  private async send(
    method: "GET" | "POST",
    url: string,
    options: { headers: Record<string, string>; body?: string },
  ): Promise<{ status: number; text: string }> {
    const response = await request(url, {
      method,
      ...options,
      dispatcher: this.dispatcher,
      headersTimeout: 10_000,
    });
    return { status: response.statusCode, text: await response.body.text() };
  }
}

/** OAuth 2.0 client credentials (docs: "OAuth machine-to-machine"). */
function ofClient({ clientId, clientSecret }: Extract<Credentials, { kind: "client" }>) {
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString("base64");
  return { headers: { authorization: `Basic ${basic}` }, parameters: { grant_type: "client_credentials" } };
}

/** The answer's JSON; undefined where it is none, a sign-in page for one. */
function parse(text: string): Answer | undefined {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return undefined;
  }
}
