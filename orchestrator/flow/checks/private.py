"""P001: what is personal leaves the session. Pure.

Variables with `pii: true` are masked in logs, traces and events of our own. What the author
hands to other programs and people is not, so it should be meant.
"""

from collections.abc import Iterator

from orchestrator.flow.checks.reading import names, read
from orchestrator.flow.checks.walk import expressions_hold, steps
from orchestrator.flow.document import Approval, Document
from orchestrator.flow.loader import Node
from orchestrator.flow.part import Report

__all__ = ["check_private"]


def check_private(document: Document, report: Report) -> None:
    personal = {name for name, variable in document.vars.items() if variable.pii}
    if not personal or not expressions_hold(report):
        return
    for node, where in _leaving(document):
        for hole in read(node):
            for name in names(hole.expression):
                if name.id in personal:
                    message = f"'{name.id}' is personal (pii) and leaves the session in {where}"
                    report.warn("P001", hole.place(name), message)


def _leaving(document: Document) -> Iterator[tuple[Node, str]]:
    for step in steps(document):
        if step.emit is not None and step.arguments:
            yield step.node.at("with"), "an emit"
    for tool in document.tools.values():
        if tool.idempotency is not None:
            yield tool.node.at("idempotency"), "an idempotency key"
    for approval in _approvals(document):
        if approval.reason is not None:
            yield approval.node.at("reason"), "the reason of an approval"
    for state in document.states.values():
        if state.transfer and state.transfer.note is not None:
            yield state.transfer.node.at("note"), "the note of a transfer"
        if state.transfer and state.transfer.headers:
            yield state.transfer.node.at("headers"), "the headers of a transfer"
        if state.end:
            yield state.end.node.at("reason"), "the reason of an end"


def _approvals(document: Document) -> Iterator[Approval]:
    yield from (tool.approval for tool in document.tools.values() if tool.approval)
    yield from (step.approval for step in steps(document) if step.approval)
    for server in document.mcp.values():
        yield from server.approval.values()
