"""`%pip`: installs into a layer of the run's own above the shared Python environment, which it never changes."""

import os
import sys


class PipError(Exception):
    """`pip` ended with a status other than 0; what it said is in the cell's output."""


def run(session, words):
    """`%pip install …` (or list, show, freeze). Workspace, volume and DBFS paths may stand in its arguments."""
    import subprocess

    layer = _layer(session.spec["run_directory"])
    arguments = [_local(session, word) for word in words]
    command = [layer["python"], "-m", "pip", *arguments, "--disable-pip-version-check", "--no-input"]
    sys.stdout.flush()
    # A pip set up for `--user` or `--target` would write outside of the layer.
    environment = {
        key: value for key, value in os.environ.items() if key not in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX")
    }
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
    ) as process:
        for chunk in iter(lambda: process.stdout.read1(65_536), b""):
            sys.stdout.write(chunk.decode("utf-8", "replace"))
    if process.returncode != 0:
        raise PipError(
            f"`%pip {' '.join(words)}` ended with status {process.returncode}; its output says why."
        )
    _use(layer)


def _local(session, word):
    """A word with the address of a workspace file, volume or DBFS path replaced by where it is on this machine."""
    name, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    bare, bracket, extras = value.partition("[") if value.endswith("]") else (value, "", "")
    return name + equals + session.paths.local(bare) + bracket + extras


def _layer(run_directory):
    """A virtual environment whose parent is the shared one: pip sees the parent's packages, and writes only here."""
    import sysconfig

    base = os.path.join(run_directory, "python")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = os.path.join(base, "lib", version, "site-packages")
    python = os.path.join(base, "bin", "python")
    if not os.path.exists(python):
        os.makedirs(packages)
        os.makedirs(os.path.dirname(python))
        executable = os.path.realpath(sys.executable)
        with open(os.path.join(base, "pyvenv.cfg"), "w", encoding="utf-8") as file:
            file.write(f"home = {os.path.dirname(executable)}\ninclude-system-site-packages = false\n")
        with open(os.path.join(packages, "parent.pth"), "w", encoding="utf-8") as file:
            file.write(sysconfig.get_paths()["purelib"] + "\n")
        os.symlink(executable, python)
    return {"python": python, "packages": packages, "bin": os.path.dirname(python)}


def _use(layer):
    import importlib
    import site

    if layer["packages"] not in sys.path:
        known = set(sys.path)
        site.addsitedir(layer["packages"])
        added = [entry for entry in sys.path if entry not in known]
        sys.path[:] = added + [entry for entry in sys.path if entry in known]
        os.environ["PATH"] = layer["bin"] + os.pathsep + os.environ.get("PATH", "")
    importlib.invalidate_caches()
