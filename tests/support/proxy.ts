/** A proxy on loopback between a client and the local workspace: every request passes it, and a test may step in. */
import { createServer, request as forward, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface ProxiedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly body: string;
}

export class Proxy {
  /**
   * Called when the workspace has done what a request asks for, before the client learns of it. `true`: the client
   * never does, its connection is closed.
   */
  afterwards: (request: ProxiedRequest) => boolean = () => false;

  private constructor(
    private readonly server: Server,
    readonly host: string,
  ) {}

  /** @param target `http://127.0.0.1:PORT` */
  static async start(target: string): Promise<Proxy> {
    const server = createServer((incoming, outgoing) => {
      void (async () => {
        const body = await collect(incoming);
        const { method = "GET", url: path = "/", headers } = incoming;
        const answer = await new Promise<IncomingMessage>((resolve, reject) => {
          const { host: _, ...rest } = headers;
          forward(`${target}${path}`, { method, headers: rest }, resolve).on("error", reject).end(body);
        });
        const content = await collect(answer);
        if (proxy.afterwards({ method, path, body: body.toString("utf8") })) {
          incoming.socket.destroy();
          return;
        }
        const { "transfer-encoding": _, ...answered } = answer.headers;
        outgoing
          .writeHead(answer.statusCode ?? 502, { ...answered, "content-length": content.length })
          .end(content);
      })().catch(() => incoming.socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const proxy = new Proxy(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return proxy;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
