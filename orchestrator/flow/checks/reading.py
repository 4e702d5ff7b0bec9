"""What an author's expressions and templates say about variables. Pure.

These checks only run on a document whose expressions are all in order.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from orchestrator.flow.definition import Mark
from orchestrator.flow.loader import Node
from orchestrator.flow.templates import holes

__all__ = ["Facts", "Hole", "holds", "names", "parsed", "place", "read", "unset"]

Facts: TypeAlias = frozenset[str]
"""Variables that surely have a value."""

TESTS = frozenset({"contains", "matches", "starts"})
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(frozen=True, slots=True)
class Hole:
    """One `${…}` of a text."""

    node: Node
    offset: int
    source: str
    expression: ast.expr

    def place(self, part: ast.expr) -> Mark:
        return place(self.node, self.source, part, self.offset)


def place(node: Node, source: str, part: ast.expr, offset: int = 0) -> Mark:
    """Where a part of an expression stands, which begins at `offset` of the node's text."""
    lead = len(source) - len(source.lstrip())
    before = source.lstrip().encode()[: part.col_offset].decode(errors="ignore")
    return node.place(offset + lead + len(before))


def parsed(source: str) -> ast.expr:
    flat = "".join(" " if char.isspace() else char for char in source)
    return ast.parse(flat.strip(), mode="eval").body


def read(node: Node) -> Iterator[Hole]:
    """The holes of a text, or of all texts of a mapping or list."""
    for child in node.children.values():
        yield from read(child)
    if isinstance(node.value, str):
        for start, source in holes(node.value):
            yield Hole(node, start, source, parsed(source))


def names(expression: ast.expr) -> Iterator[ast.Name]:
    functions = {id(node.func) for node in ast.walk(expression) if isinstance(node, ast.Call)}
    for node in ast.walk(expression):
        if isinstance(node, ast.Name) and id(node) not in functions:
            yield node


def unset(expression: ast.expr, facts: Facts) -> Iterator[ast.Name]:
    """The names without which the value is null, unless they are among these facts."""
    match expression:
        case ast.Name(id=name):
            if name not in facts:
                yield expression
        case ast.Attribute(value=owner) | ast.Subscript(value=owner):
            yield from unset(owner, facts)
        case ast.BinOp(left=left, right=right):
            yield from _either([left, right], facts)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield from unset(operand, facts)
        case ast.Call(func=ast.Name(id=function), args=given):
            if function != "set" and function not in TESTS:
                yield from _either(given, facts)
        case ast.IfExp(test=test, body=yes, orelse=no):
            yield from unset(yes, holds(test, True, facts))
            yield from unset(no, holds(test, False, facts))
        case _:
            return


def _either(parts: Iterable[ast.expr], facts: Facts) -> Iterator[ast.Name]:
    for part in parts:
        yield from unset(part, facts)


def holds(test: ast.expr, truth: bool, facts: Facts) -> Facts:
    """The facts where this condition came out so."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return holds(operand, not truth, facts)
        case ast.BoolOp(op=joined, values=parts):
            each = [holds(part, truth, facts) for part in parts]
            every = isinstance(joined, ast.And) == truth
            return Facts().union(*each) if every else each[0].intersection(*each[1:])
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return facts | _compared(left, operator, right, truth)
        case ast.Compare(left=left, comparators=right) if truth:
            return facts | _needed(left, *right)
        case ast.Call(func=ast.Name(id="set"), args=given) if truth:
            return facts | _needed(*given)
        case ast.Call(func=ast.Name(id=function), args=given) if truth and function in TESTS:
            return facts | _needed(*given)
        case ast.Name() | ast.Attribute() | ast.Subscript() if truth:
            return facts | _needed(test)
        case _:
            return facts


def _compared(left: ast.expr, operator: ast.cmpop, right: ast.expr, truth: bool) -> Facts:
    if isinstance(operator, ORDER):
        return _needed(left, right) if truth else Facts()
    if isinstance(operator, ast.In):
        return _needed(left) if truth else Facts()
    alike = isinstance(operator, ast.Eq) == truth
    if not isinstance(operator, ast.Eq | ast.NotEq):
        return Facts()
    sides = (left, right)
    if any(isinstance(side, ast.Name) and side.id == "null" for side in sides):
        return Facts() if alike else _needed(*sides)
    written = any(isinstance(side, ast.Constant) for side in sides)
    return _needed(*sides) if alike and written else Facts()


def _needed(*parts: ast.expr) -> Facts:
    return frozenset(name.id for name in _either(parts, Facts()))
