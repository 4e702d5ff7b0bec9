"""Flow files, from the disk to a compiled flow."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias

from orchestrator.cli.projects import project_of
from orchestrator.errors import Problem, UsageError
from orchestrator.files import read_bytes, read_text
from orchestrator.flow.compile import Lock, check, compile_flow, document_of
from orchestrator.flow.definition import Flow
from orchestrator.flow.document import Document
from orchestrator.flow.images import data_uri, is_image
from orchestrator.flow.loader import MAX_SIZE
from orchestrator.mcp_host import LOCK
from orchestrator.mcp_host.lock import read_lock

__all__ = [
    "Files",
    "Stamp",
    "below",
    "check_file",
    "document",
    "flow_files",
    "load",
    "project_of",
    "stamp",
]

Stamp: TypeAlias = tuple[int, int] | None
"""When a file was written, and its size, which tells apart writes of one moment."""


@dataclass
class Files:
    """What a flow is made from: its file, those that it names, and the lock of its project.

    `seen` are those that were looked for so far, as they stood then.
    """

    path: Path
    seen: dict[Path, Stamp] = field(default_factory=dict[Path, Stamp])

    def text(self) -> str:
        return read_text(self._see(self.path))

    def lock(self) -> Lock:
        return read_lock(self._see(project_of(self.path) / LOCK)).definitions()

    def read(self, name: str) -> str:
        """A file that the flow names. Raises `UsageError` unless it is one of the project's."""
        path = self._see(Path(name))
        real, home = path.resolve(), self.path.resolve()
        root = project_of(self.path)
        root = root if home.is_relative_to(root) else home.parent
        if not real.is_relative_to(root):
            raise UsageError(f"{name}: that is outside of the project, {root}")
        if real.exists() and not real.is_file():
            raise UsageError(f"{name}: that is no file")
        if real.exists() and real.stat().st_size > 4 * MAX_SIZE:
            raise UsageError(f"{name}: larger than {4 * MAX_SIZE:,} bytes")
        return data_uri(name, read_bytes(path)) if is_image(name) else read_text(path)

    def _see(self, path: Path) -> Path:
        self.seen.setdefault(path, stamp(path))
        return path


def stamp(file: Path) -> Stamp:
    """None if there is no such file."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def load(path: Path) -> tuple[Flow, tuple[Problem, ...]]:
    """The compiled flow of a file, with its warnings. Raises `FlowInvalid` or `UsageError`."""
    files = Files(path)
    return compile_flow(files.text(), str(path), files.lock(), files.read)


def document(path: Path) -> Document:
    """What the author of a flow wrote. Raises `FlowInvalid` or `UsageError`."""
    load(path)
    files = Files(path)
    return document_of(files.text(), str(path), files.read)


def check_file(path: Path, seen: dict[Path, Stamp] | None = None) -> tuple[Problem, ...]:
    """Every problem of a file, warnings too. Raises `UsageError` if it cannot be read.

    The files that it is made from are added to `seen`.
    """
    files = Files(path, {} if seen is None else seen)
    return check(files.text(), str(path), files.lock(), files.read)


def flow_files(paths: Iterable[Path]) -> list[Path]:
    """Each file once; a directory stands for every `*.flow.yaml` below it.

    Raises `UsageError` for a directory without a flow.
    """
    return list(dict.fromkeys(file for path in paths for file in _flows(path)))


def _flows(path: Path) -> list[Path]:
    found = below(path, "*.flow.yaml") if path.is_dir() else [path]
    if not found:
        raise UsageError(f"{path}: no flows; they stand in files named *.flow.yaml")
    return found


def below(directory: Path, pattern: str) -> list[Path]:
    """The files of a directory and all that lies in it, hidden ones aside.

    A directory that cannot be read, or that vanishes meanwhile, counts as empty.
    """
    found: list[Path] = []
    for where, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(".")]
        shown = (name for name in names if not name.startswith("."))
        found += [Path(where, name) for name in shown if fnmatchcase(name, pattern)]
    return sorted(found)
