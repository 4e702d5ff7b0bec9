"""MCP servers that the service asks itself: how it hears of them, and what came of a call. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.definition import Flow, Tool
from orchestrator.realtime.objects import Item, is_object

__all__ = ["Address", "mcp_tools", "outcome"]

UNAVAILABLE = "http_error"


@dataclass(frozen=True, slots=True)
class Address:
    """Of a server. Both parts may hold secrets: they go to the service, and nowhere else."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


def mcp_tools(flow: Flow, servers: Mapping[str, Address]) -> tuple[dict[str, Json], ...]:
    """The `tools` of the session: whole, with what no response repeats.

    `servers` are by registered name. The service asks us before calls that need approval.
    """
    return tuple(
        _mcp_tool(label, tools, servers[server])
        for (label, server), tools in _by_server(flow).items()
    )


def _by_server(flow: Flow) -> dict[tuple[str, str], list[Tool]]:
    found: dict[tuple[str, str], list[Tool]] = {}
    for tool in flow.all_tools:
        if tool.native:
            found.setdefault((tool.native.label, tool.native.server), []).append(tool)
    return found


def _mcp_tool(label: str, tools: list[Tool], server: Address) -> dict[str, Json]:
    """A tool that one of the flows wants asked about is asked about everywhere."""
    names = list(dict.fromkeys(tool.handler for tool in tools))
    careful = {tool.handler for tool in tools if tool.read_back or tool.review}
    asked = [name for name in names if name in careful]
    free = [name for name in names if name not in careful]
    approval = {"always": {"tool_names": asked}, "never": {"tool_names": free}}
    return {
        "type": "mcp",
        "server_label": label,
        "server_url": server.url,
        **({"headers": dict(server.headers)} if server.headers else {}),
        "allowed_tools": names,
        "require_approval": approval if asked and free else "always" if asked else "never",
    }


def outcome(item: Item) -> Outcome:
    """Of an `mcp_call`: the JSON in its output, or the text; or why there is none."""
    if item.error is None and item.status != "incomplete":
        return Outcome("worker", _result(item.output or ""))
    unreached = is_object(item.error) and item.error.get("type") == UNAVAILABLE
    code = "unavailable" if unreached else "error"
    return Outcome.failed("worker", code, _words(item.error) or "the call was cut off")


def _result(output: str) -> Json:
    try:
        return json.loads(output)
    except (ValueError, RecursionError):
        return output


def _words(error: Json) -> str:
    return str(error.get("message", "")) if is_object(error) else str(error or "")
