"""`orchestrator worker`: load handlers, claim the calls of their queues, run them."""

import logging
import os
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from orchestrator.dispatch.streams import StreamClaims
from orchestrator.errors import UsageError
from orchestrator.link import connect
from orchestrator.worker.handlers import Handlers
from orchestrator.worker.load import load
from orchestrator.worker.process import announce, run
from orchestrator.worker.runtime import Worker

__all__ = ["serve"]

log = logging.getLogger(__name__)


async def serve(
    modules: Sequence[str],
    redis_url: str,
    *,
    project: Path = Path(),
    slots: int = 10,
    lifeline: bool = False,
    ready: bool = False,
) -> None:
    """Serve the handlers of these modules (default: `workers/*.py`) until told to stop.

    `slots` calls run at a time on each queue. One line on standard output says what is
    served, as JSON with `ready`; with `lifeline` the end of standard input stops it.
    Raises `UsageError` for modules that cannot be served, `ServiceError` without Redis.
    """
    handlers = Handlers.of(*load(modules, project))
    if not handlers.queues:
        raise UsageError("no function there is marked with @handler: nothing to serve")
    async with connect(redis_url) as link:
        consumer = f"{socket.gethostname()}-{os.getpid()}"
        workers = [
            Worker(StreamClaims(link, queue, consumer), handlers.run, slots)
            for queue in handlers.queues
        ]
        await run(
            workers, lifeline=lifeline, ready=partial(announce, handlers.queues, as_json=ready)
        )
    _leave_threads(handlers)


def _leave_threads(handlers: Handlers) -> None:
    """End the process under sync handlers that do not return: Python would wait for them."""
    if handlers.in_threads:
        log.warning("still running, left behind: %s", ", ".join(handlers.in_threads))
        logging.shutdown()
        os._exit(1)
