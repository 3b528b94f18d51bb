import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import { execFileSync } from "node:child_process";
import { basicAuthorization, credentialsFor, parseAddress, redact } from "../../source/address";
import { checkout, readSource } from "../../source/index";
import { serveGit, type GitServer } from "./server";
import { makeRepository, notebook, temporaryFolder, type TestRepository } from "./support";

const token = "s3cr3t-t0ken/with+odd=chars";

describe("source: credentials", () => {
  let repository: TestRepository;
  let cacheDir: string;
  let server: GitServer;
  let path: string;
  before(async () => {
    repository = makeRepository({ "nb/a.py": notebook(), "lib/b.txt": "b" });
    server = await serveGit(join(repository.directory, ".."), { login: `x-access-token:${token}` });
    path = `${encodeURIComponent(basename(repository.directory))}/.git`;
  });
  after(async () => {
    await server.close();
    repository.remove();
  });
  beforeEach(() => (cacheDir = temporaryFolder()));
  afterEach(() => rmSync(cacheDir, { recursive: true }));

  const base = (): NodeJS.ProcessEnv => ({
    ...process.env,
    GIT_TOKEN: "",
    GITHUB_TOKEN: "",
    GIT_USERNAME: "",
  });
  const forms = [
    token,
    encodeURIComponent(token),
    basicAuthorization({ username: "x-access-token", password: token }).slice(6),
  ];

  /** All text below a folder. */
  function textBelow(folder: string): string {
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .map((name) => join(folder, name))
      .filter((file) => statSync(file).isFile())
      .map((file) => `${file}\n${readFileSync(file, "latin1")}`)
      .join("\n");
  }

  /** A `git` that notes its arguments before the real one runs. */
  function spyOnGit(log: string): string {
    const folder = join(cacheDir, "bin");
    mkdirSync(folder);
    const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
    writeFileSync(join(folder, "git"), `#!/bin/sh\nprintf '%s\\n' "$*" >> '${log}'\nexec '${real}' "$@"\n`);
    chmodSync(join(folder, "git"), 0o755);
    return `${folder}${delimiter}${process.env.PATH}`;
  }

  for (const [name, make] of Object.entries({
    "from GIT_TOKEN": () => ({
      repository: `${server.origin}/${path}`,
      env: { ...base(), GIT_TOKEN: token },
    }),
    "from the address": () => ({
      repository: `${server.origin.replace("://", `://x-access-token:${encodeURIComponent(token)}@`)}/${path}`,
      env: base(),
    }),
  })) {
    it(`${name} reach the server and nothing else`, async () => {
      const { repository: address, env } = make();
      const log = join(cacheDir, "arguments.log");
      const spied = { ...env, PATH: spyOnGit(log) };
      const lines: string[] = [];
      const options = {
        cacheDir: join(cacheDir, "git"),
        env: spied,
        onProgress: (line: string) => lines.push(line),
      };
      const source = await readSource({ repository: address, ref: "main", path: "nb" }, options);
      assert.equal(source.commit.repository, `${server.origin}/${path}`);
      // The rest of the tree is fetched now, by the commit alone.
      const { directory, dispose } = await checkout(source.commit, options);
      assert.equal(readFileSync(join(directory, "lib", "b.txt"), "utf8"), "b");
      const everything = [
        JSON.stringify(source),
        lines.join("\n"),
        textBelow(cacheDir),
        textBelow(directory),
      ].join("\n");
      assert.ok(everything.includes("ls-remote"), "the arguments were seen");
      for (const form of forms) assert.ok(!everything.includes(form), form);
      await dispose();
    });
  }

  it("are asked for where none are given, by name", async () => {
    const reading = readSource(
      { repository: `${server.origin}/${path}`, ref: "main" },
      { cacheDir, env: base() },
    );
    await assert.rejects(
      reading,
      /cannot read http:\/\/127\.0\.0\.1:\d+\/.*put a token that may read it into GIT_TOKEN/,
    );
  });

  it("that are refused are not shown", async () => {
    const repositoryWithPassword = `${server.origin.replace("://", "://ada:wr0ng-pass@")}/${path}`;
    const reading = readSource(
      { repository: repositoryWithPassword, ref: "main" },
      { cacheDir, env: base() },
    );
    await assert.rejects(reading, (error: Error) => {
      assert.match(error.message, /The token or password was refused/);
      assert.ok(!error.message.includes("wr0ng-pass") && !error.message.includes("ada"));
      return true;
    });
  });

  it("are not taken along by a redirect", async () => {
    const there = await serveGit(join(repository.directory, ".."));
    const here = await serveGit("/", {
      before: (request, response) => {
        response.writeHead(302, { Location: `${there.origin}${request.url}` }).end();
        return true;
      },
    });
    const spec = { repository: `${here.origin}/${path}`, ref: "main" };
    await assert.rejects(
      readSource(spec, { cacheDir, env: { ...base(), GIT_TOKEN: token } }),
      /It redirects, and a token is not sent/,
    );
    assert.deepEqual(there.requests, []);
    assert.equal((await readSource(spec, { cacheDir, env: base() })).files.length, 2);
    await here.close();
    await there.close();
  });

  it("of GitHub go to GitHub only, and none travels in the clear", () => {
    const from = (address: string, env: NodeJS.ProcessEnv) =>
      credentialsFor(parseAddress(address), env)?.password;
    const github = { GITHUB_TOKEN: "gh" };
    assert.equal(from("https://github.com/acme/churn", github), "gh");
    assert.equal(from("https://acme.ghe.com/a/b", github), "gh");
    assert.equal(
      from("https://git.acme.com/a/b", { ...github, GITHUB_SERVER_URL: "https://git.acme.com" }),
      "gh",
    );
    for (const other of [
      "https://gitlab.com/a/b",
      "https://github.com.evil.example/a/b",
      "https://github.com:444/a/b",
    ]) {
      assert.equal(from(other, github), undefined, other);
    }
    assert.equal(from("https://gitlab.com/a/b", { GIT_TOKEN: "t", ...github }), "t");
    assert.equal(from("http://gitlab.com/a/b", { GIT_TOKEN: "t" }), undefined);
    assert.equal(from("git@github.com:a/b", { GIT_TOKEN: "t" }), undefined);
    assert.equal(from("https://me:own@github.com/a/b", { GIT_TOKEN: "t" }), "own");
  });

  it("leave the address", () => {
    const cases: Record<string, string> = {
      "https://u:p@host.example/a/b.git/": "https://host.example/a/b.git",
      "https://u:p@ss@host.example:8443/a": "https://host.example:8443/a",
      "https://acme@dev.azure.com/acme/x/_git/y": "https://dev.azure.com/acme/x/_git/y",
      "ssh://git:pw@host.example/a": "ssh://git@host.example/a",
      "git@host.example:a/b.git": "git@host.example:a/b.git",
      "file:///a b/c": "file:///a b/c",
    };
    for (const [address, url] of Object.entries(cases)) assert.equal(parseAddress(address).url, url);
    assert.equal(parseAddress("https://acme@dev.azure.com/acme/x").username, "acme");
    assert.equal(parseAddress("https://acme@dev.azure.com/acme/x").credentials, undefined);
    const pasted = parseAddress("https://ghp_0123456789abcdefghijABCDEFGHIJ012345@github.com/a/b");
    assert.equal(pasted.credentials?.username, "ghp_0123456789abcdefghijABCDEFGHIJ012345");
    assert.throws(() => parseAddress("https://host.example/a?private_token=x"), /holds a query/);
  });

  it("leave git's messages in every form", () => {
    const credentials = { username: "ada", password: "p@ss/word" };
    const said = `fatal: https://ada:p%40ss%2Fword@host/x p@ss/word ${basicAuthorization(credentials)} https://bob@host/`;
    const clean = redact(said, credentials);
    assert.equal(clean, "fatal: https://host/x *** Basic *** https://host/");
  });
});
