"""Builds the wheel and the source archive: a PEP 517 backend that needs nothing but Python.

The same sources give the same bytes on every machine: sorted names, no compression (zlib's versions differ), fixed
permissions, and the time of `SOURCE_DATE_EPOCH`, in seconds, or the first that a zip can hold.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import re
import sys
import tarfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src"
_FIRST_OF_1980 = 315_532_800


def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Writes the wheel into a folder and returns its name (PEP 517)."""
    project = _project()
    info = f"{_escaped(project)}.dist-info"
    files = {name: path.read_bytes() for name, path in _sources()}
    files[f"{info}/METADATA"] = _metadata(project).encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: wheel_backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{info}/entry_points.txt"] = _entry_points(project).encode()
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in sorted(files.items())]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    name = f"{_escaped(project)}-py3-none-any.whl"
    moment = time.gmtime(max(_epoch(), _FIRST_OF_1980))[:6]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as wheel:
        # RECORD comes last, as the format advises.
        for file in sorted(files, key=lambda file: (file.endswith("/RECORD"), file)):
            entry = zipfile.ZipInfo(file, moment)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            wheel.writestr(entry, files[file])
    _write(Path(wheel_directory), name, archive.getvalue())
    return name


def build_sdist(sdist_directory: str, config_settings: Mapping[str, Any] | None = None) -> str:
    """Writes the source archive into a folder and returns its name (PEP 517)."""
    project = _project()
    base = _escaped(project)
    files = {f"src/{name}": path.read_bytes() for name, path in _sources()}
    for name in ("pyproject.toml", "backend/wheel_backend.py"):
        files[name] = (ROOT / name).read_bytes()
    files["PKG-INFO"] = _metadata(project).encode()
    name = f"{base}.tar.gz"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as sdist:
        for file, data in sorted(files.items()):
            entry = tarfile.TarInfo(f"{base}/{file}")
            entry.size, entry.mtime, entry.mode = len(data), max(_epoch(), _FIRST_OF_1980), 0o644
            sdist.addfile(entry, io.BytesIO(data))
    _write(Path(sdist_directory), name, gzip.compress(archive.getvalue(), mtime=0))
    return name


def _project() -> dict[str, Any]:
    try:
        import tomllib as toml
    except ImportError:  # Python 3.10
        from pip._vendor import tomli as toml
    project: dict[str, Any] = toml.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project


def _sources() -> list[tuple[str, Path]]:
    found = [path for path in SOURCES.rglob("*") if path.is_file() and path.suffix in (".py", ".typed")]
    return sorted((path.relative_to(SOURCES).as_posix(), path) for path in found)


def _escaped(project: dict[str, Any]) -> str:
    return f"{re.sub(r'[-_.]+', '_', project['name'])}-{project['version']}"


def _metadata(project: dict[str, Any]) -> str:
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        f"Requires-Python: {project['requires-python']}",
    ]
    lines += [f"Requires-Dist: {requirement}" for requirement in project["dependencies"]]
    for extra, requirements in project["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {requirement}; extra == '{extra}'" for requirement in requirements]
    return "\n".join([*lines, ""])


def _entry_points(project: dict[str, Any]) -> str:
    groups = project["entry-points"].items()
    lines = [
        line
        for group, points in groups
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in points.items()))
    ]
    return "\n".join([*lines, ""])


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _epoch() -> int:
    return int(os.environ.get("SOURCE_DATE_EPOCH") or _FIRST_OF_1980)


def _write(folder: Path, name: str, data: bytes) -> None:
    """Whole or not at all: a test may be importing the wheel that was there before."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{name}.{os.getpid()}"
    temporary.write_bytes(data)
    os.replace(temporary, folder / name)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    print(target / build_wheel(str(target)))
