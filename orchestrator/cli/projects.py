"""Which directory is the project's: it has `.orchestrator/`, and what the flows name."""

from collections.abc import Iterable
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.mcp_host.lock import FILE as LOCK
from orchestrator.mcp_host.registry import FILE as REGISTRY

__all__ = ["project_here", "project_of"]

DATA = ".orchestrator"
MARKERS = (REGISTRY, LOCK, "pyproject.toml", "workers")


def project_of(flow: Path) -> Path:
    """The root of a flow's project: the nearest directory above it that has one of `MARKERS`,
    else the current one."""
    return _nearest(flow.resolve().parents, MARKERS) or Path.cwd()


def project_here() -> Path:
    """The root of the project that the current directory lies in: the nearest one with data or one
    of `MARKERS`, else with flows. Raises `UsageError` if there is none."""
    here = Path.cwd()
    around = (here, *here.parents)
    found = _nearest(around, (DATA, *MARKERS)) or _nearest(around, ("flows",))
    if found is None:
        raise UsageError(
            f"{here} lies in no project: neither it nor a directory above it has one of "
            f"flows, {', '.join((*MARKERS, DATA))}; go to a project, or set REDIS_URL"
        )
    return found


def _nearest(directories: Iterable[Path], markers: Iterable[str]) -> Path | None:
    marked = (each for each in directories if any((each / marker).exists() for marker in markers))
    return next(marked, None)
