"""From a document to a compiled flow: every name resolved, every text checked. Pure.

`compile_flow` tells all problems of a document in one run.
"""

import keyword
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.dispatch.call import Json
from orchestrator.errors import FlowInvalid, Problem
from orchestrator.flow import definition as made
from orchestrator.flow import document as doc
from orchestrator.flow.checks import check_document
from orchestrator.flow.functions import FUNCTIONS
from orchestrator.flow.part import Report
from orchestrator.flow.patterns import compile_pattern
from orchestrator.flow.servers import server_tools
from orchestrator.flow.shapes import Shape, Variable
from orchestrator.flow.sources import Read, alone, gather
from orchestrator.flow.steps import Steps
from orchestrator.flow.symbols import EVERYWHERE, Lock, Symbols, allowed, declare
from orchestrator.flow.texts import Texts
from orchestrator.flow.tools import function_tool, undone_types
from orchestrator.flow.types import ANY, CALL, choices, of_shape
from orchestrator.flow.values import acceptor, fits, normaliser, schema_of

__all__ = ["Lock", "check", "compile_flow", "compile_sources", "document_of"]

RESERVED = {*EVERYWHERE, *FUNCTIONS, "event", "result", "args", "value", "true", "false", "null"}


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
    tree = gather(text, file, read, report)
    document = doc.read(tree.root, report) if tree.root else None
    if document is None:
        return None, report.problems
    symbols = declare(document, lock)
    sources = made.Sources(tree.texts, _used(document, lock))
    flow = _Compiler(document, symbols, lock, report).flow(sources)
    check_document(document, symbols, lock, report)
    return flow, report.problems


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

    def flow(self, sources: made.Sources) -> made.Flow:
        document = self.document
        steps = Steps(self.symbols, self._everywhere(), self.report)
        states, report = self.symbols.check_state, self.report
        states(document.start, document.node.at("start").mark, report)
        states(document.on_error, document.node.at("on_error").mark, report)
        for silence in document.silence:
            states(silence.goto, silence.node.at("goto").mark, report)
            steps.texts.template(silence.node.at("say" if silence.say else "prompt"))

        def marks(key: str, name: str) -> made.Mark:
            return document.node.at(key).key(name)

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
            variables={name: self._variable(name, v) for name, v in document.vars.items()},
            interrupts=tuple(
                steps.interrupt(name, interrupt, marks("interrupts", name))
                for name, interrupt in document.interrupts.items()
            ),
            on_start=steps.whole(document.on_start),
            on_end=steps.whole(document.on_end),
            on_error=document.on_error,
            limits=self._limits(),
            session=self._session(),
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

    def _everywhere(self) -> tuple[str, ...]:
        node = self.document.node.at("tools_everywhere")
        for index, name in enumerate(self.document.tools_everywhere):
            self.symbols.tool(name, node.at(index).mark, self.report)
        return tuple(self.document.tools_everywhere)

    def _tools(self, steps: Steps) -> Mapping[str, made.Tool]:
        undone = undone_types(self.document, self.symbols)
        tools = {
            name: function_tool(name, tool, undone.get(name), steps, self.report)
            for name, tool in self.document.tools.items()
        }
        for alias, server in self.document.mcp.items():
            tools |= server_tools(alias, server, self.lock, steps, self.report)
        return tools

    def _limits(self) -> made.Limits:
        limits = self.document.limits
        if limits is None:
            return made.Limits()
        return made.Limits(limits.duration, limits.visits, limits.tool_calls, limits.turns)

    def _session(self) -> made.Session:
        session = self.document.session
        if session is None:
            return made.Session()
        if "${" in session.persona:
            place = session.node.at("persona")
            offset = session.persona.index("${")
            self.report("E003", place.place(offset), "the persona is constant: no ${…} here")
        return made.Session(
            session.mode,
            session.persona.strip(),
            session.model,
            session.voice,
            session.language,
            session.zone,
            session.reasoning,
        )

    def _variable(self, name: str, variable: Variable) -> made.Variable:
        node = variable.node
        if name in RESERVED or keyword.iskeyword(name):
            mark = self.document.node.at("vars").key(name)
            self.report("S001", mark, f"'{name}' is a word of expressions; choose another name")
        for index, other in enumerate(variable.clears):
            self.symbols.check_variable(other, node.at("clears", index).mark, self.report)
        return made.Variable(
            name,
            variable.describe,
            schema_of(variable),
            self._accept(variable),
            default=self._default(name, variable),
            source=self._source(variable) if variable.source is not None else None,
            clears=tuple(variable.clears),
            pii=variable.pii,
            engine_only=variable.writable == "engine",
            choices=choices(of_shape(variable)),
        )

    def _default(self, name: str, variable: Variable) -> Json:
        """It is of the type and within bounds; `validate` is for what callers give."""
        if variable.default is None or not variable.whole:
            return None
        try:
            return acceptor(variable)(variable.default, {})
        except made.Rejected as problem:
            mark = variable.node.at("default").mark
            self.report("V002", mark, f"the default of '{name}' {problem}")
            return None

    def _source(self, variable: Variable) -> made.Expression:
        node = variable.node.at("from")
        if str(variable.source).startswith(("caller.", "call.header.")):
            self.report("X001", node.mark, f"'{variable.source}' is not supported yet")
            return made.Expression(str(variable.source), node.mark, lambda _: None)
        expression, type_ = Texts(self.report, {"call": CALL}).expression(node)
        if not fits(type_, of_shape(variable)):
            self.report("V002", node.mark, f"{type_} does not fit {of_shape(variable)}")
        return expression

    def _accept(self, variable: Variable) -> made.Accept:
        node = variable.node
        _check_patterns(variable, self.report)
        message = variable.message
        read, normalise = acceptor(variable, message), normaliser(list(variable.normalise))
        texts = Texts(self.report, {**self.symbols.names, "value": of_shape(variable)})
        valid = texts.condition(node.at("validate")) if variable.check is not None else None

        def accept(value: Json, scope: made.Scope) -> Json:
            accepted = read(normalise(value), scope)
            if valid and valid.evaluate({**scope, "value": accepted}) is not True:
                raise made.Rejected(message or "is not possible here")
            return accepted

        return accept


def _check_patterns(shape: Shape, report: Report) -> None:
    if shape.pattern is not None and isinstance(why := compile_pattern(shape.pattern), str):
        report("E001", shape.node.at("pattern").mark, why)
