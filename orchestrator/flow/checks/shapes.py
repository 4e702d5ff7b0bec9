"""Checks of types, wherever they stand: whether any value can be of them. Pure."""

from collections import Counter
from collections.abc import Iterator

from orchestrator.flow.document import Document
from orchestrator.flow.part import Report
from orchestrator.flow.shapes import Shape

__all__ = ["check_shapes"]


def check_shapes(document: Document, report: Report) -> None:
    for shape in _shapes(document):
        if shape.min is not None and shape.max is not None and shape.min > shape.max:
            mark = shape.node.at("max").mark
            report("V004", mark, f"nothing is at least {shape.min} and at most {shape.max}")
        seen = Counter[str]()
        for index, value in enumerate(shape.values):
            seen[value.casefold()] += 1
            if seen[value.casefold()] == 2:
                mark = shape.node.at("values", index).mark
                report("V004", mark, f"'{value}' is among the values already")


def _shapes(document: Document) -> Iterator[Shape]:
    for variable in document.vars.values():
        yield from _with_parts(variable)
    for tool in document.tools.values():
        for shape in (*tool.params.values(), *tool.returns.values()):
            yield from _with_parts(shape)


def _with_parts(shape: Shape) -> Iterator[Shape]:
    yield shape
    for part in (shape.of, *shape.fields.values()):
        if part is not None:
            yield from _with_parts(part)
