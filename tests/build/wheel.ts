/** A repository whose build makes a wheel with nothing but Python itself, and notebooks that need it. */
import { notebook, type TestFile } from "../source/support";

/** Makes `dist/greeting-1.0-py3-none-any.whl`; the same bytes from the same commit. */
export const MAKE_WHEEL = `
import base64, hashlib, os, time, zipfile

when = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
info = "greeting-1.0.dist-info"
files = {
    "greeting.py": open("wheel/greeting.py", "rb").read(),
    f"{info}/METADATA": b"Metadata-Version: 2.1\\nName: greeting\\nVersion: 1.0\\n",
    f"{info}/WHEEL": b"Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
}
digest = lambda data: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
record = [f"{name},sha256={digest(data)},{len(data)}" for name, data in files.items()]
files[f"{info}/RECORD"] = "\\n".join([*record, f"{info}/RECORD,,", ""]).encode()
os.makedirs("dist")
with zipfile.ZipFile("dist/greeting-1.0-py3-none-any.whl", "w") as wheel:
    for name, data in files.items():
        wheel.writestr(zipfile.ZipInfo(name, when), data)
print("made the wheel")
`;

export const WHEEL = "greeting-1.0-py3-none-any.whl";
export const BUILD = { command: "python3 wheel/make.py", artifacts: ["dist/*.whl"] };

/** The same in a dispatching job, which never changes and so has no libraries of a release. */
export const DISPATCHED = notebook(
  [
    'import sys\ndbutils.widgets.text("artifacts", "")',
    'sys.path += [path for path in dbutils.widgets.get("artifacts").split(",") if path.endswith(".whl")]',
    "import greeting\ndbutils.notebook.exit(greeting.hello())",
  ].join("\n\n# COMMAND ----------\n\n"),
);

/** The files of the wheel's part of a repository. */
export function wheelFiles(word: string): Record<string, TestFile> {
  return {
    "wheel/greeting.py": `def hello():\n    return "${word}"\n`,
    "wheel/make.py": MAKE_WHEEL,
  };
}

/** Imports the wheel's module, and answers what it says and where the artifacts are. */
export const GREETS = notebook(
  [
    "import greeting",
    'dbutils.widgets.text("artifacts", "")',
    'dbutils.notebook.exit(greeting.hello() + " " + dbutils.widgets.get("artifacts"))',
  ].join("\n\n# COMMAND ----------\n\n"),
);
