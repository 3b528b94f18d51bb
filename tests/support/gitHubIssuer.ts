/** GitHub as a job of Actions sees it for its identity: gives one for an audience, and publishes its keys. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A job's variables with `id-token: write`. */
export interface JobIdentity {
  readonly ACTIONS_ID_TOKEN_REQUEST_URL: string;
  readonly ACTIONS_ID_TOKEN_REQUEST_TOKEN: string;
}

export class GitHubIssuer {
  /** The issuer's address. */
  readonly address: string;
  /** The audiences that were asked for, oldest first. */
  readonly asked: string[] = [];
  /** Subjects by the request token of their job. */
  private readonly subjects = new Map<string, string>();

  private constructor(
    private readonly server: Server,
    private readonly keys: { readonly shown: object; readonly sign: Sign },
  ) {
    this.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<GitHubIssuer> {
    const { exportJWK, generateKeyPair, SignJWT } = await import("jose");
    const { publicKey, privateKey } = await generateKeyPair("RS256");
    const shown = { ...(await exportJWK(publicKey)), kid: "1", alg: "RS256", use: "sig" };
    const sign: Sign = (issuer, subject, audience) =>
      new SignJWT({})
        .setProtectedHeader({ alg: "RS256", kid: "1" })
        .setIssuer(issuer)
        .setSubject(subject)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(privateKey);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const issuer = new GitHubIssuer(server, { shown, sign });
    server.on("request", (request, response) => {
      void issuer.answer(request).then((body) => {
        response.writeHead(body ? 200 : 401, { "content-type": "application/json" });
        response.end(JSON.stringify(body ?? {}));
      });
    });
    return issuer;
  }

  /** @param subject such as `repo:acme/churn:environment:prod`. */
  job(subject: string): JobIdentity {
    const token = randomUUID();
    this.subjects.set(token, subject);
    return {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${this.address}/token?api-version=2`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
    };
  }

  private async answer({ url = "", headers }: IncomingMessage): Promise<object | undefined> {
    const { pathname, searchParams } = new URL(url, this.address);
    if (pathname === "/.well-known/jwks") {
      return { keys: [this.keys.shown] };
    }
    const subject = this.subjects.get(headers.authorization?.replace(/^Bearer /, "") ?? "");
    if (subject === undefined) {
      return undefined;
    }
    const audience = searchParams.get("audience") ?? "";
    this.asked.push(audience);
    return { value: await this.keys.sign(this.address, subject, audience) };
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

type Sign = (issuer: string, subject: string, audience: string) => Promise<string>;
