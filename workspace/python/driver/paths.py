"""
Where Databricks' paths are on this machine: `dbfs:/` and `/Volumes` in folders of the workspace's data, `/Workspace` in
copies made for this run (to read only), `file:/` in the run's own folder. Nothing leads outside of these.
"""

import builtins
import errno
import importlib.machinery
import io
import os
import posixpath
import sys
import zipimport

_PREFIXES = ("/Workspace/", "/Volumes/", "/dbfs/", "dbfs:/", "file:/")
_OPEN_PREFIXES = ("/Workspace/", "/Volumes/", "/dbfs/")


class Paths:
    def __init__(self, spec, channel):
        self._channel = channel
        self._dbfs = spec["dbfs_directory"]
        self._volumes = spec["volumes_directory"]
        self._copies = spec["workspace_copies"]
        self._disk = os.path.join(spec["run_directory"], "disk")
        self._run_directory = spec["run_directory"]
        self._found = {}

    def resolve(self, notebook, reference):
        """The workspace path of a notebook named as `reference` in `notebook`: absolute, or relative to its folder."""
        reference = reference.strip()
        if reference.startswith("/Workspace/"):
            reference = reference[len("/Workspace") :]
        if not reference.startswith("/"):
            reference = posixpath.join(posixpath.dirname(notebook), reference)
        return posixpath.normpath(reference)

    def local(self, path):
        """Where `path` is on this machine; a path of another kind is returned as it is."""
        if not path.startswith(_PREFIXES):
            return path
        if path.startswith("/Workspace/"):
            return self._workspace(path)
        if path.startswith("file:/"):
            disk = "/" + path[len("file:") :].lstrip("/")
            # As on a cluster, whose disk shows workspace files: `dbutils.fs` knows them by no other name.
            return self._workspace(disk) if disk.startswith("/Workspace/") else self._file(disk)
        inner = "/" + path[len("dbfs:") :].lstrip("/") if path.startswith("dbfs:") else path
        if inner.startswith("/Volumes/") or inner == "/Volumes":
            return self._volume(inner[len("/Volumes") :], path)
        if inner.startswith("/dbfs/") and not path.startswith("dbfs:"):
            inner = inner[len("/dbfs") :]
        return self._within(self._dbfs, inner, path)

    def dbutils(self, path):
        """As `local`, for `dbutils.fs`, where a path without a scheme is on DBFS."""
        text = str(path)
        return self.local(text if text.startswith(_PREFIXES) else f"dbfs:/{text.lstrip('/')}")

    def _volume(self, inner, shown):
        """A path in a volume; the folder of a volume that exists is always there."""
        full = self._within(self._volumes, inner, shown)
        names = os.path.relpath(full, os.path.realpath(self._volumes)).split(os.sep)
        volume = os.path.join(self._volumes, *names[:3])
        if len(names) >= 3 and not os.path.isdir(volume):
            raise FileNotFoundError(
                errno.ENOENT,
                f"The volume {'.'.join(names[:3])} does not exist; make it before it is used",
                shown,
            )
        return full

    def is_above_files(self, path):
        """Whether `path` is a volume, or above one: nothing that a notebook may write or delete."""
        inner = path[len("dbfs:") :] if path.startswith("dbfs:") else path
        names = [name for name in posixpath.normpath("/" + inner.lstrip("/")).split("/") if name]
        return names[:1] == ["Volumes"] and len(names) <= 4

    def _file(self, path):
        real = os.path.realpath(path)
        if os.path.commonpath([real, os.path.realpath(self._run_directory)]) == os.path.realpath(
            self._run_directory
        ):
            return real
        return self._within(self._disk, path, f"file:{path}")

    def _within(self, root, inner, shown):
        root = os.path.realpath(root)
        full = os.path.realpath(os.path.join(root, inner.lstrip("/")))
        if os.path.commonpath([full, root]) != root:
            raise PermissionError(f"{shown} leads outside of the local workspace's data.")
        return full

    def _workspace(self, path):
        normal = posixpath.normpath(path)
        if normal not in self._found:
            answer = self._channel.call("file", path=normal[len("/Workspace") :] or "/")
            self._found[normal] = answer["exists"]
        return self._within(self._copies, normal[len("/Workspace") :], path)

    def install(self):
        """Makes `open`, the common functions of `os`, and imports from `sys.path` understand these paths."""
        sys.path_hooks.insert(0, self._path_hook)
        builtins.open = io.open = self._opener(io.open)
        for name in ("stat", "lstat", "listdir", "scandir", "access", "open"):
            _replace(name, self._reader(getattr(os, name)))
        for name in ("mkdir", "remove", "unlink", "rmdir", "rename", "replace"):
            _replace(name, self._writer(getattr(os, name)))

    def _path_hook(self, entry):
        if not entry.startswith(_OPEN_PREFIXES):
            raise ImportError(entry)
        try:
            local = self.local(entry)
        except OSError as error:
            # A folder that does not exist is no reason to stop looking in the others.
            raise ImportError(str(error)) from error
        if os.path.isfile(local):
            # A wheel or another zip archive of modules.
            return zipimport.zipimporter(local)
        loaders = [
            (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
            (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
        ]
        return importlib.machinery.FileFinder(local, *loaders)

    def _mapped(self, path, writes):
        text = path if isinstance(path, str) else path.__fspath__() if isinstance(path, os.PathLike) else None
        if not isinstance(text, str) or not text.startswith(_OPEN_PREFIXES):
            return path
        if writes and text.startswith("/Workspace/"):
            raise PermissionError(f"{text}: notebooks of the local workspace can only read workspace files.")
        if writes and self.is_above_files(text):
            raise PermissionError(f"{text}: only what lies in a volume can be written.")
        return self.local(text)

    def _opener(self, original):
        def open(file, mode="r", *args, **kwargs):
            return original(
                self._mapped(file, writes=any(letter in mode for letter in "wax+")), mode, *args, **kwargs
            )

        return open

    def _reader(self, original):
        def function(path=".", *args, **kwargs):
            return original(self._mapped(path, writes=False), *args, **kwargs)

        return function

    def _writer(self, original):
        def function(*paths, **kwargs):
            return original(*(self._mapped(path, writes=True) for path in paths), **kwargs)

        return function


def _replace(name, function):
    """Puts a wrapper in the place of a function of `os`, also where `os` says what its functions can do."""
    original = getattr(os, name)
    for supporting in (
        os.supports_dir_fd,
        os.supports_fd,
        os.supports_follow_symlinks,
        os.supports_effective_ids,
    ):
        if original in supporting:
            supporting.add(function)
    setattr(os, name, function)
