"""Reading what users wrote: every trouble with a file in words."""

from pathlib import Path

from orchestrator.errors import UsageError

__all__ = ["read_bytes", "read_text"]


def read_text(path: Path) -> str:
    """What a file says. Raises `UsageError` if it cannot be read."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as problem:
        raise UsageError(f"{path}: not UTF-8 (byte {problem.start})") from None


def read_bytes(path: Path) -> bytes:
    """What a file holds. Raises `UsageError` if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: that is a directory; name a file of flows/") from None
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror}") from None
