"""`orchestrator worker`: load handlers, claim the calls of their queues, run them."""

import logging
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from orchestrator.dispatch.claims import LEASE, StreamClaims
from orchestrator.dispatch.progress import StreamProgress
from orchestrator.dispatch.roster import Handled, Present
from orchestrator.errors import UsageError
from orchestrator.link import connect
from orchestrator.worker.handlers import Handlers
from orchestrator.worker.listing import beside, listed
from orchestrator.worker.load import load
from orchestrator.worker.process import announce, consumer_name, run
from orchestrator.worker.runtime import Worker

__all__ = ["GRACE", "handlers_of", "serve"]

GRACE = 30.0
"""Seconds that running calls may take after the worker was told to stop."""

log = logging.getLogger(__name__)


def handlers_of(
    modules: Sequence[str], project: Path = Path(), queues: Sequence[str] = ()
) -> Handlers:
    """The handlers of these modules (default: `workers/*.py` of the project), of `queues` only if
    there are any. Raises `UsageError` for modules that cannot be served."""
    loaded = load(modules, project)
    handlers = Handlers.of(*loaded)
    if not handlers.queues:
        files = ", ".join(each.__file__ or each.__name__ for each in loaded)
        raise UsageError(f"no function is marked with @handler in {files}: nothing to serve")
    return handlers.only(queues) if queues else handlers


async def serve(
    handlers: Handlers,
    redis_url: str,
    *,
    slots: int = 10,
    limit: int | None = None,
    lease: float = LEASE,
    grace: float = GRACE,
    lifeline: bool = False,
    ready: bool = False,
) -> None:
    """Serve these handlers until told to stop.

    `slots` calls run at a time on each of their queues, and with `limit` no more than that on each
    over all workers, which must say so, too. One line on standard output says what is served, as
    JSON with `ready`; with `lifeline` the end of standard input stops it. Running calls then have
    `grace` seconds to finish. Lifespans are open from before the first call to after the last. A
    worker that was not heard of for `lease` seconds counts as dead.
    Raises `UsageError` for a lifespan that fails, `ServiceError` without Redis.
    """
    async with connect(redis_url) as link, handlers.opened():
        name = consumer_name()
        claims = [
            StreamClaims(link, queue, name, lease=lease, limit=limit) for queue in handlers.queues
        ]
        workers = [Worker(each, handlers.run, slots, grace=grace) for each in claims]
        progress = StreamProgress(link)
        handlers.tell = progress.tell
        present = _present(name, handlers, slots, limit)
        async with beside(progress.run), listed(link, present, workers):
            await run(
                workers, lifeline=lifeline, ready=partial(announce, handlers.queues, as_json=ready)
            )
    _leave_threads(handlers)


def _present(name: str, handlers: Handlers, slots: int, limit: int | None) -> Present:
    served: dict[str, dict[str, Handled]] = {queue: {} for queue in handlers.queues}
    for each in handlers.all:
        served[each.queue][each.name] = Handled(each.schema, each.returns)
    return Present(name, time.time(), slots, served, limit=limit)


def _leave_threads(handlers: Handlers) -> None:
    """End the process under sync handlers that do not return: Python would wait for them."""
    if handlers.in_threads:
        log.warning("still running, left behind: %s", ", ".join(handlers.in_threads))
        logging.shutdown()
        os._exit(1)
