"""Expressions: Python's grammar, restricted, type-checked, compiled to closures. Pure.

An expression never raises once it is compiled and never makes more than it was given: no
`*` on texts, capped lengths, capped numbers. What is not there is null, ordering with null
is false, `and`, `or` and `not` take anything but true for false.
"""

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from orchestrator.dispatch.call import Json
from orchestrator.flow import operations as op
from orchestrator.flow.definition import Scope
from orchestrator.flow.functions import FUNCTIONS
from orchestrator.flow.part import did_you_mean
from orchestrator.flow.types import (
    ANY,
    BOOL,
    INT,
    NULL,
    NUMBER,
    TEXT,
    TEXTUAL,
    Type,
    join,
    of_value,
)
from orchestrator.flow.values import literal

__all__ = ["Checked", "Evaluate", "Tell", "Unsure", "compile_expression"]

MAX_SOURCE = 1_000
MAX_DEPTH = 40
MAX_INTEGER = 2**53

Evaluate: TypeAlias = Callable[[Scope], Json]

NUMERIC = frozenset({"int", "number", "duration"})
ORDERED = NUMERIC | TEXTUAL
ARITHMETIC: Mapping[type[ast.operator], Callable[[Json, Json], Json]] = {
    ast.Add: op.add,
    ast.Sub: op.subtract,
    ast.Mult: op.multiply,
    ast.Div: op.divide,
    ast.Mod: op.modulo,
}
COMPARISONS: Mapping[type[ast.cmpop], Callable[[Json, Json], bool]] = {
    ast.Eq: op.equal,
    ast.NotEq: lambda a, b: not op.equal(a, b),
    ast.Lt: lambda a, b: op.ordered(a, b, -1),
    ast.LtE: lambda a, b: op.ordered(a, b, -1, 0),
    ast.Gt: lambda a, b: op.ordered(a, b, 1),
    ast.GtE: lambda a, b: op.ordered(a, b, 1, 0),
    ast.In: op.contains,
    ast.NotIn: lambda a, b: not op.contains(a, b),
}
CONSTANTS: Mapping[str, Json] = {"true": True, "false": False, "null": None}
SLIPS = (("&&", "and"), ("||", "or"), ("${", "the name alone"), ("!", "not"), ("=", "=="))


NOWHERE: Mapping[str, str] = {}


class Tell(Protocol):
    def __call__(self, code: str, offset: int, message: str, hint: str = "") -> None:
        """Hear of a problem at character `offset` of the source."""
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression and the type of its value (which may be null, whatever the type)."""

    type: Type
    evaluate: Evaluate


BROKEN = Checked(ANY, lambda _: None)


class Unsure(Exception):
    """Something to compare is not there, or not of a kind with the other side."""


def compile_expression(
    source: str,
    names: Mapping[str, Type],
    tell: Tell,
    *,
    elsewhere: Mapping[str, str] = NOWHERE,
    sure: bool = False,
) -> Checked:
    """Check and compile. Problems E001 (grammar) and E002 (names, types) go to `tell`.

    What cannot be compiled evaluates to null. Of a name that is not among `names`, `elsewhere`
    says where it is known. A `sure` expression raises `Unsure` where another one takes null, or
    what cannot be compared, for false.
    """
    if len(source) > MAX_SOURCE:
        tell("E001", 0, f"longer than {MAX_SOURCE:,} characters")
        return BROKEN
    flat = "".join(" " if char.isspace() else char for char in source)
    lead = len(flat) - len(flat.lstrip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python about odd escapes in texts
            tree = ast.parse(flat[lead:], mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        tell("E001", *_slip(source, lead, error))
        return BROKEN
    compiler = _Compiler(source, flat[lead:].encode(), lead, names, tell, elsewhere, sure=sure)
    return compiler.checked(tree.body)


def _slip(source: str, lead: int, error: Exception) -> tuple[int, str, str]:
    if not source.strip():
        return 0, "an empty expression", ""
    for wrong, right in SLIPS:
        place = source.find(wrong)
        if (
            place >= 0
            and source[place : place + 2] not in ("!=", "==")
            and (source[max(place - 1, 0) : place] not in ("!", "=", "<", ">"))
        ):
            return place, f"'{wrong}' is not part of expressions", f"write {right}"
    offset = getattr(error, "offset", None) or 1
    return min(lead + offset - 1, len(source)), "this is not an expression", ""


DAY_AND_MOMENT = {"date", "datetime"}


class _Compiler:
    def __init__(
        self,
        source: str,
        code: bytes,
        lead: int,
        names: Mapping[str, Type],
        tell: Tell,
        elsewhere: Mapping[str, str],
        *,
        sure: bool,
    ) -> None:
        self.source = source
        self.code = code
        self.lead = lead
        self.names = names
        self.tell = tell
        self.elsewhere = elsewhere
        self.sure = sure
        self.depth = 0
        self.kinds: Mapping[type[ast.expr], Callable[[Any], Checked]] = {
            ast.Attribute: self._attribute,
            ast.BinOp: self._arithmetic,
            ast.BoolOp: self._logic,
            ast.Call: self._call,
            ast.Compare: self._comparison,
            ast.Constant: self._constant,
            ast.IfExp: self._choice,
            ast.List: self._list,
            ast.Name: self._name,
            ast.Subscript: self._index,
            ast.UnaryOp: self._unary,
        }

    def checked(self, node: ast.expr) -> Checked:
        compile_node = self.kinds.get(type(node))
        if compile_node is None:
            return self.fault("E001", node, "this is not part of expressions")
        if self.depth >= MAX_DEPTH:
            return self.fault("E001", node, f"nested deeper than {MAX_DEPTH} levels")
        self.depth += 1
        checked = compile_node(node)
        self.depth -= 1
        return checked

    def fault(self, code: str, node: ast.expr, message: str, hint: str = "") -> Checked:
        before = self.code[: node.col_offset].decode(errors="ignore")
        self.tell(code, self.lead + len(before), message, hint)
        return BROKEN

    def expect(self, node: ast.expr, kinds: frozenset[str], what: str) -> Checked:
        """The operand, which must be of one of these types (or not known)."""
        checked = self.checked(node)
        if checked.type.name not in kinds | {"any", "null"}:
            return self.fault("E002", node, f"{what} expected, this is {checked.type}")
        return checked

    def _constant(self, node: ast.Constant) -> Checked:
        value: Json = node.value
        if value is None or isinstance(value, bool):
            hint = f"write {'null' if value is None else str(value).lower()}"
            return self.fault("E001", node, f"'{value}' is Python's", hint)
        if isinstance(value, int | float) and not abs(value) <= MAX_INTEGER:
            return self.fault("E001", node, "this number is too large")
        if not isinstance(value, int | float | str):
            return self.fault("E001", node, "this is not part of expressions")
        return Checked(of_value(value), lambda _: value)

    def _name(self, node: ast.Name) -> Checked:
        name = node.id
        if name in CONSTANTS:
            value = CONSTANTS[name]
            return Checked(of_value(value), lambda _: value)
        if name not in self.names:
            hint = did_you_mean(name, self.names)
            if where := self.elsewhere.get(name):
                hint = f"it is known only in {where}; keep it there in a variable, with `set`"
            return self.fault("E002", node, f"nothing is called '{name}' here", hint)
        return Checked(self.names[name], lambda scope: scope.get(name))

    def _attribute(self, node: ast.Attribute) -> Checked:
        owner = self.checked(node.value)
        field, fields = node.attr, owner.type.fields
        if owner.type.name not in ("object", "any", "null"):
            return self.fault("E002", node, f"{owner.type} has no fields")
        if fields is not None and field not in fields:
            return self.fault("E002", node, f"no field '{field}'", did_you_mean(field, fields))
        evaluate = owner.evaluate
        return Checked(
            fields[field] if fields else ANY, lambda scope: op.field(evaluate(scope), field)
        )

    def _index(self, node: ast.Subscript) -> Checked:
        owner = self.expect(node.value, frozenset({"list"}), "a list")
        index: Json = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if type(index) is not int:
            return self.fault("E001", node.slice, "an index is a whole number, as in a[0]")
        evaluate = owner.evaluate
        return Checked(owner.type.of or ANY, lambda scope: op.item(evaluate(scope), index))

    def _list(self, node: ast.List) -> Checked:
        items = [self.checked(item) for item in node.elts]
        of = NULL
        for item in items:
            of = join(of, item.type)
        parts = [item.evaluate for item in items]
        return Checked(Type("list", of=of), lambda scope: [part(scope) for part in parts])

    def _logic(self, node: ast.BoolOp) -> Checked:
        tests = [self._test(value) for value in node.values]
        if isinstance(node.op, ast.And):
            return Checked(BOOL, lambda scope: all(test(scope) is True for test in tests))
        return Checked(BOOL, lambda scope: any(test(scope) is True for test in tests))

    def _test(self, node: ast.expr) -> Evaluate:
        test = self.expect(node, frozenset({"bool"}), "true or false").evaluate
        return _surely_bool(test) if self.sure else test

    def _unary(self, node: ast.UnaryOp) -> Checked:
        if isinstance(node.op, ast.Not):
            test = self._test(node.operand)
            return Checked(BOOL, lambda scope: test(scope) is not True)
        if not isinstance(node.op, ast.USub):
            return self.fault("E001", node, "this operator is not part of expressions")
        operand = self.expect(node.operand, NUMERIC, "a number")
        evaluate = operand.evaluate
        return Checked(operand.type, lambda scope: op.subtract(0, evaluate(scope)))

    def _choice(self, node: ast.IfExp) -> Checked:
        test = self._test(node.test)
        one, other = self.checked(node.body), self.checked(node.orelse)
        yes, no = one.evaluate, other.evaluate
        return Checked(
            join(one.type, other.type),
            lambda scope: yes(scope) if test(scope) is True else no(scope),
        )

    def _arithmetic(self, node: ast.BinOp) -> Checked:
        apply = ARITHMETIC.get(type(node.op))
        if apply is None:
            return self.fault("E001", node, "this operator is not part of expressions")
        texts = isinstance(node.op, ast.Add)
        kinds, what = (ORDERED, "a number or text") if texts else (NUMERIC, "a number")
        one, other = self.expect(node.left, kinds, what), self.expect(node.right, kinds, what)
        left, right = one.evaluate, other.evaluate
        result = self._sum_type(node, one.type, other.type)
        return Checked(result, lambda scope: apply(left(scope), right(scope)))

    def _sum_type(self, node: ast.BinOp, one: Type, other: Type) -> Type:
        names = {one.name, other.name} - {"any", "null"}
        if names & NUMERIC and names & TEXTUAL:
            self.fault("E002", node, f"{one} and {other} cannot be added")
        if not names or len({"any", "null"} & {one.name, other.name}):
            return ANY
        if names <= TEXTUAL:
            return TEXT
        whole = names == {"int"} and not isinstance(node.op, ast.Div)
        return INT if whole else NUMBER

    def _comparison(self, node: ast.Compare) -> Checked:
        nodes = [node.left, *node.comparators]
        sides = [self.checked(side) for side in nodes]
        tests = [
            self._compared(operator, nodes[i], sides[i], nodes[i + 1], sides[i + 1])
            for i, operator in enumerate(node.ops)
        ]
        if len(tests) == 1:
            return Checked(BOOL, tests[0])
        return Checked(BOOL, lambda scope: all(test(scope) for test in tests))

    def _compared(
        self, operator: ast.cmpop, left: ast.expr, one: Checked, right: ast.expr, other: Checked
    ) -> Callable[[Scope], bool]:
        compare = COMPARISONS.get(type(operator))
        if compare is None:
            self.fault("E001", left, "'is' is not part of expressions", "write ==")
            return lambda _: False
        if isinstance(operator, ast.In | ast.NotIn):
            other = self._container(one.type, right, other)
        else:
            equality = isinstance(operator, ast.Eq | ast.NotEq)
            one, other = self._alike(left, one, right, other, equality=equality)
        if self.sure and NULL not in (one.type, other.type):
            compare = _surely(operator, compare)
        a, b = one.evaluate, other.evaluate
        return lambda scope: compare(a(scope), b(scope))

    def _container(self, member: Type, right: ast.expr, container: Checked) -> Checked:
        """What stands after `in`; texts that are written out are read as the member's type."""
        if isinstance(right, ast.List):
            items = [self._as_literal(item, member) or self.checked(item) for item in right.elts]
            parts = [item.evaluate for item in items]
            return Checked(container.type, lambda scope: [part(scope) for part in parts])
        if container.type.name not in TEXTUAL | {"list", "any", "null"}:
            return self.fault("E002", right, f"a list or text expected, this is {container.type}")
        return container

    def _alike(
        self, left: ast.expr, one: Checked, right: ast.expr, other: Checked, *, equality: bool
    ) -> tuple[Checked, Checked]:
        """Both sides as values that can be compared; a text literal becomes the other's type."""
        one = self._as_literal(left, other.type) or one
        other = self._as_literal(right, one.type) or other
        names = {one.type.name, other.type.name} - {"any", "null"}
        same = len(names) < 2 or names <= NUMERIC or (names <= TEXTUAL and "text" in names)
        if not same or not (equality or names <= ORDERED):
            verb = "be compared" if equality or not same else "be ordered"
            message = f"{one.type} and {other.type} cannot {verb}"
            day = left if one.type.name == "date" else right
            hint = f"days_until({ast.unparse(day)}) >= 0" if names == DAY_AND_MOMENT else ""
            self.fault("E002", right, message, hint)
        if "datetime" in names:
            one, other = _moment(one), _moment(other)
        return one, other

    def _as_literal(self, node: ast.expr, type_: Type) -> Checked | None:
        """A text that is written out, read as a value of the type that it meets."""
        text: Json = node.value if isinstance(node, ast.Constant) else None
        if not isinstance(text, str) or type_.name in ("text", "any", "null"):
            return None
        value, problem = literal(text, type_)
        if problem:
            hint = did_you_mean(text, type_.values)
            return self.fault("E002", node, f"'{text}' {problem}", hint)
        return Checked(type_, lambda _: value)

    def _call(self, node: ast.Call) -> Checked:
        if not isinstance(node.func, ast.Name) or node.keywords:
            return self.fault("E001", node, "a call is function(value, …)")
        name = node.func.id
        function = FUNCTIONS.get(name)
        if function is None:
            return self.fault("E002", node, f"no function '{name}'", did_you_mean(name, FUNCTIONS))
        least, most = len(function.takes), function.most or len(function.takes)
        if not least <= len(node.args) <= most:
            return self.fault("E002", node, f"{name}() takes {function.usage}")
        kinds = [*function.takes, *[function.takes[-1]] * (len(node.args) - least)]
        given = [
            self.expect(argument, kind, what) if kind else self.checked(argument)
            for argument, (kind, what) in zip(node.args, kinds, strict=True)
        ]
        literals: list[Json] = [a.value if isinstance(a, ast.Constant) else None for a in node.args]
        apply = function.make(literals)
        if isinstance(apply, str):
            return self.fault("E002", node.args[-1], apply)
        parts = [argument.evaluate for argument in given]
        result = function.returns or given[0].type
        return Checked(result, lambda scope: apply(scope, [part(scope) for part in parts]))


def _surely_bool(test: Evaluate) -> Evaluate:
    def evaluate(scope: Scope) -> Json:
        value = test(scope)
        if not isinstance(value, bool):
            raise Unsure
        return value

    return evaluate


def _surely(
    operator: ast.cmpop, compare: Callable[[Json, Json], bool]
) -> Callable[[Json, Json], bool]:
    """The comparison, of what can be compared; `x == null` is no doubt but a question."""
    comparable: Callable[[Json, Json], bool]
    if isinstance(operator, ast.In | ast.NotIn):
        comparable = op.may_contain
    elif isinstance(operator, ast.Eq | ast.NotEq):
        comparable = op.alike
    else:
        comparable = op.have_an_order

    def evaluate(a: Json, b: Json) -> bool:
        if not comparable(a, b):
            raise Unsure
        return compare(a, b)

    return evaluate


def _moment(side: Checked) -> Checked:
    evaluate = side.evaluate
    return Checked(NUMBER, lambda scope: op.moment(evaluate(scope), scope.get("now")))
