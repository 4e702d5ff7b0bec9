"""What is checked of a flow as a whole, once its parts have been read and compiled. Pure.

Each module has the codes of one subject. What follows from something *missing* (an exit, a
use, a value) is only told when nothing of the document had to be left out while it was read.
"""

import re

from orchestrator.flow.checks.channel import check_channel
from orchestrator.flow.checks.gates import check_gates
from orchestrator.flow.checks.graph import check_graph
from orchestrator.flow.checks.names import check_names
from orchestrator.flow.checks.private import check_private
from orchestrator.flow.checks.questions import check_questions
from orchestrator.flow.checks.session import check_session
from orchestrator.flow.checks.shapes import check_shapes
from orchestrator.flow.checks.spoken import check_spoken
from orchestrator.flow.checks.times import check_times
from orchestrator.flow.checks.tools import check_tools
from orchestrator.flow.checks.values import check_values
from orchestrator.flow.checks.ways import check_ways
from orchestrator.flow.definition import Mark
from orchestrator.flow.document import Document
from orchestrator.flow.part import Report
from orchestrator.flow.symbols import Lock, Symbols

__all__ = ["check_document", "check_source"]

SECRET = re.compile(
    r"\bsk-[A-Za-z0-9_-]{16,}|\bBearer +[A-Za-z0-9._~+/-]{16,}|\bghp_[A-Za-z0-9]{36}"
    r"|\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


def check_source(text: str, file: str, report: Report) -> None:
    """What must not stand in any file, comments included."""
    for found in SECRET.finditer(text):
        start = found.start()
        column = start - text.rfind("\n", 0, start)
        mark = Mark(file, text.count("\n", 0, start) + 1, column)
        report("K001", mark, "this looks like a secret", "secrets belong in the environment")


def check_document(document: Document, symbols: Symbols, lock: Lock, report: Report) -> None:
    check_graph(document, symbols, report)
    check_ways(document, report)
    check_session(document, report)
    check_channel(document, report)
    check_shapes(document, report)
    check_values(document, report)
    check_spoken(document, report)
    check_names(document, symbols, report)
    check_tools(document, symbols, lock, report)
    check_gates(document, symbols, report)
    check_times(document, report)
    check_private(document, report)
    check_questions(document, report)
