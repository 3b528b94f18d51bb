/** The `Authorization` header of a request: a personal token as it is, or an OAuth access token, renewed before it ends. */
import { request, type Dispatcher } from "undici";
import type { Credentials } from "./credentials";
import { ApiError, CredentialsError } from "./errors";

/** OAuth tokens are renewed this long before they end, so that none runs out on the way. */
const RENEW_BEFORE_MS = 60_000;

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

  /** OAuth 2.0 client credentials at `<host>/oidc/v1/token` (docs: "OAuth machine-to-machine"). */
  private async exchange(client: Extract<Credentials, { kind: "client" }>) {
    const path = "/oidc/v1/token";
    const basic = Buffer.from(`${client.clientId}:${client.clientSecret}`).toString("base64");
    const response = await request(this.host + path, {
      method: "POST",
      headers: { authorization: `Basic ${basic}`, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ grant_type: "client_credentials", scope: "all-apis" }).toString(),
      dispatcher: this.dispatcher,
      headersTimeout: 10_000,
    });
    const text = await response.body.text();
    if (response.statusCode !== 200) {
      // Only 4xx speaks of us; anything else is the server's own trouble, and the caller may try again.
      const refused = response.statusCode < 500 && response.statusCode !== 429;
      const detail = refused
        ? `${this.host} refused the client id or secret. Check DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET`
        : `${this.host} could not issue an access token`;
      throw new ApiError(
        "POST",
        path,
        response.statusCode,
        refused ? "UNAUTHENTICATED" : `HTTP_${response.statusCode}`,
        detail,
      );
    }
    const answer = parse(text);
    if (!answer?.access_token) {
      throw new CredentialsError(`${this.host}${path} answered without an access token.`);
    }
    return {
      value: answer.access_token,
      until: Date.now() + (answer.expires_in ?? 3600) * 1000 - RENEW_BEFORE_MS,
    };
  }
}

/** The answer's JSON; undefined where it is none, a sign-in page for one. */
function parse(text: string): { access_token?: string; expires_in?: number } | undefined {
  try {
    return JSON.parse(text) as { access_token?: string };
  } catch {
    return undefined;
  }
}
