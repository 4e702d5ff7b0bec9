"""Flow files, from the disk to a compiled flow."""

from pathlib import Path

from orchestrator.errors import Problem, UsageError
from orchestrator.flow.compile import check, compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.mcp_host.lock import FILE, read_lock

__all__ = ["check_file", "load", "read_text"]


def load(path: Path) -> tuple[Flow, tuple[Problem, ...]]:
    """The compiled flow of a file, with its warnings. Raises `FlowInvalid` or `UsageError`."""
    return compile_flow(read_text(path), str(path), lock=read_lock(Path(FILE)).definitions())


def check_file(path: Path) -> tuple[Problem, ...]:
    """Every problem of a file, warnings too. Raises `UsageError` if it cannot be read."""
    return check(read_text(path), str(path), lock=read_lock(Path(FILE)).definitions())


def read_text(path: Path) -> str:
    """What a file says. Raises `UsageError` if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: that is a directory; name a file of flows/") from None
    except UnicodeDecodeError as problem:
        raise UsageError(f"{path}: not UTF-8 (byte {problem.start})") from None
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror}") from None
