"""`dbutils.fs` on folders of the workspace's data; see `paths.py` for what is where."""

import os
import sys
from typing import NamedTuple


class FileInfo(NamedTuple):
    """`size` in bytes (0 for a folder), `modificationTime` in milliseconds since 1970."""

    path: str
    name: str
    size: int
    modificationTime: int

    def isDir(self):
        return self.name.endswith("/")

    def isFile(self):
        return not self.isDir()


class FileUtils:
    def __init__(self, session):
        self._paths = session.paths

    def ls(self, path):
        local = self._existing(path)
        shown = _shown(path)
        if os.path.isfile(local):
            return [_info(local, shown)]
        base = shown.rstrip("/")
        return [_info(os.path.join(local, name), f"{base}/{name}") for name in sorted(os.listdir(local))]

    def mkdirs(self, path):
        self._writable(path, also_volume=True)
        os.makedirs(self._paths.dbutils(path), exist_ok=True)
        return True

    def put(self, path, contents, overwrite=False):
        self._writable(path)
        local = self._paths.dbutils(path)
        if os.path.exists(local) and not overwrite:
            raise FileExistsError(f"{path} exists already; pass overwrite=True to replace it.")
        os.makedirs(os.path.dirname(local), exist_ok=True)
        data = contents.encode("utf-8")
        with open(local, "wb") as file:
            file.write(data)
        print(f"Wrote {len(data)} bytes.", file=sys.stdout)
        return True

    def head(self, path, maxBytes=65_536):
        with open(self._existing(path), "rb") as file:
            return file.read(int(maxBytes)).decode("utf-8", "replace")

    def cp(self, source, destination, recurse=False):
        import shutil

        self._writable(destination, also_volume=True)
        origin, target = self._existing(source), self._paths.dbutils(destination)
        if os.path.isdir(origin):
            if not recurse:
                raise IsADirectoryError(f"{source} is a folder; pass recurse=True to copy it.")
            shutil.copytree(origin, target, dirs_exist_ok=True)
        else:
            if os.path.isdir(target):
                target = os.path.join(target, os.path.basename(origin))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(origin, target)
        return True

    def mv(self, source, destination, recurse=False):
        self.cp(source, destination, recurse)
        return self.rm(source, True)

    def rm(self, path, recurse=False):
        import shutil

        self._writable(path)
        local = self._paths.dbutils(path)
        if os.path.isdir(local):
            if not recurse and os.listdir(local):
                raise OSError(f"{path} is a folder that is not empty; pass recurse=True to delete it.")
            shutil.rmtree(local)
        elif os.path.exists(local):
            os.remove(local)
        else:
            return False
        return True

    def _writable(self, path, also_volume=False):
        text = str(path)
        if self._paths.is_above_files(text) and not (
            also_volume and os.path.isdir(self._paths.dbutils(text))
        ):
            raise PermissionError(f"{text}: only what lies in a volume can be written or deleted.")

    def _existing(self, path):
        local = self._paths.dbutils(path)
        if not os.path.exists(local):
            raise FileNotFoundError(f"{path}: no such file or folder.")
        return local


def _shown(path):
    text = str(path)
    return text if text.startswith(("dbfs:/", "file:/", "/Volumes/")) else f"dbfs:/{text.lstrip('/')}"


def _info(local, shown):
    status = os.stat(local)
    folder = os.path.isdir(local)
    path = f"{shown}/" if folder else shown
    name = os.path.basename(shown.rstrip("/")) + ("/" if folder else "")
    return FileInfo(path, name, 0 if folder else status.st_size, int(status.st_mtime * 1000))
