"""The MCP servers of a session, as the service knows them: what they offer, and who is asked. Pure.

A server is whole once, in the session's tools; from then on its label stands for it, also in a
response, where `allowed_tools` narrows it. What has not been listed yet is not offered. Headers
and tokens are kept here and shown to nobody.

To the model each tool is a function `LABEL__TOOL`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.dispatch.call import Json
from orchestrator.emulator.wire import Rejected, not_emulated
from orchestrator.realtime.objects import is_object

__all__ = ["Listing", "NativeCall", "Offered", "Outcome", "Servers", "Target", "shown"]

_SECRETS = ("authorization", "headers")
_Tool = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Target:
    """A tool of a server; `ask` says that the client has to approve each call."""

    label: str
    tool: str
    ask: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A server whose tools are to be listed; `item` is the id of the item that will tell them."""

    label: str
    item: str
    config: _Tool = field(repr=False)


@dataclass(frozen=True, slots=True)
class NativeCall:
    """A call that the service makes itself; `item` is the id of its `mcp_call`."""

    item: str
    label: str
    tool: str
    arguments: str
    config: _Tool = field(repr=False)
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`error` is an object of the service's, as it stands in the item; None if all went well."""

    output: str | None = None
    error: Json = None


@dataclass(frozen=True, slots=True)
class Offered:
    """The tools of a response as functions, and where those are that the service calls itself."""

    functions: Sequence[_Tool]
    targets: Mapping[str, Target]


@dataclass(frozen=True, slots=True)
class _Server:
    config: _Tool = field(repr=False)
    tools: Sequence[_Tool] | None = None


class Servers:
    def __init__(self) -> None:
        self._by_label: dict[str, _Server] = {}

    def config(self, label: str) -> _Tool:
        return self._by_label[label].config

    def take(self, tools: Sequence[_Tool], path: str) -> Sequence[str]:
        """Know the servers among these tools; the labels of those that are new or changed.

        Raises `Rejected`.
        """
        for index, tool in enumerate(tools):
            self._check(tool, f"{path}.tools[{index}]")
        whole = [tool for tool in tools if tool["type"] == "mcp" and "server_url" in tool]
        fresh = [tool for tool in whole if not self._knows(tool)]
        for tool in fresh:
            self._by_label[tool["server_label"]] = _Server(tool)
        return [str(tool["server_label"]) for tool in fresh]

    def _knows(self, tool: _Tool) -> bool:
        known = self._by_label.get(tool["server_label"])
        return known is not None and known.config == tool

    def _check(self, tool: _Tool, path: str) -> None:
        if tool["type"] != "mcp":
            return
        for name in ("connector_id", "tunnel_id"):
            if tool.get(name):
                raise not_emulated("connectors and tunnels", f"{path}.{name}")
        if "server_url" not in tool and tool["server_label"] not in self._by_label:
            message = f"The MCP server '{tool['server_label']}' is not known in this session."
            raise Rejected("invalid_value", message, f"{path}.server_label")

    def listed(self, label: str, tools: Sequence[_Tool]) -> None:
        self._by_label[label] = replace(self._by_label[label], tools=tools)

    def offered(self, tools: Sequence[_Tool]) -> Offered:
        functions = [tool for tool in tools if tool["type"] == "function"]
        targets: dict[str, Target] = {}
        for server in (tool for tool in tools if tool["type"] == "mcp"):
            label = str(server["server_label"])
            for tool in self._allowed(label, server):
                name = f"{label}__{tool['name']}"
                functions.append(_function(name, tool))
                ask = _asks(self.config(label).get("require_approval"), tool)
                targets[name] = Target(label, str(tool["name"]), ask)
        return Offered(functions, targets)

    def _allowed(self, label: str, narrowed: _Tool) -> list[_Tool]:
        known = self._by_label.get(label)
        filters = (known.config.get("allowed_tools") if known else None,
                   narrowed.get("allowed_tools"))  # fmt: skip
        offered = (known.tools or ()) if known else ()
        return [tool for tool in offered if all(_fits(tool, each) for each in filters)]


def shown(tools: Sequence[_Tool]) -> list[_Tool]:
    """The tools as they are told to the client, without what may be secret."""
    return [{key: value for key, value in tool.items() if key not in _SECRETS} for tool in tools]


def _fits(tool: _Tool, wanted: Json) -> bool:
    """Whether the tool is among these names, or such as this filter wants; None is any."""
    if wanted is None:
        return True
    if not is_object(wanted):
        return bool(tool["name"] in wanted)
    named, read_only = wanted.get("tool_names"), wanted.get("read_only")
    hints = tool.get("annotations")
    safe = is_object(hints) and hints.get("readOnlyHint") is True
    right = read_only is None or safe is bool(read_only)
    return bool(right and (named is None or tool["name"] in named))


def _asks(policy: Json, tool: _Tool) -> bool:
    """Whether the client is asked before each call; it is unless it has said otherwise."""
    if not is_object(policy):
        return bool(policy != "never")
    return not ("never" in policy and _fits(tool, policy["never"]))


def _function(name: str, tool: _Tool) -> _Tool:
    return {
        "type": "function",
        "name": name,
        "description": tool.get("description") or "",
        "parameters": tool.get("input_schema") or {},
    }
