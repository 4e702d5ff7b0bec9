"""The environment as one frozen object. Parsing is pure; who calls it reads `os.environ`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.errors import UsageError

__all__ = ["Settings", "check_realtime_url", "from_environ"]

SCHEMES = {
    "REDIS_URL": (
        *("redis", "rediss", "unix", "redis+cluster", "rediss+cluster"),
        *("redis+sentinel", "rediss+sentinel"),
    ),
    "ORCHESTRATOR_URL": ("ws", "wss"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says; an unset or empty variable is None.

    `realtime_url` (ORCHESTRATOR_URL) is a Realtime service other than OpenAI's own, the
    emulator for one. `project` holds `flows/`, `workers/` and the data in `.orchestrator/`.
    Key and Redis URL are secrets and do not show in the repr.
    """

    project: Path
    openai_api_key: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    realtime_url: str | None = None

    @property
    def data(self) -> Path:
        """The directory of this project's data."""
        return self.project / ".orchestrator"


def from_environ(environ: Mapping[str, str], project: Path = Path()) -> Settings:
    """Settings from environment variables. Raises `UsageError` with every problem."""
    problems = [
        _no_url(name, schemes)
        for name, schemes in SCHEMES.items()
        if environ.get(name) and _scheme(environ[name]) not in schemes
    ]
    if problems:
        raise UsageError("\n".join(problems))
    return Settings(
        project=project,
        openai_api_key=environ.get("OPENAI_API_KEY") or None,
        redis_url=environ.get("REDIS_URL") or None,
        realtime_url=environ.get("ORCHESTRATOR_URL") or None,
    )


def check_realtime_url(url: str | None) -> None:
    """What stands in `--url`, instead of ORCHESTRATOR_URL. Raises `UsageError`."""
    schemes = SCHEMES["ORCHESTRATOR_URL"]
    if url is not None and _scheme(url) not in schemes:
        raise UsageError(_no_url("--url", schemes))


def _no_url(name: str, schemes: Sequence[str]) -> str:
    return f"{name}: not a URL that starts with {' or '.join(f'{s}://' for s in schemes)}"


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""
