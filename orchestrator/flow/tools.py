"""Compiles tools: functions of workers, and tools of MCP servers as they are pinned. Pure."""

from collections.abc import Callable, Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow import definition as made
from orchestrator.flow import document as doc
from orchestrator.flow.approvals import read_back, review
from orchestrator.flow.operations import is_list, is_object
from orchestrator.flow.part import Report, did_you_mean
from orchestrator.flow.returns import result_acceptor
from orchestrator.flow.shapes import Param
from orchestrator.flow.steps import Steps, arguments
from orchestrator.flow.symbols import Lock, Symbols, ToolSymbol
from orchestrator.flow.types import ANY, OBJECT, Type, join
from orchestrator.flow.values import arguments_acceptor, schema_of

__all__ = ["function_tool", "server_tools"]


def function_tool(
    name: str, tool: doc.Tool, undone: Type | None, steps: Steps, report: Report
) -> made.Tool:
    """`undone` is the type of the result of the tools that this one takes back, if it does."""
    symbols, node = steps.symbols, tool.node
    symbol = symbols.tools[name]
    assert symbol
    texts = steps.texts
    taking_back = texts.seeing(result=undone, args=OBJECT) if undone else texts
    if tool.undo is not None:
        symbols.tool(tool.undo, node.at("undo").mark, report)
    shown = {key: param for key, param in tool.params.items() if key not in tool.args}
    asked = texts.seeing(args=OBJECT)
    settled = asked.seeing(result=symbol.returns)
    keyed = tool.idempotency is not None
    return made.Tool(
        name,
        name,
        symbol.mark,
        queue=tool.queue,
        handler=tool.handler or name,
        describe=tool.describe.strip(),
        schema=_schema(shown),
        accept=arguments_acceptor(tool.params),
        bound=arguments(tool.args, node.at("args"), symbol, taking_back, report),
        mode=tool.mode,
        timeout=tool.timeout,
        deadline=tool.deadline,
        retry=_retry(tool.retry),
        safe=tool.safe,
        rerun=_reruns(tool),
        key=asked.seeing(event=ANY).template(node.at("idempotency")) if keyed else None,
        requires=texts.condition(node.at("requires")) if tool.requires is not None else None,
        read_back=read_back(tool.approval, asked),
        review=review(tool.approval, asked),
        undo=tool.undo,
        filler=_filler(tool, steps),
        on_hangup=tool.on_hangup or ("cancel" if tool.safe else "keep"),
        assign=steps.values(tool.assign, node.at("assign"), settled),
        ok_if=settled.condition(node.at("ok_if")) if tool.ok_if is not None else None,
        returned=result_acceptor(tool.returns),
        silent=tool.answer == "silent",
        errors=tool.errors,
        concurrency=tool.concurrency,
        rate=tool.rate or "",
        priority=tool.priority or ("job" if tool.mode == "detached" else "live"),
    )


def undone_types(document: doc.Document, symbols: Symbols) -> Mapping[str, Type]:
    """What `result` is to each tool that takes back others' effects."""
    undone: dict[str, Type] = {}
    for name, tool in document.tools.items():
        symbol = symbols.tools[name]
        if tool.undo is not None and symbol:
            undone[tool.undo] = join(undone.get(tool.undo, symbol.returns), symbol.returns)
    return undone


def _schema(params: Mapping[str, Param]) -> dict[str, Json]:
    required = [name for name, param in params.items() if not param.optional]
    return {
        "type": "object",
        "properties": {name: schema_of(param) for name, param in params.items()},
        "required": required,
        "additionalProperties": False,
    }


def _reruns(tool: doc.Tool) -> bool:
    if tool.after_crash is None:
        return tool.safe or tool.idempotent
    return tool.after_crash == "rerun"


def _retry(retry: doc.Retry | None) -> made.Retry:
    if retry is None:
        return made.Retry()
    return made.Retry(retry.max, retry.backoff, retry.factor, retry.jitter, frozenset(retry.on))


def _filler(tool: doc.Tool, steps: Steps) -> made.Filler | None:
    if tool.filler is None:
        return None
    node = tool.filler.node.at("say")
    lines = [node.at(index) for index in range(len(tool.filler.say))]
    return made.Filler(
        tool.filler.after,
        tuple(steps.texts.template(line) for line in lines),
        tool.filler.every,
        tool.filler.progress,
    )


def server_tools(
    alias: str, server: doc.McpServer, lock: Lock, steps: Steps, report: Report
) -> Mapping[str, made.Tool]:
    """The allowed tools of a server, with their pinned schemas."""
    _check_named(server, report)
    tools: dict[str, made.Tool] = {}
    for index, tool in enumerate(server.allow):
        pinned = lock.get(server.server, {}).get(tool)
        if pinned is None and not server.whole:
            continue
        if pinned is None:
            _unpinned(server, tool, index, lock, report)
            continue
        symbol = steps.symbols.tools[f"{alias}.{tool}"]
        assert symbol
        tools[symbol.name] = _server_tool(tool, symbol, server, pinned, steps, report)
    return tools


def _unpinned(server: doc.McpServer, tool: str, index: int, lock: Lock, report: Report) -> None:
    pinned = lock.get(server.server, {})
    hint = did_you_mean(tool, pinned) or "run `orchestrator mcp pin`"
    mark = server.node.at("allow", index).mark
    report("T021", mark, f"'{tool}' of server '{server.server}' is not in mcp.lock.json", hint)


def _check_named(server: doc.McpServer, report: Report) -> None:
    """What is said about single tools must be about allowed ones."""
    for key in ("approval", "assign", "describe", "args"):
        node = server.node.at(key)
        named = (
            set(map(str, node.keys))
            if is_object(node.value) and node is not server.node
            else set[str]()
        )
        known = {*server.allow, "default"} if key == "approval" else set(server.allow)
        for name in sorted(named - known):
            report("T001", node.key(name), f"'{name}' is not in `allow`", did_you_mean(name, known))


def _server_tool(
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
    asked = texts.seeing(args=OBJECT)
    settled = asked.seeing(result=ANY)
    approval = server.approval.get(tool, server.approval.get("default"))
    return made.Tool(
        symbol.name,
        symbol.alias,
        symbol.mark,
        queue=f"mcp.{server.server}",
        handler=tool,
        describe=(server.describe.get(tool) or str(pinned.get("description") or "")).strip(),
        schema=_without(schema, symbol.bound),
        accept=_light_acceptor(schema),
        bound=arguments(fixed, node.at("args", tool), symbol, texts, report),
        timeout=server.timeout,
        read_back=read_back(approval, asked),
        review=review(approval, asked),
        assign=steps.values(assign, node.at("assign", tool), settled),
    )


def _without(schema: Mapping[str, Json], bound: frozenset[str]) -> dict[str, Json]:
    """A tool's schema as the model sees it: without what the engine gives."""
    properties, required = schema.get("properties"), schema.get("required")
    shown: dict[str, Json] = {"type": "object", "properties": {}, **schema}
    if is_object(properties):
        shown["properties"] = {k: v for k, v in properties.items() if k not in bound}
    if is_list(required):
        shown["required"] = [name for name in required if name not in bound]
    return shown


def _light_acceptor(
    schema: Mapping[str, Json],
) -> Callable[[Mapping[str, Json]], dict[str, Json]]:
    """The server checks its own arguments; what is plainly missing is told without a call."""
    needed = schema.get("required")
    required = [str(name) for name in needed] if is_list(needed) else []

    def accept(given: Mapping[str, Json]) -> dict[str, Json]:
        if missing := [name for name in required if given.get(name) is None]:
            raise made.Rejected(f"{', '.join(missing)} is missing")
        return {name: value for name, value in given.items() if value is not None}

    return accept
