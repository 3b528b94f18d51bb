import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { modules } from "../setup/modules";
import { collector, programs, removeSandboxes, sandbox } from "../setup/sandbox";

const scala = () => import("../../scripts/setup/scala.mjs");
const JAR = "a jar\n";

/** A checkout of its own, whose one jar is what this `mvn` "downloads"; `env` sees only these programs. */
async function checkout(scripts: Readonly<Record<string, string>>) {
  const folder = sandbox();
  const source = join(folder, "workspace", "scala");
  mkdirSync(join(source, "src"), { recursive: true });
  writeFileSync(join(source, "pom.xml"), "<project/>");
  writeFileSync(join(source, "src", "Main.scala"), "object Main");
  writeFileSync(
    join(source, "jars.sha256"),
    `${createHash("sha256").update(JAR).digest("hex")}  scala-compiler.jar\n`,
  );
  const system = process.env
    .PATH!.split(delimiter)
    .filter((path) => !existsSync(join(path, "java")) && !existsSync(join(path, "mvn")));
  const bin = programs(folder, scripts);
  const env = { PATH: [bin, ...system].join(delimiter), NOTEBOOK_RELEASES_CACHE: join(folder, "cache") };
  const { pathsOf } = await modules.paths();
  const { scalaNotebooks } = await scala();
  const paths = pathsOf(folder, env);
  const out = collector();
  const { runSteps } = await modules.steps();
  return {
    folder,
    bin,
    out,
    setUp: () => runSteps([scalaNotebooks(paths, env)], out),
    left: () => JSON.parse(readFileSync(join(paths.local, "scala", "scala.json"), "utf8")),
    lib: join(paths.local, "scala", "lib"),
  };
}

/** Writes the jar into Maven's `-DoutputDirectory`. */
const mvn = (
  text: string,
) => `for arg; do case "$arg" in -DoutputDirectory=*) to="\${arg#-DoutputDirectory=}";; esac; done
printf '%s' '${text}' > "$to/scala-compiler.jar"`;
const JAVA = `case "$1" in -version) echo 'openjdk version "17.0.9" 2023-10-17' >&2;; esac
while [ $# -gt 1 ]; do if [ "$1" = -d ]; then printf driver > "$2"; fi; shift; done`;

describe("set-up: Scala notebooks", () => {
  after(removeSandboxes);

  it("go without Java and Maven, and say so once", async () => {
    const place = await checkout({});
    assert.deepEqual(await place.setUp(), ["Scala notebooks"]);
    assert.match(place.out.text, /will be reported as not run here: no java and no mvn found on PATH/);
    assert.deepEqual(place.left(), { missing: "no java and no mvn found on PATH" });
    assert.deepEqual(await place.setUp(), []);
  });

  it("take the jars from Maven and compile the driver, once for all checkouts", async () => {
    const place = await checkout({ java: JAVA, mvn: mvn(JAR) });
    await place.setUp();
    assert.match(place.out.text, /✓ Scala notebooks: ready/);
    assert.equal(readFileSync(join(place.lib, "scala-compiler.jar"), "utf8"), JAR);
    assert.equal(readFileSync(join(place.lib, "notebook-driver.jar"), "utf8"), "driver");
    assert.equal(place.left().java, join(place.bin, "java"));
    assert.deepEqual(await place.setUp(), []);
    // Another checkout: nothing is fetched again.
    rmSync(join(place.folder, ".local"), { recursive: true });
    programs(place.folder, { mvn: "exit 1" });
    await place.setUp();
    assert.equal(readFileSync(join(place.lib, "scala-compiler.jar"), "utf8"), JAR);
  });

  it("are done again when Java has come, or the driver's source has changed", async () => {
    const place = await checkout({});
    await place.setUp();
    programs(place.folder, { java: JAVA, mvn: mvn(JAR) });
    assert.deepEqual(await place.setUp(), ["Scala notebooks"]);
    writeFileSync(join(place.folder, "workspace", "scala", "src", "Main.scala"), "object Main // changed");
    assert.deepEqual(await place.setUp(), ["Scala notebooks"]);
    assert.deepEqual(await place.setUp(), []);
  });

  it("take no jar that is not the expected one, and try again the next time", async () => {
    const place = await checkout({ java: JAVA, mvn: mvn("another jar") });
    await place.setUp();
    assert.match(place.left().missing, /jars\.sha256: scala-compiler\.jar has other contents/);
    assert.equal(existsSync(place.lib), false);
    assert.deepEqual(await place.setUp(), ["Scala notebooks"]);
  });

  it("go without a Java that is too old, or only a stand-in", async () => {
    for (const [java, reason] of [
      [`echo 'openjdk version "1.8.0_392"' >&2`, /is Java 1\.8\.0; 11 or newer is needed/],
      ["exit 1", /java does not run/],
    ] as const) {
      const place = await checkout({ java, mvn: mvn(JAR) });
      await place.setUp();
      assert.match(place.left().missing, reason);
    }
  });
});
