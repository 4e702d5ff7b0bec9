"""Compiles the guards of a flow: patterns, names and texts are checked. Pure."""

from collections.abc import Iterator

from orchestrator.flow import definition as made
from orchestrator.flow.guard_parts import Guards, InputGuard, OutputGuard
from orchestrator.flow.part import Report
from orchestrator.flow.patterns import finder
from orchestrator.flow.steps import Steps
from orchestrator.flow.texts import Texts
from orchestrator.flow.types import ANY, BOOL, choices
from orchestrator.flow.values import fits

__all__ = ["compile_guards"]


def compile_guards(guards: Guards | None, steps: Steps, report: Report) -> tuple[made.Guard, ...]:
    """Those of the input first, each in the order of the file."""
    if guards is None:
        return ()
    compiler = _Compiler(steps, report)
    seen = set[str]()
    for guard in (*guards.input, *guards.output):
        if guard.id in seen:
            report("S001", guard.node.at("id").mark, f"a second guard '{guard.id}'")
        seen.add(guard.id)
    return (*map(compiler.input, guards.input), *map(compiler.output, guards.output))


class _Compiler:
    def __init__(self, steps: Steps, report: Report) -> None:
        self._steps = steps
        self._symbols = steps.symbols
        self._report = report

    def input(self, guard: InputGuard) -> made.Guard:
        if guard.into is not None:
            self._check_into(guard, guard.into)
        return self._guard(guard, "input", into=guard.into)

    def output(self, guard: OutputGuard) -> made.Guard:
        then = guard.then
        if then is None or not then.cancel:
            return self._guard(guard, "output")
        node = then.node
        self._symbols.check_state(then.goto, node.at("goto").mark, self._report)
        # Said when something went wrong: nothing in it may be unset.
        say = Texts(self._report, {}).template(node.at("say")) if then.say is not None else None
        return self._guard(guard, "output", then=made.Then(say, then.goto))

    def _guard(
        self,
        guard: InputGuard | OutputGuard,
        side: made.Side,
        into: str | None = None,
        then: made.Then | None = None,
    ) -> made.Guard:
        node, texts = guard.node, self._steps.texts
        return made.Guard(
            guard.id,
            node.mark,
            side,
            match=self._match(guard) if guard.match is not None else None,
            classify=texts.template(node.at("classify")) if guard.classify is not None else None,
            tool=self._tool(guard, guard.tool) if guard.tool is not None else None,
            every=guard.every,
            when=texts.condition(node.at("when")) if guard.condition is not None else None,
            into=into,
            then=then,
        )

    def _match(self, guard: InputGuard | OutputGuard) -> made.Find | None:
        found = finder(str(guard.match))
        if isinstance(found, str):
            self._report("E001", guard.node.at("match").mark, found)
            return None
        return found

    def _tool(self, guard: InputGuard | OutputGuard, name: str) -> str:
        mark = guard.node.at("tool").mark
        tool = self._symbols.tool(name, mark, self._report)
        for problem in self._unfit(name) if tool else ():
            self._report("T002", mark, problem)
        return name

    def _unfit(self, name: str) -> Iterator[str]:
        tool = self._symbols.tools[name]
        assert tool
        if tool.approval != "none":
            yield f"a guard asks nobody: {name} needs an approval"
        if tool.parameters is None:
            return
        if "text" not in tool.parameters or "text" in tool.bound:
            yield f"a guard gives `text`: {name} has no such parameter"
        for other, parameter in tool.parameters.items():
            if parameter.required and other != "text" and other not in tool.bound:
                yield f"a guard gives `text` only: {name} needs {other}"

    def _check_into(self, guard: InputGuard, name: str) -> None:
        mark = guard.node.at("into").mark
        type_ = self._symbols.variables.get(name, ANY)
        if not self._symbols.check_variable(name, mark, self._report):
            return
        if not choices(type_):
            self._report("V002", mark, f"an answer goes into an enum or a bool, not {type_}")
        elif guard.classify is None and not fits(BOOL, type_):
            self._report("V002", mark, f"whether it hits is true or false, not {type_}")
