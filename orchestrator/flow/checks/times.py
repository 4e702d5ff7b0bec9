"""L001: times that contradict each other. Pure."""

from collections.abc import Iterator

from orchestrator.flow.document import Document, Filler, McpServer, Retry, Tool
from orchestrator.flow.loader import Node
from orchestrator.flow.part import Report

__all__ = ["check_times"]


def check_times(document: Document, report: Report) -> None:
    limit = document.limits.duration if document.limits else None
    for tool in document.tools.values():
        _check_tool(tool, limit, report)
    for server in document.mcp.values():
        _check_server(server, limit, report)
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
    whole = _longest(tool.timeout, tool.retry)
    if tool.deadline is not None and tool.deadline < whole:
        message = f"the attempts need up to {whole:g} s, the deadline is {tool.deadline:g} s"
        report.warn("L001", tool.node.at("deadline").mark, message)
    _check_filler(tool.filler, tool.deadline or whole, report)
    if limit is not None and (tool.deadline or whole) > limit:
        key = "deadline" if tool.deadline else "timeout"
        message = f"may take longer than the whole session ({limit:g} s)"
        report.warn("L001", tool.node.at(key).mark, message)


def _check_server(server: McpServer, limit: float | None, report: Report) -> None:
    if limit is not None and server.timeout > limit:
        message = f"may take longer than the whole session ({limit:g} s)"
        report.warn("L001", server.node.at("timeout").mark, message)
    for tool, filler in server.filler.items():
        _check_filler(filler, _longest(server.timeout, server.retry.get(tool)), report)


def _check_filler(filler: Filler | None, over: float, report: Report) -> None:
    if filler and filler.after >= over:
        report.warn("L001", filler.node.at("after").mark, "said only after the call is over")


def _longest(timeout: float, retry: Retry | None) -> float:
    """Seconds that all attempts and the pauses between them take at most."""
    if retry is None:
        return timeout
    pauses = sum(retry.backoff * retry.factor**n * (1 + retry.jitter) for n in range(retry.max))
    return timeout * (retry.max + 1) + pauses
