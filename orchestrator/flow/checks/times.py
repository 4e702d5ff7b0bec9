"""L001: times that contradict each other. Pure."""

from collections.abc import Iterator

from orchestrator.flow.document import Document, Tool
from orchestrator.flow.loader import Node
from orchestrator.flow.part import Report

__all__ = ["check_times"]


def check_times(document: Document, report: Report) -> None:
    limit = document.limits.duration if document.limits else None
    for tool in document.tools.values():
        _check_tool(tool, limit, report)
    for server in document.mcp.values():
        if limit is not None and server.timeout > limit:
            message = f"may take longer than the whole session ({limit:g} s)"
            report.warn("L001", server.node.at("timeout").mark, message)
    for seconds, node in _waits(document):
        if limit is not None and seconds >= limit:
            message = f"never comes: the session lasts {limit:g} s at most"
            report.warn("L001", node.mark, message)


def _waits(document: Document) -> Iterator[tuple[float, Node]]:
    for state in document.states.values():
        for edge in state.next:
            if edge.after is not None:
                yield edge.after, edge.node.at("after")
    for silence in document.silence:
        yield silence.after, silence.node.at("after")


def _check_tool(tool: Tool, limit: float | None, report: Report) -> None:
    whole = _longest(tool)
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
