"""Checks of a flow against what is there: registered servers, their tools, workers. Pure.

What is there is looked up by others; `None` stands for what was not looked for.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Mark
from orchestrator.flow.document import READ_ONLY, Document, McpServer, Tool
from orchestrator.flow.operations import is_list, is_object
from orchestrator.flow.part import Report, did_you_mean
from orchestrator.flow.values import schema_of

__all__ = ["Surroundings", "check_surroundings"]

Hashes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`servers`: registered names, with the hash of each tool that a server offers, or why it
    could not be asked. `pinned`: hashes of the lock. `handlers`: the JSON Schema of the arguments
    of each handler that a worker announces, by queue and name."""

    servers: Mapping[str, Hashes | str | None] = field(
        default_factory=dict[str, "Hashes | str | None"]
    )
    pinned: Mapping[str, Hashes] = field(default_factory=dict[str, Hashes])
    handlers: Mapping[str, Mapping[str, Mapping[str, Json]]] | None = None


def check_surroundings(document: Document, there: Surroundings, report: Report) -> None:
    for server in document.mcp.values():
        _check_server(server, there, report)
    for name, tool in document.tools.items():
        if there.handlers is not None:
            _check_handler(name, tool, document, there.handlers, report)


def _check_server(server: McpServer, there: Surroundings, report: Report) -> None:
    name, mark = server.server, server.node.at("server").mark
    if name not in there.servers:
        hint = did_you_mean(name, there.servers) or f"orchestrator mcp add {name} …"
        report("N001", mark, f"no server '{name}' in .mcp.json", hint)
        return
    offered = there.servers[name]
    if isinstance(offered, str):
        report("N002", mark, f"server '{name}' cannot be asked: {offered}")
    elif offered is not None:
        _check_tools(server, offered, there.pinned.get(name, {}), report)


def _check_tools(server: McpServer, offered: Hashes, pinned: Hashes, report: Report) -> None:
    for tool, mark in _allowed(server):
        if tool not in offered:
            message = f"server '{server.server}' offers no tool '{tool}'"
            report("N003", mark, message, did_you_mean(tool, offered))
        elif tool in pinned and pinned[tool] != offered[tool]:
            hint = f"look at what is new: orchestrator mcp pin {server.server}"
            report("N004", mark, f"'{tool}' has changed since it was pinned", hint)


def _allowed(server: McpServer) -> Iterator[tuple[str, Mark]]:
    if server.allow != READ_ONLY:
        for index, tool in enumerate(server.allow):
            yield tool, server.node.at("allow", index).mark


def _check_handler(
    name: str,
    tool: Tool,
    document: Document,
    queues: Mapping[str, Mapping[str, Mapping[str, Json]]],
    report: Report,
) -> None:
    handler = tool.handler or name
    if tool.queue not in queues:
        hint = did_you_mean(tool.queue, queues) or _served(queues)
        report("N005", tool.node.at("queue").mark, f"no worker serves queue '{tool.queue}'", hint)
    elif handler not in queues[tool.queue]:
        mark = tool.node.at("handler").mark if tool.handler else document.node.at("tools").key(name)
        message = f"no worker of queue '{tool.queue}' has a handler '{handler}'"
        report("N006", mark, message, did_you_mean(handler, queues[tool.queue]))
    else:
        for mark, message in _differences(tool, queues[tool.queue][handler]):
            report("N007", mark, f"the handler '{handler}' {message}")


def _served(queues: Iterable[str]) -> str:
    known = ", ".join(sorted(queues))
    return f"they serve: {known}" if known else "none runs: start orchestrator worker"


def _differences(tool: Tool, schema: Mapping[str, Json]) -> Iterator[tuple[Mark, str]]:
    """What a worker would refuse of the calls of this tool."""
    properties, required = schema.get("properties"), schema.get("required")
    known: Mapping[str, Json] = properties if is_object(properties) else {}
    node = tool.node.at("params")
    for name, param in tool.params.items():
        if name not in known:
            yield node.key(name), f"has no parameter '{name}'"
        elif param.optional and is_list(required) and name in required:
            yield node.key(name), f"needs '{name}', which is optional here"
        elif problem := _apart(_types(schema_of(param)), _types(known[name])):
            yield node.key(name), f"takes {problem[1]} for '{name}', which is {problem[0]} here"
    for name in required if is_list(required) else ():
        if name not in tool.params:
            yield tool.node.key("params"), f"needs '{name}', which is not among the `params`"


def _apart(given: Iterable[str], taken: Iterable[str]) -> tuple[str, str] | None:
    """Types of JSON in words, if there is none that both have; what is not known fits."""
    ours, theirs = set(given), set(taken)
    if "number" in theirs:
        theirs.add("integer")
    fit = not ours or not theirs or ours & theirs
    return None if fit else (" or ".join(sorted(ours)), " or ".join(sorted(theirs)))


def _types(schema: Json) -> Iterator[str]:
    """The types that a schema names at its top, or in its alternatives."""
    if not is_object(schema):
        return
    if isinstance(schema.get("type"), str):
        yield schema["type"]
    alternatives = schema.get("anyOf")
    for each in alternatives if is_list(alternatives) else ():
        yield from _types(each)
