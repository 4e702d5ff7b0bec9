"""Flow files, from the disk to a compiled flow."""

from pathlib import Path

from orchestrator.errors import Problem
from orchestrator.files import read_text
from orchestrator.flow.compile import check, compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.mcp_host.lock import FILE, read_lock

__all__ = ["check_file", "load"]


def load(path: Path) -> tuple[Flow, tuple[Problem, ...]]:
    """The compiled flow of a file, with its warnings. Raises `FlowInvalid` or `UsageError`."""
    return compile_flow(read_text(path), str(path), lock=read_lock(Path(FILE)).definitions())


def check_file(path: Path) -> tuple[Problem, ...]:
    """Every problem of a file, warnings too. Raises `UsageError` if it cannot be read."""
    return check(read_text(path), str(path), lock=read_lock(Path(FILE)).definitions())
