"""T050: a gate that never opens, and one that is asked about twice. Pure."""

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import product

from orchestrator.dispatch.call import Json
from orchestrator.flow.checks.reading import names, parsed, place
from orchestrator.flow.checks.values import literals
from orchestrator.flow.checks.walk import complete, expressions_hold
from orchestrator.flow.document import Document, State, Tool
from orchestrator.flow.expressions import compile_expression
from orchestrator.flow.part import Report
from orchestrator.flow.symbols import Symbols

__all__ = ["check_gates"]

MAX_CASES = 256
CONFIRMS = re.compile(r"\bconfirm|\bread\b.{0,20}\bback\b|\bget a yes\b", re.I)


def check_gates(document: Document, symbols: Symbols, report: Report) -> None:
    if complete(report, "V001", "T001") and expressions_hold(report):
        for name, tool in document.tools.items():
            _check_requires(name, tool, document, symbols, report)
    for state in document.states.values():
        _check_goal(state, symbols, report)


def _check_requires(
    name: str, tool: Tool, document: Document, symbols: Symbols, report: Report
) -> None:
    for part in _conditions(parsed(tool.requires)) if tool.requires else ():
        if not _can_be_true(part, document, symbols):
            message = f"'{name}' can never be called: nothing makes `{ast.unparse(part)}` true"
            mark = place(tool.node.at("requires"), str(tool.requires), part)
            report.warn("T050", mark, message)


def _conditions(condition: ast.expr) -> Iterator[ast.expr]:
    """What has to be true, each for itself."""
    if isinstance(condition, ast.BoolOp) and isinstance(condition.op, ast.And):
        for part in condition.values:
            yield from _conditions(part)
    else:
        yield condition


def _can_be_true(condition: ast.expr, document: Document, symbols: Symbols) -> bool:
    """Whether some values that its variables can have make it true; true if they are not known."""
    read = sorted({name.id for name in names(condition)} - {"true", "false", "null"})
    known = [_possible(name, document) for name in read]
    cases = [values for values in known if values is not None]
    if len(cases) < len(known) or _count(cases) > MAX_CASES:
        return True
    test = compile_expression(ast.unparse(condition), symbols.names, _untold).evaluate
    return any(test(dict(zip(read, case, strict=True))) is True for case in product(*cases))


def _untold(code: str, offset: int, message: str, hint: str = "") -> None:
    """What is wrong with a condition has been told where it stands."""


def _possible(name: str, document: Document) -> Sequence[Json] | None:
    """The values that a variable can have; None if they are not all written in the flow."""
    return literals(name, document) if name in document.vars else None


def _count(cases: Sequence[Sequence[Json]]) -> int:
    number = 1
    for case in cases:
        number *= len(case)
    return number


def _check_goal(state: State, symbols: Symbols, report: Report) -> None:
    """The engine reads back what a caller has to approve; the model should not do so as well."""
    found = CONFIRMS.search(state.goal or "")
    if not found:
        return
    for name in state.tools:
        tool = symbols.tools.get(name)
        if tool and tool.approval == "caller":
            message = f"{name} is read back for approval anyway; this asks the caller twice"
            report.warn("T050", state.node.at("goal").place(found.start()), message)
            return
