import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { join } from "node:path";
import { modules } from "./modules";
import { removeSandboxes, sandbox } from "./sandbox";

const ROOT = join(__dirname, "..", "..");

describe("npm run env", () => {
  after(removeSandboxes);

  it("survives any value in a real shell", async () => {
    const { exportLines } = await modules.environment();
    const values = { A: "plain", B: 'it\'s $HOME `id` "q" \\ !', C: "two\nlines", D: "", E: "sp ace" };
    const lines = exportLines({ path: ["/with space/bin", "/o'clock"], variables: values });
    const program = 'eval "$1"; printf "%s\\0" "$PATH" "$A" "$B" "$C" "$D" "$E"';
    const read = execFileSync("/bin/sh", ["-c", program, "sh", lines], { env: { PATH: "/usr/bin:/bin" } });
    const expected = ["/with space/bin:/o'clock:/usr/bin:/bin", ...Object.values(values)];
    assert.deepEqual(read.toString().split("\0").slice(0, -1), expected);
  });

  it("drops a passphrase of the shell's, which would win over the stack's own", async () => {
    const { exportLines } = await modules.environment();
    const program = `eval "$1"; printf "%s" "\${PULUMI_CONFIG_PASSPHRASE-unset}"`;
    const env = { PATH: "/usr/bin:/bin", PULUMI_CONFIG_PASSPHRASE: "other" };
    const read = execFileSync(
      "/bin/sh",
      ["-eu", "-c", program, "sh", exportLines({ path: [], variables: {} })],
      { env },
    );
    assert.equal(read.toString(), "unset");
  });

  it("encodes a space of the checkout's path in the backend's address", async () => {
    const { engineEnvironment } = await modules.environment();
    const { pathsOf } = await modules.paths();
    const { variables } = engineEnvironment(pathsOf("/my checkouts/nr"));
    assert.equal(variables.PULUMI_BACKEND_URL, "file:///my%20checkouts/nr/.local/state");
  });

  describe("as a command", () => {
    let server: Server;
    let host: string;
    beforeEach(async () => {
      server = createServer((request, response) => {
        response.writeHead(request.headers.authorization === "Bearer dapi-test" ? 200 : 401).end("{}");
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterEach(() => void server.close());

    function checkout(ready?: object): string {
      const root = sandbox();
      mkdirSync(join(root, ".local"));
      mkdirSync(join(root, "scripts"));
      // The command finds its checkout by its own place, so that place has to be real.
      for (const name of ["local", "setup", "env.mjs"]) {
        execFileSync("cp", ["-R", join(ROOT, "scripts", name), join(root, "scripts", name)]);
      }
      symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
      const choice = { way: "fromSource", command: join(root, ".local", "engine", "bin", "pulumi") };
      writeFileSync(join(root, ".local", "engine.json"), JSON.stringify(choice));
      if (ready) writeFileSync(join(root, ".local", "workspace.json"), JSON.stringify(ready));
      return root;
    }

    async function envOf(root: string) {
      const { spawn } = await import("node:child_process");
      const child = spawn(process.execPath, [join(root, "scripts", "env.mjs")]);
      let [stdout, stderr] = ["", ""];
      child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
      child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
      const status = await new Promise((resolve) => child.on("close", resolve));
      return { status, stdout, stderr };
    }

    it("puts the running workspace's address and token into a shell", async () => {
      const root = checkout({ host, token: "dapi-test", pid: process.pid });
      const { status, stdout } = await envOf(root);
      assert.equal(status, 0);
      const program =
        'eval "$1"; printf "%s\\n" "$DATABRICKS_HOST" "$DATABRICKS_TOKEN" "$PULUMI_HOME" "$PATH"';
      const shell = spawnSync("/bin/sh", ["-c", program, "sh", stdout], { env: { PATH: "/usr/bin:/bin" } });
      const [gotHost, token, home, path] = shell.stdout.toString().split("\n");
      assert.deepEqual([gotHost, token, home], [host, "dapi-test", join(root, ".local", "pulumi")]);
      assert.ok(path!.startsWith(`${join(root, ".local", "engine", "bin")}:`));
    });

    it("prints nothing but an error when no workspace runs", async () => {
      for (const ready of [
        undefined,
        { host: "http://127.0.0.1:1", token: "dapi-test", pid: 1 },
        { host, token: "stale", pid: 1 },
      ]) {
        const { status, stdout, stderr } = await envOf(checkout(ready));
        assert.equal(status, 1);
        assert.equal(stdout, "");
        assert.match(stderr, /No local workspace is running\. Start it with npm start\./);
      }
    });
  });
});
