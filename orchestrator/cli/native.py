"""Where the servers are that the Realtime service is to ask itself (`via: openai`)."""

from collections.abc import Mapping
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.flow.definition import Flow
from orchestrator.mcp_host.registry import FILE, Http, Registry, read_registry
from orchestrator.realtime.native import Address

__all__ = ["addresses"]


def addresses(flow: Flow, directory: Path) -> Mapping[str, Address]:
    """The addresses by registered name, from `.mcp.json`; it is read only if there are any.

    Raises `UsageError` with every server that the service could not reach.
    """
    names = {tool.native.server for tool in flow.tools.values() if tool.native}
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
        return f"no server '{name}' in {FILE}: orchestrator mcp add --transport http {name} URL"
    transport = registry[name].transport
    if not isinstance(transport, Http):
        return f"server '{name}' has a command: the Realtime service needs a url (or via: host)"
    return Address(transport.url, transport.headers)
