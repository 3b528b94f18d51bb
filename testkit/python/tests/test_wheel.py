"""The wheel: the same bytes each time, and what pip makes of it."""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import wheel_backend
from notebook_releases_testkit import __version__

ROOT = Path(__file__).resolve().parent.parent


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_sources_give_the_same_bytes_wherever_they_are(tmp_path):
    copy = tmp_path / "a copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("dist", "tests", "__pycache__"))
    subprocess.run(
        [sys.executable, str(copy / "backend" / "wheel_backend.py"), str(tmp_path / "there")],
        check=True,
        timeout=60,
    )
    name = wheel_backend.build_wheel(str(tmp_path / "here"))
    assert sha256(tmp_path / "here" / name) == sha256(tmp_path / "there" / name)


def test_source_date_epoch_is_the_time_of_all_files(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    with zipfile.ZipFile(tmp_path / wheel_backend.build_wheel(str(tmp_path))) as wheel:
        assert {entry.date_time for entry in wheel.infolist()} == {(2023, 11, 14, 22, 13, 20)}


def test_pip_installs_it_offline_and_checks_its_record(tmp_path):
    wheel = tmp_path / wheel_backend.build_wheel(str(tmp_path))
    target = tmp_path / "installed"
    command = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(target),
        str(wheel),
    ]
    subprocess.run([sys.executable, *command], check=True, timeout=120)
    (info,) = target.glob("*.dist-info")
    assert info.name == f"notebook_releases_testkit-{__version__}.dist-info"
    assert (target / "notebook_releases_testkit" / "py.typed").exists()
    assert re.search(r"^Requires-Python: >=3.10$", (info / "METADATA").read_text(), re.M)


def test_pip_builds_it_from_the_source_archive(tmp_path):
    sdist = tmp_path / wheel_backend.build_sdist(str(tmp_path))
    command = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "-w",
        str(tmp_path / "out"),
        str(sdist),
    ]
    subprocess.run([sys.executable, *command], check=True, timeout=120)
    name = wheel_backend.build_wheel(str(tmp_path / "direct"))
    assert sha256(tmp_path / "out" / name) == sha256(tmp_path / "direct" / name)
