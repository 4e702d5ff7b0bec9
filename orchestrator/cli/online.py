"""What `check --online` looks up: registered MCP servers, what they offer, who works."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import anyio

from orchestrator import broker
from orchestrator.cli.flows import document, project_of
from orchestrator.dispatch.call import Json
from orchestrator.dispatch.roster import Roster
from orchestrator.errors import FlowInvalid, Problem, ServiceError
from orchestrator.flow.checks.surroundings import Surroundings, check_surroundings
from orchestrator.flow.document import Document
from orchestrator.flow.part import Report
from orchestrator.link import connect
from orchestrator.mcp_host import LOCK, lock, registry
from orchestrator.mcp_host.lock import Tools
from orchestrator.settings import from_environ

__all__ = ["check_online"]


def check_online(files: Collection[Path]) -> list[Problem]:
    """The problems that flows have with what is there now; none of a flow that has errors itself.

    Raises `UsageError` for a registry or lock that cannot be read, `ServiceError` without Redis.
    """
    report = Report()
    projects: dict[Path, list[Document]] = {}
    for file in files:
        try:
            projects.setdefault(project_of(file), []).append(document(file))
        except FlowInvalid:
            continue  # its problems are told as they are without this
    for project, documents in projects.items():
        there = _look(project, documents)
        for each in documents:
            check_surroundings(each, there, report)
    return list(report.problems)


def _look(project: Path, documents: Collection[Document]) -> Surroundings:
    servers = [server for each in documents for server in each.mcp.values()]
    hosted = {server.server for server in servers if server.via == "host"}
    handlers = anyio.run(_handlers, project) if any(each.tools for each in documents) else None
    return Surroundings(
        _offered(project, hosted) if servers else {},
        {name: _hashes(tools) for name, tools in _pinned(project).servers.items()},
        handlers,
    )


def _pinned(project: Path) -> lock.Lock:
    return lock.read_lock(project / LOCK)


def _offered(
    project: Path, hosted: Collection[str]
) -> Mapping[str, Mapping[str, str] | str | None]:
    """What each server offers that our host would ask; the others are only known to be there."""
    known, _ = registry.read_registry(project)
    from orchestrator.mcp_host.server import look_at_all  # brings along `mcp`: over a second

    asked = [server for name, server in known.items() if name in hosted]
    seen = anyio.run(look_at_all, asked, project / ".orchestrator" / "logs")
    return {name: _told(seen.get(name)) for name in known}


def _told(seen: Tools | ServiceError | None) -> Mapping[str, str] | str | None:
    if isinstance(seen, ServiceError):
        return str(seen)
    return None if seen is None else _hashes(seen)


def _hashes(tools: Tools) -> Mapping[str, str]:
    return {name: tool.hash for name, tool in tools.items()}


async def _handlers(project: Path) -> Mapping[str, Mapping[str, Mapping[str, Json]]]:
    """What workers announce; one of them counts where several have a handler."""
    settings = from_environ(os.environ, project)
    queues: dict[str, dict[str, Mapping[str, Json]]] = {}
    async with broker.find(settings) as redis, connect(redis.url) as link:
        for worker in await Roster(link).present():
            for queue, handlers in worker.queues.items():
                served = queues.setdefault(queue, {})
                served |= {name: handled.arguments for name, handled in handlers.items()}
    return queues
