"""Where the servers are that the Realtime service is to ask itself (`via: openai`)."""

from collections.abc import Callable, Mapping
from pathlib import Path

import anyio

from orchestrator.errors import UsageError
from orchestrator.flow.definition import Flow
from orchestrator.interfaces import Connection
from orchestrator.mcp_host import REGISTRY
from orchestrator.mcp_host.registry import Http, Registry, read_registry
from orchestrator.realtime.native import Address

__all__ = ["addresses", "listed"]

LIMIT = 10.0
"""Seconds that the service has for listing the tools; what it lists later is offered later."""


def addresses(flow: Flow, directory: Path) -> Mapping[str, Address]:
    """The addresses by registered name, from `.mcp.json`; it is read only if there are any.

    Raises `UsageError` with every server that the service could not reach.
    """
    names = {tool.native.server for tool in flow.all_tools if tool.native}
    if not names:
        return {}
    registry, _ = read_registry(directory)
    found = {name: _address(name, registry) for name in sorted(names)}
    problems = [address for address in found.values() if isinstance(address, str)]
    if problems:
        raise UsageError("\n".join(problems))
    return {name: at for name, at in found.items() if isinstance(at, Address)}


def _address(name: str, registry: Registry) -> Address | str:
    """The address, or why there is none."""
    if name not in registry:
        return f"no server '{name}' in {REGISTRY}: orchestrator mcp add --transport http {name} URL"
    transport = registry[name].transport
    if not isinstance(transport, Http):
        return f"server '{name}' has a command: the Realtime service needs a url (or via: host)"
    return Address(transport.url, transport.headers)


async def listed(connection: Connection, servers: int, notice: Callable[[str], None]) -> None:
    """Wait until the service has listed so many servers, or failed to.

    A tool that it has not listed is not offered, though a response asks for it. Nothing else of
    interest comes before the first response.
    """
    if not servers:
        return
    with anyio.move_on_after(LIMIT):
        async for frame in connection:
            kind = frame.get("type")
            if kind == "mcp_list_tools.failed":
                notice("the Realtime service cannot list the tools of an MCP server")
            servers -= kind in ("mcp_list_tools.completed", "mcp_list_tools.failed")
            if not servers:
                return
