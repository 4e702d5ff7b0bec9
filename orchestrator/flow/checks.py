"""Checks of tools, variables, the session and the file as a whole. Pure.

T010 in this version: every call has an idempotency key that its attempts share, the call id
if the author names none. Retrying after a timeout is therefore allowed for any tool; running
a call *again after its worker crashed* is not, unless the tool is safe or says that it commits
the key with its effect.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from orchestrator.dispatch.call import APPROVALS
from orchestrator.flow.definition import Mark
from orchestrator.flow.document import Document, Edge, Step, Tool
from orchestrator.flow.graph import check_graph
from orchestrator.flow.part import Report
from orchestrator.flow.symbols import Symbols, ToolSymbol

__all__ = ["check_document", "check_source"]

SECRET = re.compile(r"\bsk-[A-Za-z0-9_-]{16,}|\bBearer +[A-Za-z0-9._~+/-]{16,}")
MODEL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
RESERVED_PREFIXES = ("go_", "set_", "confirm_", "decline_")
SHUTDOWNS = {"gpt-realtime": "2027-01-20", "gpt-realtime-mini": "2027-01-20"}
VOICES = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"}
)


def check_source(text: str, file: str, report: Report) -> None:
    """What must not stand in any file, comments included."""
    for found in SECRET.finditer(text):
        start = found.start()
        column = start - text.rfind("\n", 0, start)
        mark = Mark(file, text.count("\n", 0, start) + 1, column)
        report("K001", mark, "this looks like a secret", "secrets belong in the environment")


def check_document(document: Document, symbols: Symbols, report: Report) -> None:
    check_graph(document, symbols, report)
    _check_session(document, report)
    _check_variables(document, report)
    _check_model_names(document, symbols, report)
    for name, tool in document.tools.items():
        mark = document.node.at("tools").key(name)
        _check_queue(tool, report)
        _check_effects(tool, report)
        _check_times(document, tool, report)
        if not tool.describe and name in _offered(document):
            report.warn("T012", mark, f"'{name}' has no `describe`: the model cannot know its use")
    _check_use(document, symbols, report)


def _check_session(document: Document, report: Report) -> None:
    session = document.session
    spoken = session is None or (session.mode == "voice" and session.channel != "text")
    if spoken and document.on_error is None:
        message = "a voice flow should have on_error: what to do when something fails"
        report.warn("G020", document.node.key("flow"), message)
    if session and session.model in SHUTDOWNS:
        when = SHUTDOWNS[session.model]
        report.warn("R001", session.node.at("model").mark, f"{session.model} shuts down on {when}")
    if session and session.voice is not None and session.voice not in VOICES:
        report.warn("R001", session.node.at("voice").mark, f"unknown voice '{session.voice}'")


def _check_variables(document: Document, report: Report) -> None:
    engine_only = {name for name, v in document.vars.items() if v.writable == "engine"}
    given: set[str] = set()
    for names, mark in _asked(document):
        given.add(names)
        if names in engine_only:
            report("V003", mark, f"'{names}' is written by the engine only; nobody may give it")
    given |= {name for values in _assigned(document) for name in values}
    if not report.codes.isdisjoint({"V001", "S001", "S010", "X001"}):
        return
    for name, variable in document.vars.items():
        if name not in given and variable.default is None and variable.source is None:
            mark = document.node.at("vars").key(name)
            report.warn("V010", mark, f"nothing ever gives '{name}' a value")


def _asked(document: Document) -> Iterator[tuple[str, Mark]]:
    """Variables that the model may set, and where that stands."""
    for state in document.states.values():
        if state.collect:
            for index, name in enumerate(state.collect.vars):
                yield name, state.collect.node.at("vars", index).mark
        for edge in state.next:
            for index, name in enumerate(edge.fill):
                yield name, edge.node.at("fill", index).mark


def _assigned(document: Document) -> Iterator[dict[str, Any]]:
    for tool in document.tools.values():
        yield tool.assign
    for server in document.mcp.values():
        yield from server.assign.values()
    for edge in _edges(document):
        yield edge.set
    for step in _steps(document):
        yield step.set or {}
    for trigger in document.triggers:
        yield dict(trigger.sets_at())


def _edges(document: Document) -> Iterator[Edge]:
    for state in document.states.values():
        yield from state.next


def _steps(document: Document) -> Iterator[Step]:
    for state in document.states.values():
        yield from state.do
    for edge in _edges(document):
        yield from edge.do
    for interrupt in document.interrupts.values():
        yield from interrupt.do
    for steps in (document.on_start, document.on_end):
        yield from steps.do if steps else ()


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


def _check_times(document: Document, tool: Tool, report: Report) -> None:
    whole = _longest(tool)
    limit = document.limits.duration if document.limits else None
    if tool.deadline is not None and tool.deadline < whole:
        message = f"the attempts need up to {whole:g} s, the deadline is {tool.deadline:g} s"
        report.warn("L001", tool.node.at("deadline").mark, message)
    if tool.filler and tool.filler.after >= (tool.deadline or whole):
        message = "said only after the call is over"
        report.warn("L001", tool.filler.node.at("after").mark, message)
    if limit is not None and (tool.deadline or whole) > limit:
        key = "deadline" if tool.deadline else "timeout"
        message = f"may take longer than the whole session ({limit:g} s)"
        report.warn("L001", tool.node.at(key).mark, message)


def _longest(tool: Tool) -> float:
    """Seconds that all attempts and the pauses between them take at most."""
    if tool.retry is None:
        return tool.timeout
    retry = tool.retry
    pauses = sum(retry.backoff * retry.factor**n * (1 + retry.jitter) for n in range(retry.max))
    return tool.timeout * (retry.max + 1) + pauses


def _offered(document: Document) -> set[str]:
    """Tools that the model may call somewhere."""
    states = document.states.values()
    return {*document.tools_everywhere, *(name for state in states for name in state.tools)}


def _check_use(document: Document, symbols: Symbols, report: Report) -> None:
    offered = _offered(document)
    called = {step.tool for step in _steps(document)}
    undoing = {tool.undo for tool in document.tools.values()}
    scheduled = {(trigger.schedule or {}).get("tool") for trigger in document.triggers}
    complete = report.codes.isdisjoint({"T001", "S001", "S010", "X001"})
    for name, symbol in symbols.tools.items():
        if symbol and complete and name not in offered | called | undoing | scheduled:
            report.warn("T040", symbol.mark, f"tool '{name}' is never used")
        if symbol and name in offered:
            _check_given(symbol, symbols, report)
    if complete and document.on_error is None:
        _check_failures(document, report)


def _check_given(tool: ToolSymbol, symbols: Symbols, report: Report) -> None:
    """What decides about an effect should not come from the model a second time."""
    if not tool.gated and tool.safe:
        return
    for name in tool.parameters or {}:
        if name in symbols.variables and name not in tool.bound:
            message = f"the model gives '{name}' again, though it is a variable"
            hint = f'bind it: args: {{{name}: "${{{name}}}"}}'
            report.warn("T070", tool.parameter_mark(name), message, hint)


def _check_failures(document: Document, report: Report) -> None:
    for state in document.states.values():
        events = {edge.event for edge in state.next}
        for step in state.do:
            if step.tool is not None and f"tool.{step.tool}.failed" not in events:
                message = f"nothing says what to do when {step.tool} fails"
                hint = f"add {{event: tool.{step.tool}.failed, …}} to next, or on_error"
                report.warn("T030", step.node.at("tool").mark, message, hint)


def _check_model_names(document: Document, symbols: Symbols, report: Report) -> None:
    tools = [tool for tool in symbols.tools.values() if tool]
    aliases = Counter(tool.alias for tool in tools)
    for tool in tools:
        longest = f"confirm_{tool.alias}" if tool.approval == "caller" else tool.alias
        if not MODEL_NAME.match(longest):
            message = f"the model cannot call '{longest}': letters, digits, _ and -, at most 64"
            report("T060", tool.mark, message)
        if tool.alias.startswith(RESERVED_PREFIXES) or tool.alias == "return_back":
            report("T060", tool.mark, f"'{tool.alias}' is a name that the engine makes itself")
        if aliases[tool.alias] > 1:
            report("T060", tool.mark, f"two tools are '{tool.alias}' to the model")
    _check_intents(document, report)


def _check_intents(document: Document, report: Report) -> None:
    for state in document.states.values():
        seen = dict.fromkeys(document.interrupts, "an interrupt")
        for edge in state.next:
            if edge.id in seen and edge.when is None:
                mark = edge.node.at("id").mark
                report("T060", mark, f"go_{edge.id} is {seen[edge.id]} already")
            elif edge.id is not None:
                seen[edge.id] = "another intent of this state"
