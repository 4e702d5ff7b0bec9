"""Checks of what the model chooses among: tools and intents. Pure."""

import re
from collections import Counter

from orchestrator.flow.document import Document
from orchestrator.flow.part import Report
from orchestrator.flow.symbols import Symbols

__all__ = ["check_names"]

MODEL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
RESERVED_PREFIXES = ("go_", "set_", "confirm_", "decline_")


def check_names(document: Document, symbols: Symbols, report: Report) -> None:
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
