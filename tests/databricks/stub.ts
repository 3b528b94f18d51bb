/** A tiny HTTP server for the client's tests: answers what it was told to, in turn, and remembers what it was asked. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, type ClientOptions } from "../../databricks/client";

export interface Seen {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly authorization: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
export type Reply = (response: ServerResponse, request: Seen) => void;

/** A JSON answer. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return raw(status, JSON.stringify(body), { "content-type": "application/json", ...headers });
}

export function raw(status: number, body: string, headers: Record<string, string> = {}): Reply {
  return (response) => response.writeHead(status, headers).end(body);
}

/** Closes the connection without an answer. */
export const drop: Reply = (response) => response.socket?.destroy();

/** Never answers. */
export const silence: Reply = () => undefined;

export class Stub {
  readonly seen: Seen[] = [];
  host = "";
  private replies: Reply[] = [];
  private readonly clients: Client[] = [];
  private readonly server = createServer((request, response) => void this.handle(request, response));

  static async start(): Promise<Stub> {
    const stub = new Stub();
    await new Promise<void>((resolve) => stub.server.listen(0, "127.0.0.1", resolve));
    stub.host = `http://127.0.0.1:${(stub.server.address() as AddressInfo).port}`;
    return stub;
  }

  /** What the next requests get, one after the other; the last one goes on for all further ones. */
  answers(...replies: Reply[]): void {
    this.replies = replies;
    this.seen.length = 0;
  }

  /** A client of this server, with a personal token unless told otherwise. */
  client(options: Partial<ClientOptions> = {}): Client {
    const credentials = () => ({ kind: "token", token: "dapi-of-the-test" }) as const;
    const client = new Client({ host: this.host, credentials, ...options });
    this.clients.push(client);
    return client;
  }

  /** `METHOD path` of what was asked. */
  get requests(): string[] {
    return this.seen.map(({ method, path }) => `${method} ${path}`);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await Promise.all(this.clients.map((client) => client.close()));
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const seen: Seen = {
      method: request.method ?? "",
      path: request.url ?? "",
      authorization: request.headers.authorization ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks).toString("utf8"),
    };
    this.seen.push(seen);
    const reply = this.replies.length > 1 ? this.replies.shift() : this.replies[0];
    (reply ?? json(500, { error_code: "NO_REPLY", message: "the test gave none" }))(response, seen);
  }
}
