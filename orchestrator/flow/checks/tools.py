"""Checks of tools: what they may do, and who uses them. Pure.

T010 in this version: every call has an idempotency key that its attempts share, the call id
if the author names none. Retrying after a timeout is therefore allowed for any tool; running
a call *again after its worker crashed* is not, unless the tool is safe or says that it commits
the key with its effect.
"""

from orchestrator.dispatch.call import APPROVALS
from orchestrator.flow.checks.walk import complete, guarding, offered, steps
from orchestrator.flow.document import Document, McpServer, Retry, Tool
from orchestrator.flow.part import Report, did_you_mean
from orchestrator.flow.shapes import Check
from orchestrator.flow.symbols import Lock, Symbols, ToolSymbol, is_read_only

__all__ = ["check_tools"]

CODES = (
    *("bad_result", "busy", "cancelled", "changed", "conflict", "crashed", "error", "invalid"),
    *("rate_limited", "refused", "timeout", "unavailable", "unknown_tool"),
)
"""What a failed attempt can have come to; `bad_result` is of the engine, the others are told."""


def check_tools(document: Document, symbols: Symbols, lock: Lock, report: Report) -> None:
    for name, tool in document.tools.items():
        mark = document.node.at("tools").key(name)
        _check_queue(tool, report)
        _check_effects(tool, report)
        _check_codes(tool.retry, report)
        if not tool.describe and name in offered(document):
            report.warn("T012", mark, f"'{name}' has no `describe`: the model cannot know its use")
    for server in document.mcp.values():
        _check_server(server, lock, report)
    _check_leave(document, report)
    _check_use(document, symbols, report)


def _check_server(server: McpServer, lock: Lock, report: Report) -> None:
    """Of a server's tool its pin says whether it may run twice."""
    pinned = lock.get(server.server, {})
    for tool, retry in server.retry.items():
        _check_codes(retry, report)
        if retry and "crashed" in retry.on and not is_read_only(pinned.get(tool, {})):
            mark = retry.node.at("on", retry.on.index("crashed")).mark
            report("T010", mark, "after a crash this could take effect twice")


def _check_leave(document: Document, report: Report) -> None:
    for step in document.on_end.do if document.on_end else ():
        if step.approval and step.approval.by == "caller":
            mark = step.node.key("approval")
            report("S001", mark, "when the session ends there is no caller who could say yes")


def _check_codes(retry: Retry | None, report: Report) -> None:
    for index, code in enumerate(retry.on if retry else ()):
        if retry and code not in CODES:
            mark = retry.node.at("on", index).mark
            hint = did_you_mean(code, CODES)
            report.warn("T014", mark, f"no failure that we know of has the code '{code}'", hint)


def _check_queue(tool: Tool, report: Report) -> None:
    if tool.queue == APPROVALS:
        report("S001", tool.node.at("queue").mark, f"the queue '{APPROVALS}' is for people")


def _check_effects(tool: Tool, report: Report) -> None:
    if tool.safe or tool.idempotent:
        return
    hint = "say `safe: true` or `idempotent: true` if it is"
    if tool.after_crash == "rerun":
        mark = tool.node.at("after_crash").mark
        report("T010", mark, "after a crash this could take effect twice", hint)
    if tool.retry and "crashed" in tool.retry.on:
        mark = tool.retry.node.at("on", tool.retry.on.index("crashed")).mark
        report("T010", mark, "after a crash this could take effect twice", hint)
    for key in ("on_interrupt", "on_hangup"):
        if getattr(tool, key) == "cancel":
            mark = tool.node.at(key).mark
            report.warn("T011", mark, "cancelled, this may or may not have taken effect", hint)


def _check_use(document: Document, symbols: Symbols, report: Report) -> None:
    shown = offered(document)
    called = {step.tool for step in steps(document)}
    called |= {guard.tool for guard in guarding(document)}
    undoing = {tool.undo for tool in document.tools.values()}
    checking = {v.check.tool for v in document.vars.values() if isinstance(v.check, Check)}
    scheduled = {(trigger.schedule or {}).get("tool") for trigger in document.triggers}
    used = shown | called | undoing | scheduled | checking
    all_read = complete(report, "T001")
    if all_read:
        _check_unused({name for name in used if name}, document, report)
    for name, symbol in symbols.tools.items():
        if symbol and name in shown:
            _check_given(symbol, symbols, report)
    if all_read and document.on_error is None:
        _check_failures(document, symbols, report)


def _check_unused(used: set[str], document: Document, report: Report) -> None:
    """What a server's `allow` permits need not be used, but one of its tools should be."""
    for name in document.tools.keys() - used:
        mark = document.node.at("tools").key(name)
        report.warn("T040", mark, f"tool '{name}' is never used")
    for alias in document.mcp.keys() - {name.partition(".")[0] for name in used if "." in name}:
        report.warn("T040", document.node.at("mcp").key(alias), f"no tool of '{alias}' is used")


def _check_given(tool: ToolSymbol, symbols: Symbols, report: Report) -> None:
    """What decides about an effect should not come from the model a second time."""
    if not tool.gated and tool.safe:
        return
    for name in tool.parameters or {}:
        if name in symbols.variables and name not in tool.bound:
            message = f"the model gives '{name}' again, though it is a variable"
            hint = f'bind it: args: {{{name}: "${{{name}}}"}}'
            report.warn("T070", tool.parameter_mark(name), message, hint)


def _check_failures(document: Document, symbols: Symbols, report: Report) -> None:
    """What befalls a tool that a step calls has to be taken by an edge, or by on_error."""
    for state in document.states.values():
        events = {edge.event for edge in state.next}
        for step in (*state.do, *(step for edge in state.next for step in edge.do)):
            tool = symbols.tools.get(step.tool or "")
            if tool is None or (isinstance(tool.source, Tool) and tool.source.mode == "detached"):
                continue
            mark = step.node.at("tool").mark
            for code, outcome, happens in (
                ("T030", "failed", f"{tool.name} fails"),
                ("T031", "denied", f"a person does not approve {tool.name}"),
            ):
                possible = outcome == "failed" or tool.approval == "human"
                if possible and f"tool.{tool.name}.{outcome}" not in events:
                    message = f"nothing says what to do when {happens}"
                    hint = f"add {{event: tool.{tool.name}.{outcome}, …}} to next, or on_error"
                    report.warn(code, mark, message, hint)
