"""A worker as a process: when it is told to stop, and how it says that it is ready."""

import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.abc import TaskStatus

from orchestrator.worker.runtime import Worker

__all__ = ["announce", "consumer_name", "run", "told"]


async def run(
    workers: Sequence[Worker], *, lifeline: bool = False, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGTERM or SIGINT, and with `lifeline` until standard input ends.

    A parent that holds the other end of the pipe takes its children along, however it
    dies. The first signal lets running calls finish, the second does not.
    """

    def stop() -> None:
        for worker in workers:
            worker.stop()

    async with told(stop, lifeline), anyio.create_task_group() as serving:
        for worker in workers:
            serving.start_soon(worker.serve)
        ready()


def consumer_name() -> str:
    """Says where the process is, and is new each time: in a container every one has the same id."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def announce(queues: Mapping[str, Sequence[str]], *, as_json: bool = False) -> None:
    """Say on standard output, in one line, what is served.

    As JSON it is for a program, which reads no more than this line: what is printed from then on
    goes to standard error, because a full pipe would hold up whoever prints.
    """
    if as_json:
        line = json.dumps({"event": "ready", "queues": queues})
    else:
        line = "serving " + "; ".join(f"{q}: {', '.join(names)}" for q, names in queues.items())
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    if as_json:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


@asynccontextmanager
async def told(stop: Callable[[], None], lifeline: bool) -> AsyncGenerator[None]:
    """Call `stop` when a signal comes or the lifeline ends; a second signal cancels the block."""
    async with anyio.create_task_group() as listeners:
        await listeners.start(_heed_signals, stop, listeners.cancel_scope)
        if lifeline:
            listeners.start_soon(_heed_lifeline, stop)
        yield
        listeners.cancel_scope.cancel()


async def _heed_signals(
    stop: Callable[[], None], block: anyio.CancelScope, *, task_status: TaskStatus[None]
) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        await anext(signals)
        stop()
        await anext(signals)
        block.cancel()


async def _heed_lifeline(stop: Callable[[], None]) -> None:
    while sys.stdin:  # there is none at all where the process was started with its input closed
        with suppress(PermissionError):  # files and /dev/null are always ready: nobody can wait
            await anyio.wait_readable(sys.stdin)
        if not os.read(sys.stdin.fileno(), 4096):
            break
    stop()
