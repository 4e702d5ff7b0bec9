"""Which directory is the project's: it has `.orchestrator/`, and what the flows name.

Every command climbs alike, from a flow or from the current directory: to the nearest directory
with one of `MARKERS`, else with flows, else with data.
"""

from collections.abc import Iterable
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.mcp_host import LOCK, REGISTRY

__all__ = ["project_around", "project_here", "project_of"]

DATA = ".orchestrator"
MARKERS = (REGISTRY, LOCK, "pyproject.toml", "workers")


def project_of(flow: Path) -> Path:
    """The root of a flow's project; where it lies in none, that of the current directory."""
    return _root(flow.resolve().parents) or project_around()


def project_around() -> Path:
    """The root of the project that the current directory lies in, which may be about to begin:
    where there is none it is the directory itself."""
    here = Path.cwd()
    return _root((here, *here.parents)) or here


def project_here() -> Path:
    """The same of a project that is there. Raises `UsageError` if there is none."""
    here = Path.cwd()
    found = _root((here, *here.parents))
    if found is None:
        raise UsageError(
            f"{here} lies in no project: neither it nor a directory above it has one of "
            f"flows, {', '.join((*MARKERS, DATA))}; go to a project, or set REDIS_URL"
        )
    return found


def _root(directories: Iterable[Path]) -> Path | None:
    around = tuple(directories)
    nearest = (_nearest(around, markers) for markers in (MARKERS, ("flows",), (DATA,)))
    return next(filter(None, nearest), None)


def _nearest(directories: Iterable[Path], markers: Iterable[str]) -> Path | None:
    marked = (each for each in directories if any((each / marker).exists() for marker in markers))
    return next(marked, None)
