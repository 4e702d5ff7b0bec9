"""Flow files, from the disk to a compiled flow."""

from collections.abc import Iterable
from pathlib import Path

from orchestrator.errors import Problem, UsageError
from orchestrator.files import read_text
from orchestrator.flow.compile import check, compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.mcp_host.lock import FILE, read_lock

__all__ = ["below", "check_file", "flow_files", "load"]


def load(path: Path) -> tuple[Flow, tuple[Problem, ...]]:
    """The compiled flow of a file, with its warnings. Raises `FlowInvalid` or `UsageError`."""
    return compile_flow(read_text(path), str(path), lock=read_lock(Path(FILE)).definitions())


def check_file(path: Path) -> tuple[Problem, ...]:
    """Every problem of a file, warnings too. Raises `UsageError` if it cannot be read."""
    return check(read_text(path), str(path), lock=read_lock(Path(FILE)).definitions())


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
    """The files of a directory and all that lies in it, hidden ones aside."""

    def hidden(file: Path) -> bool:
        return any(part.startswith(".") for part in file.relative_to(directory).parts)

    return [file for file in sorted(directory.rglob(pattern)) if not hidden(file)]
