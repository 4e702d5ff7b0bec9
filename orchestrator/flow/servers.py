"""Compiles the tools of MCP servers, as they are pinned. Pure."""

from collections.abc import Mapping, Sequence

from orchestrator.dispatch.call import Json
from orchestrator.flow import definition as made
from orchestrator.flow import document as doc
from orchestrator.flow.approvals import read_back, review
from orchestrator.flow.loader import Node
from orchestrator.flow.operations import is_list, is_object
from orchestrator.flow.part import Report, closest, did_you_mean
from orchestrator.flow.pinned import pinned_acceptor
from orchestrator.flow.steps import Steps, arguments
from orchestrator.flow.symbols import Lock, ToolSymbol, allow_mark, allowed, is_read_only
from orchestrator.flow.texts import Texts
from orchestrator.flow.tools import filler_of, retry_of
from orchestrator.flow.types import ANY

__all__ = ["server_tools"]

PIN = "run `orchestrator mcp pin`"
NOT_NATIVE = ("requires", "assign", "ok_if", "args", "filler", "retry", "describe")
BY_TOOL = ("approval", *NOT_NATIVE)


def server_tools(
    alias: str, server: doc.McpServer, lock: Lock, steps: Steps, report: Report
) -> Mapping[str, made.Tool]:
    """The allowed tools of a server, with their pinned schemas."""
    tools = allowed(server, lock)
    _check_named(server, tools, report)
    if server.via == "openai":
        _check_native(server, report)
    if not tools and server.allow == doc.READ_ONLY:
        message = f"no tool of server '{server.server}' is pinned as read-only"
        hint = _missing_pin(server.server, lock)
        report("T021", server.node.at("allow").mark, message, hint)
    compiled: dict[str, made.Tool] = {}
    for tool in tools:
        pinned = lock.get(server.server, {}).get(tool)
        symbol = steps.symbols.tools[f"{alias}.{tool}"]
        if pinned is None:
            _unpinned(server, tool, lock, report)
        elif symbol and server.via == "openai":
            compiled[symbol.name] = _native_tool(tool, symbol, server, pinned, steps)
        elif symbol:
            compiled[symbol.name] = _host_tool(tool, symbol, server, pinned, steps, report)
    return compiled


def _unpinned(server: doc.McpServer, tool: str, lock: Lock, report: Report) -> None:
    if not server.whole:
        return
    hint = did_you_mean(tool, lock.get(server.server, {})) or _missing_pin(server.server, lock)
    mark = allow_mark(server, tool)
    report("T021", mark, f"'{tool}' of server '{server.server}' is not in mcp.lock.json", hint)


def _missing_pin(server: str, lock: Lock) -> str:
    """Pinning cannot help where the server's name is a slip."""
    if server in lock:
        return PIN
    if near := closest(server, lock):
        return f"did you mean the server '{near}'?"
    return f"register it with `orchestrator mcp add {server} …`, then {PIN}"


def _check_named(server: doc.McpServer, tools: Sequence[str], report: Report) -> None:
    """What is said about single tools must be about allowed ones."""
    for key in BY_TOOL:
        node = server.node.at(key)
        named = (
            set(map(str, node.keys))
            if is_object(node.value) and node is not server.node
            else set[str]()
        )
        known = {*tools, "default"} if key == "approval" else set(tools)
        for name in sorted(named - known):
            report("T001", node.key(name), f"'{name}' is not in `allow`", did_you_mean(name, known))


def _check_native(server: doc.McpServer, report: Report) -> None:
    """The Realtime service makes these calls: what we do around a call of ours, we cannot."""
    for key in NOT_NATIVE:
        if key in server.node.keys:
            message = f"'{key}' needs `via: host`: here the Realtime service makes the calls"
            report("T020", server.node.key(key), message)


def _native_tool(
    tool: str,
    symbol: ToolSymbol,
    server: doc.McpServer,
    pinned: Mapping[str, Json],
    steps: Steps,
) -> made.Tool:
    schema = pinned.get("input_schema")
    asked, approval = steps.texts.seeing(args=symbol.args), _approval(tool, server)
    return made.Tool(
        symbol.name,
        symbol.alias,
        symbol.mark,
        queue="",
        handler=tool,
        describe=str(pinned.get("description") or "").strip(),
        schema=schema if is_object(schema) else {},
        accept=dict,
        timeout=server.timeout,
        safe=is_read_only(pinned),
        read_back=read_back(approval, asked),
        review=review(approval, asked),
        on_hangup="cancel",
        native=made.Native(symbol.name.partition(".")[0], server.server),
    )


def _approval(tool: str, server: doc.McpServer) -> doc.Approval | None:
    return server.approval.get(tool, server.approval.get("default"))


def _host_tool(
    tool: str,
    symbol: ToolSymbol,
    server: doc.McpServer,
    pinned: Mapping[str, Json],
    steps: Steps,
    report: Report,
) -> made.Tool:
    node, texts = server.node, steps.texts
    schema = pinned.get("input_schema")
    schema = schema if is_object(schema) else {}
    fixed, assign = server.args.get(tool, {}), server.assign.get(tool, {})
    asked = texts.seeing(args=symbol.args)
    settled = asked.seeing(result=ANY)
    approval = _approval(tool, server)
    safe = is_read_only(pinned)
    return made.Tool(
        symbol.name,
        symbol.alias,
        symbol.mark,
        queue=f"mcp.{server.server}",
        handler=tool,
        describe=(server.describe.get(tool) or str(pinned.get("description") or "")).strip(),
        schema=_without(schema, symbol.bound),
        accept=pinned_acceptor(schema),
        bound=arguments(fixed, node.at("args", tool), symbol, texts, report),
        timeout=server.timeout,
        retry=retry_of(server.retry.get(tool)),
        safe=safe,
        rerun=safe,
        requires=_condition(server.requires, node.at("requires", tool), tool, texts),
        read_back=read_back(approval, asked),
        review=review(approval, asked),
        filler=filler_of(server.filler.get(tool), steps),
        on_hangup="cancel" if safe else "keep",
        assign=steps.values(assign, node.at("assign", tool), settled),
        ok_if=_condition(server.ok_if, node.at("ok_if", tool), tool, settled),
    )


def _condition(
    conditions: Mapping[str, str], node: Node, tool: str, texts: Texts
) -> made.Expression | None:
    return texts.condition(node) if tool in conditions else None


def _without(schema: Mapping[str, Json], bound: frozenset[str]) -> dict[str, Json]:
    """A tool's schema as the model sees it: without what the engine gives."""
    properties, required = schema.get("properties"), schema.get("required")
    shown: dict[str, Json] = {"type": "object", "properties": {}, **schema}
    if is_object(properties):
        shown["properties"] = {k: v for k, v in properties.items() if k not in bound}
    if is_list(required):
        shown["required"] = [name for name in required if name not in bound]
    return shown
