"""`orchestrator mcp-host`: connect to the registered servers and run the calls for them."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import anyio

from orchestrator.dispatch.claims import LEASE, StreamClaims
from orchestrator.dispatch.progress import StreamProgress
from orchestrator.dispatch.roster import Present
from orchestrator.errors import UsageError
from orchestrator.link import connect
from orchestrator.mcp_host import REGISTRY
from orchestrator.mcp_host.host import Host
from orchestrator.mcp_host.registry import read_registry
from orchestrator.worker.listing import listed
from orchestrator.worker.process import announce, consumer_name, run
from orchestrator.worker.runtime import Worker

__all__ = ["host_of", "serve"]

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that servers have to come up before the host says that it serves."""


def host_of(servers: Sequence[str] = (), project: Path = Path()) -> Host:
    """A host of these registered MCP servers (default: all).

    Raises `UsageError` for a registry or lock that is wrong.
    """
    registry, warnings = read_registry(project)
    for warning in warnings:
        log.warning("%s", warning)
    if not registry:
        raise UsageError(f"no MCP server is registered in {project / REGISTRY}")
    if unknown := sorted(set(servers) - registry.keys()):
        raise UsageError(f"not registered in {project / REGISTRY}: {', '.join(unknown)}")
    registry = {name: server for name, server in registry.items() if name in (servers or registry)}
    return Host(registry, project, project / ".orchestrator" / "logs")


async def serve(
    host: Host,
    redis_url: str,
    *,
    slots: int = 10,
    limit: int | None = None,
    lease: float = LEASE,
    lifeline: bool = False,
    ready: bool = False,
) -> None:
    """Serve the tools of the host's servers until told to stop.

    `slots` calls run at a time on each server, and with `limit` no more than that over all hosts,
    which must say so, too; a host that was not heard of for `lease` seconds counts as dead. Calls
    are taken at once; one line on standard output, when the servers are up or have failed to come
    up, names the queues and their pinned tools, as JSON with `ready`. With `lifeline` the end of
    standard input stops it.
    Raises `ServiceError` without Redis.
    """
    async with connect(redis_url) as link, anyio.create_task_group() as sessions:
        for supervisor in host.supervisors.values():
            sessions.start_soon(supervisor.run)
        consumer = consumer_name()
        claims = [
            StreamClaims(link, queue, consumer, lease=lease, limit=limit)
            for queue in host.supervisors
        ]
        workers = [Worker(each, host.run, slots) for each in claims]
        progress = StreamProgress(link)
        host.tell = progress.tell
        sessions.start_soon(progress.run)
        present = Present(consumer, time.time(), slots, host.handled, limit=limit)
        async with listed(link, present, workers):

            def up() -> None:
                sessions.start_soon(_announce, host, ready)

            await run(workers, lifeline=lifeline, ready=up)
        sessions.cancel_scope.cancel()


async def _announce(host: Host, as_json: bool) -> None:
    """Say what is served once each server is up or has failed to come up, or is slow."""
    with anyio.move_on_after(PATIENCE):
        for supervisor in host.supervisors.values():
            await supervisor.attempted()
    announce(host.queues, as_json=as_json)
