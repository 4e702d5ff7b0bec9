"""From a document to a compiled flow: every name resolved, every text checked. Pure.

`compile_flow` tells all problems of a document in one run.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace

from orchestrator.errors import FlowInvalid, Problem
from orchestrator.flow import definition as made
from orchestrator.flow import document as doc
from orchestrator.flow.checks import check_document
from orchestrator.flow.declared import remembered, variable
from orchestrator.flow.family import Member, check_handoffs, gather_family, named
from orchestrator.flow.guard_compile import compile_guards
from orchestrator.flow.images import gather_images
from orchestrator.flow.part import Overwhelmed, Report
from orchestrator.flow.servers import server_tools
from orchestrator.flow.settings import compile_session
from orchestrator.flow.sources import Read, alone, gather
from orchestrator.flow.steps import Steps
from orchestrator.flow.symbols import Callee, Lock, Symbols, allowed, callee, declare
from orchestrator.flow.tools import function_tool, undone_types
from orchestrator.flow.types import ANY, TEXT, Type

__all__ = ["Lock", "check", "compile_flow", "compile_sources", "document_of"]


def compile_flow(
    text: str, file: str, lock: Lock | None = None, read: Read = alone
) -> tuple[made.Flow, tuple[Problem, ...]]:
    """The flow and its warnings. `file` is the name to tell; `read` gives the files beside it.

    Raises `FlowInvalid` with every problem, warnings included.
    """
    flow, problems = _compile(text, file, lock or {}, read)
    if flow is None or any(problem.level == "error" for problem in problems):
        raise FlowInvalid(problems)
    return flow, problems


def compile_sources(sources: made.Sources) -> made.Flow:
    """The flow that was made from these. Raises `FlowInvalid` if this version refuses it."""
    file = next(iter(sources.texts))

    def read(path: str) -> str:
        return sources.texts[path] if path in sources.texts else alone(path)

    return compile_flow(sources.texts[file], file, sources.lock, read)[0]


def check(
    text: str, file: str, lock: Lock | None = None, read: Read = alone
) -> tuple[Problem, ...]:
    """Every problem of a flow, in file order; never raises for what an author can write."""
    return _compile(text, file, lock or {}, read)[1]


def document_of(text: str, file: str, read: Read = alone) -> doc.Document:
    """The document of a flow that compiles, with what it includes."""
    report = Report()
    root = gather(text, file, read, report).root
    document = doc.read(root, report) if root else None
    assert document, "a flow that compiles is a document"
    return document


def _compile(
    text: str, file: str, lock: Lock, read: Read
) -> tuple[made.Flow | None, tuple[Problem, ...]]:
    report = Report()
    try:
        return _make(text, file, lock, read, report), report.problems
    except Overwhelmed:
        return None, report.problems


def _make(text: str, file: str, lock: Lock, read: Read, report: Report) -> made.Flow | None:
    own = Report()
    try:
        family = gather_family(text, file, read, own)
    finally:
        report.tell(own.problems)
    if family is None:
        return None
    callees: dict[str, Callee] = {}
    flows: dict[str, made.Flow] = {}
    for name, member in family.in_order():
        for each in named(member.document):  # those that it hands over to may come after it
            other = family.members.get(each.flow)
            if other and other.document.whole:
                callees.setdefault(each.flow, callee(other.document, ANY))
        try:
            flows[name], outcome = _member(member, callees, lock, read)
        finally:
            report.tell(member.report.problems)
        if member.document.whole:
            callees[name] = callee(member.document, outcome)
    root = flows.pop(family.root)
    check_handoffs(family, report)
    return _together(root, flows) if flows else root


def _member(
    member: Member, callees: Mapping[str, Callee], lock: Lock, read: Read
) -> tuple[made.Flow, Type]:
    """One flow of a family, and what it ends with."""
    document, report = member.document, member.report
    symbols = replace(declare(document, lock), flows=dict(callees))
    images = gather_images(document, read, report)
    sources = made.Sources({**member.texts, **_beside(images, document)}, _used(document, lock))
    compiler = _Compiler(document, symbols, lock, report)
    steps = Steps(symbols, compiler.everywhere(), document.silence, report, images)
    flow = compiler.flow(sources, steps)
    check_document(document, symbols, lock, report)
    return flow, Type("object", fields={"reason": TEXT, **steps.outcomes})


def _beside(images: Mapping[str, str], document: doc.Document) -> Mapping[str, str]:
    """By their paths from the flow's directory, as its texts are."""
    directory = posixpath.dirname(document.node.mark.file) or "."
    return {posixpath.relpath(path, directory): image for path, image in images.items()}


def _together(root: made.Flow, others: Mapping[str, made.Flow]) -> made.Flow:
    texts, used = dict(root.sources.texts), dict(root.sources.lock)
    for other in others.values():
        texts |= {path: text for path, text in other.sources.texts.items() if path not in texts}
        for server, tools in other.sources.lock.items():
            used[server] = {**used.get(server, {}), **tools}
    sources = made.Sources(texts, used)
    known = root.remembers.union(*(other.remembers for other in others.values()))
    return replace(
        root, sources=sources, sha256=sources.sha256, flows=dict(others), remembers=known
    )


def _used(document: doc.Document, lock: Lock) -> Lock:
    return {
        server.server: {
            tool: dict(lock.get(server.server, {}).get(tool, {})) for tool in allowed(server, lock)
        }
        for server in document.mcp.values()
    }


@dataclass(frozen=True, slots=True)
class _Compiler:
    document: doc.Document
    symbols: Symbols
    lock: Lock
    report: Report

    def flow(self, sources: made.Sources, steps: Steps) -> made.Flow:
        document = self.document
        states, report = self.symbols.check_state, self.report
        states(document.start, document.node.at("start").mark, report)
        states(document.on_error, document.node.at("on_error").mark, report)

        def marks(key: str, name: str) -> made.Mark:
            return document.node.at(key).key(name)

        variables = {
            name: variable(name, marks("vars", name), v, self.symbols, report)
            for name, v in document.vars.items()
        }

        return made.Flow(
            document.flow,
            document.version,
            document.title,
            sources.sha256,
            document.start,
            states={
                name: steps.state(name, state, marks("states", name))
                for name, state in document.states.items()
            },
            tools=self._tools(steps),
            variables=variables,
            remembers=remembered(document.vars),
            interrupts=tuple(
                steps.interrupt(name, interrupt, marks("interrupts", name))
                for name, interrupt in document.interrupts.items()
            ),
            guards=compile_guards(document.guards, steps, self.report),
            on_start=steps.whole(document.on_start),
            on_end=steps.whole(document.on_end),
            on_error=document.on_error,
            limits=self._limits(),
            session=compile_session(document.session, self.report),
            carriers=self._carriers(steps),
            unanswered=self._unanswered(),
            sources=sources,
        )

    def _carriers(self, steps: Steps) -> tuple[str, ...]:
        """What only a carrier can serve is checked as far as it can be, and named."""
        document = self.document
        for trigger in document.triggers:
            seen = steps.texts.seeing(event=ANY)
            for name, node in trigger.sets_at():
                self.symbols.check_variable(name, node.mark, self.report)
                seen.value(node, self.symbols.variables.get(name, ANY), "V002", name)
        kinds = [f"trigger {trigger.kind}" for trigger in document.triggers]
        return (*kinds, *(("outbound",) if document.outbound else ()))

    def _unanswered(self) -> Mapping[str, str]:
        """Where the flow goes when nobody takes the call, by the event that tells of it."""
        states: dict[str, str] = {}
        outbound = self.document.outbound
        for key in ("voicemail", "busy", "no_answer") if outbound else ():
            assert outbound
            if state := getattr(outbound, key):
                self.symbols.check_state(state, outbound.node.at(key).mark, self.report)
                states[f"call.{key}"] = state
        return states

    def everywhere(self) -> tuple[str, ...]:
        node = self.document.node.at("tools_everywhere")
        for index, name in enumerate(self.document.tools_everywhere):
            self.symbols.tool(name, node.at(index).mark, self.report)
        return tuple(self.document.tools_everywhere)

    def _tools(self, steps: Steps) -> Mapping[str, made.Tool]:
        undone = undone_types(self.document, self.symbols)
        tools = {
            name: function_tool(name, tool, undone.get(name, {}), steps, self.report)
            for name, tool in self.document.tools.items()
        }
        for alias, server in self.document.mcp.items():
            tools |= server_tools(alias, server, self.lock, steps, self.report)
        return tools

    def _limits(self) -> made.Limits:
        limits = self.document.limits
        if limits is None:
            return made.Limits()
        return made.Limits(
            limits.duration, limits.visits, limits.tool_calls, limits.turns, limits.cost
        )
