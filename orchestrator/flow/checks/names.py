"""Checks of what the model chooses among: tools and intents. Pure."""

import re
from collections import Counter

from orchestrator.flow.checks.walk import steps
from orchestrator.flow.document import Document, Interrupt, State
from orchestrator.flow.part import Report
from orchestrator.flow.symbols import Symbols

__all__ = ["check_names"]

MODEL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
MANY = 8
ALIKE = 0.75
MAX_COMPARED = 50
FILLERS = frozenset({
    "a", "an", "and", "are", "be", "been", "caller", "do", "does", "for", "have", "i", "is", "like",
    "of", "or", "that", "the", "their", "they", "this", "to", "user", "want", "wanted", "wants",
    "wish", "wishes", "would",
})  # fmt: skip
RESERVED_PREFIXES = ("go_", "set_", "confirm_", "decline_")


def check_names(document: Document, symbols: Symbols, report: Report) -> None:
    tools = [tool for tool in symbols.tools.values() if tool]
    agreed = {
        step.tool for step in steps(document) if step.approval and step.approval.by == "caller"
    }
    aliases = Counter(tool.alias for tool in tools)
    for tool in tools:
        asked = tool.approval == "caller" or tool.name in agreed
        longest = f"confirm_{tool.alias}" if asked else tool.alias
        if not MODEL_NAME.match(longest):
            message = f"the model cannot call '{longest}': letters, digits, _ and -, at most 64"
            report("T060", tool.mark, message)
        if tool.alias.startswith(RESERVED_PREFIXES) or tool.alias == "return_back":
            report("T060", tool.mark, f"'{tool.alias}' is a name that the engine makes itself")
        if aliases[tool.alias] > 1:
            report("T060", tool.mark, f"two tools are '{tool.alias}' to the model")
    _check_intents(document, report)
    asked_about = {tool.alias for tool in tools if tool.approval == "caller" or tool.name in agreed}
    for name, state in document.states.items():
        if state.collect and state.collect.confirm is not False and name in asked_about:
            mark = state.collect.node.key("confirm")
            report("T060", mark, f"confirm_{name} is about the tool '{name}' already")
        _check_alike(name, state, document, report)
        _check_number(name, state, document, report)


def _global(document: Document) -> list[str]:
    return [name for name, item in document.interrupts.items() if item.intent is not None]


def _check_intents(document: Document, report: Report) -> None:
    """Of one name, the first that fits is taken: nothing comes after one without a condition."""
    interrupts = set(_global(document))
    for state in document.states.values():
        always: set[str] = set()
        for edge in state.next:
            if edge.id is None:
                continue
            mark = edge.node.at("id").mark
            if edge.id in always:
                hint = "the first that fits is taken: give each but the last an `if`"
                report("T060", mark, f"go_{edge.id} is another intent of this state already", hint)
            elif edge.id in interrupts and edge.when is None:
                report("T060", mark, f"go_{edge.id} is an interrupt already")
            if edge.when is None:
                always.add(edge.id)


def _check_alike(name: str, state: State, document: Document, report: Report) -> None:
    """Two intents that say nearly the same are told apart by chance."""
    seen = [(i.intent or "", f"go_{key}") for key, i in _interrupts(name, document)]
    for edge in state.next[:MAX_COMPARED]:
        if edge.intent is None or edge.when is not None:
            continue
        for other, choice in seen:
            if choice != f"go_{edge.id}" and _alike(edge.intent, other):
                message = f"the model can hardly tell this from {choice}"
                report.warn("G022", edge.node.at("intent").mark, message, f"that says: {other}")
        seen.append((edge.intent, f"go_{edge.id}"))


def _interrupts(state: str, document: Document) -> list[tuple[str, Interrupt]]:
    intents = ((key, i) for key, i in document.interrupts.items() if i.intent is not None)
    return [(key, i) for key, i in intents if state not in i.except_in]


def _alike(one: str, other: str) -> bool:
    a, b = (frozenset(re.findall(r"\w+", text.lower())) - FILLERS for text in (one, other))
    return bool(a | b) and len(a & b) / len(a | b) >= ALIKE


def _check_number(name: str, state: State, document: Document, report: Report) -> None:
    """More than a handful of choices at once makes each of them worse."""
    tools = {*state.tools, *document.tools_everywhere} if state.next else set[str]()
    gated = {tool for tool, made in document.tools.items() if made.requires is not None}
    intents = [edge for edge in state.next if edge.intent is not None and edge.when is None]
    number = len(tools - gated) + len(intents) + len(_interrupts(name, document))
    if state.next and number > MANY:
        mark = document.node.at("states").key(name)
        message = f"the model has {number} tools and intents to choose from in '{name}'"
        report.warn("G022", mark, message, f"more than {MANY} make it choose worse; part the state")
