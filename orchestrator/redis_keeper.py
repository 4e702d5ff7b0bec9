"""Keeps one project's embedded Redis alive for as long as anyone uses it. Runs as a program:

    python -I -S redis_keeper.py DATA SOCKET BINARY

It returns when the server answers (0, with a note on stdout where there is one) or cannot
(1, with the reason on stderr); the keeper itself stays behind as a process of its own
session, restarts a server that dies, and stops it when the last user has left.

Who lives is known from locks alone, because the kernel lets go of the locks of the dead:
no kill -9, of anyone, leaves a server behind or takes it from under another user.

    DATA/users    held shared by every user; the keeper wants it exclusively, and then stops
    DATA/keeper   held by the keeper
    DATA/server   held by the keeper and its server: no two servers write the same files

Standard library only, because this start is waited for.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["ENDPOINT", "USERS_LOCK", "ask", "live_endpoint", "name_of"]

USERS_LOCK = "users"
SERVER_LOCK = "server"
KEEPER_LOCK = "keeper"
ENDPOINT = "endpoint.json"
LOG = "server.log"
APPEND_ONLY = "appendonlydir"

DAMAGED = re.compile("Bad file format|MANIFEST FILE ERROR|AOF file .* No such file|BUG REPORT")
"""What a server says of files that it cannot load; some damage makes it crash."""

START_LIMIT = 30.0  # seconds: a large file takes a while to load
LOOK_AGAIN = 0.2  # seconds between two looks at users and server


class Failed(Exception):
    """The server did not start; the message says why."""


def ask(path: str, command: str) -> str:
    """The reply of the server at a socket to an inline command; empty if nobody answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(path)
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(65536).decode()
        except OSError:
            return ""


def live_endpoint(data: Path) -> dict[str, Any] | None:
    """Where the server of this directory answers, if it does and its keeper lives."""
    endpoint = _endpoint(data)
    if endpoint and _kept(data) and _answers(endpoint["socket"]):
        return endpoint
    return None


def _endpoint(data: Path) -> dict[str, Any] | None:
    try:
        endpoint: dict[str, Any] = json.loads((data / ENDPOINT).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return endpoint


def _kept(data: Path) -> bool:
    """Whether there is a keeper. Asks shared, so that those who ask do not see each other."""
    try:
        with open(data / KEEPER_LOCK) as file:
            return not _locked(file.fileno(), fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _answers(path: str) -> bool:
    return ask(path, "PING").startswith("+PONG")


class Keeper:
    """The process that stays: one server, its lock, and its log."""

    def __init__(self, data: Path, path: str, binary: str) -> None:
        self._data = data
        self._socket = path
        self._binary = binary
        self._logged = 0
        self._lock = os.open(data / SERVER_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        self._kept = os.open(data / KEEPER_LOCK, os.O_RDWR | os.O_CREAT, 0o600)

    def take_over(self) -> bool:
        """Become the keeper; False if another one has the server running by now."""
        until = time.monotonic() + START_LIMIT
        while not _locked(self._lock):
            if live_endpoint(self._data):
                return False
            if (orphan := _endpoint(self._data)) and not _kept(self._data):
                ask(orphan["socket"], "SHUTDOWN")  # where the kernel does not end it for us
            if time.monotonic() > until:
                raise Failed(f"another server holds {self._data} and does not answer")
            time.sleep(0.01)
        fcntl.flock(self._kept, fcntl.LOCK_EX)
        return True

    def start(self) -> tuple[subprocess.Popen[bytes], str]:
        """Start the server, without its data if they are damaged; a note says so then."""
        try:
            return self._spawn(), ""
        except Failed as failure:
            if not DAMAGED.search(str(failure)):
                raise
        aside = self._data / f"{APPEND_ONLY}.corrupt-{time.time_ns() // 1_000_000_000}"
        (self._data / APPEND_ONLY).rename(aside)
        return self._spawn(), f"the data could not be read and were moved to {aside}"

    def keep(self, server: subprocess.Popen[bytes]) -> None:
        """Stand by until every user has left, then stop the server. May take days."""
        users = os.open(self._data / USERS_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        while not _locked(users):
            if server.poll() is not None:
                with contextlib.suppress(Failed):  # it stays in the log; tried again
                    server, _ = self.start()
            time.sleep(LOOK_AGAIN)
        # Newcomers wait for the users' lock now, and get it when this process has ended.
        server.send_signal(signal.SIGTERM)
        server.wait()
        (self._data / ENDPOINT).unlink(missing_ok=True)
        self.tidy()
        os.close(self._lock)

    def tidy(self) -> None:
        """Remove the directory that was made for the socket, if nothing is in it."""
        with contextlib.suppress(OSError):
            Path(self._socket).parent.rmdir()

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._logged = (self._data / LOG).stat().st_size
        server = subprocess.Popen(
            [self._binary, *self._options()],
            stdin=subprocess.DEVNULL,
            pass_fds=[self._lock],
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        try:
            self._await_answer(server)
            self._announce(server.pid)
        except (Failed, OSError) as failure:
            server.kill()
            server.wait()
            raise Failed(str(failure)) from failure
        return server

    def _await_answer(self, server: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_LIMIT
        while not _answers(self._socket):
            if server.poll() is not None or time.monotonic() > until:
                raise Failed(self._last_words() or f"{self._binary} ended: {server.returncode}")
            time.sleep(0.002)

    def _last_words(self) -> str:
        """Of this start; up to the report of a crash, which would fill pages."""
        said = (self._data / LOG).read_bytes()[self._logged :].decode(errors="replace")
        words, crash, _ = said.partition("BUG REPORT")
        return " ".join([line for line in (words + crash).splitlines() if line.strip()][-3:])

    def _options(self) -> list[str]:
        return [
            *("--port", "0", "--unixsocket", self._socket, "--unixsocketperm", "700"),
            *("--dir", str(self._data), "--save", "", "--loglevel", "warning"),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--appenddirname", APPEND_ONLY),
        ]

    def _announce(self, server: int) -> None:
        endpoint = {
            "keeper": os.getpid(),
            "server": server,
            "socket": self._socket,
            "name": name_of(ask(self._socket, "INFO server")),
        }
        new = self._data / f"{ENDPOINT}.new"
        new.write_text(json.dumps(endpoint))
        new.replace(self._data / ENDPOINT)


def _locked(descriptor: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _die_with_parent() -> None:
    """Ask the kernel (Linux) to end this process when the thread that made it ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def name_of(info: str) -> str:
    """`Valkey 9.1.2` or `Redis 7.0.15`, out of INFO; Valkey gives a redis_version too."""
    for key, name in (("valkey_version", "Valkey"), ("redis_version", "Redis")):
        if found := re.search(rf"^{key}:(\S+)", info, re.MULTILINE):
            return f"{name} {found[1]}"
    return "Redis"


def _stay_behind(keeper: Keeper, data: Path, word: int) -> None:
    """The life of the keeper's process; `word` is the pipe on which it says how it started."""
    os.setsid()
    log = os.open(data / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(log, standard)
    try:
        if not keeper.take_over():
            os.write(word, b"+")
            return
        os.truncate(data / LOG, 0)
        server, note = keeper.start()
    except (Failed, OSError) as failure:
        keeper.tidy()
        os.write(word, f"-{failure}".encode())
        return
    os.write(word, f"+{note}".encode())
    os.close(word)
    keeper.keep(server)


def main(data: str, path: str, binary: str) -> None:
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        _stay_behind(Keeper(Path(data), path, binary), Path(data), writer)
        return
    os.close(writer)
    with open(reader) as word:
        said = word.read()
    if not said.startswith("+"):
        sys.exit(said[1:] or "the keeper of the server ended")
    sys.stdout.write(said[1:])


if __name__ == "__main__":
    main(*sys.argv[1:])
