"""An author's texts at their place in the file: conditions and templates. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Expression, Scope, Template
from orchestrator.flow.expressions import Checked, Tell, Unsure, compile_expression
from orchestrator.flow.loader import Node
from orchestrator.flow.operations import is_list, is_object
from orchestrator.flow.part import Report
from orchestrator.flow.templates import Text, compile_text, plain
from orchestrator.flow.types import OBJECT, Type, of_value
from orchestrator.flow.values import fits, literal

__all__ = ["Texts"]


@dataclass(frozen=True, slots=True)
class Texts:
    """Compiles texts that see these names; problems go to `report`."""

    report: Report
    names: Mapping[str, Type]
    missing: Mapping[str, str] = field(default_factory=dict[str, str])
    """What is said of variables that have no value."""
    elsewhere: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where a name is known that is none of these."""

    def seeing(self, **more: Type) -> "Texts":
        return replace(self, names={**self.names, **more})

    def condition(self, node: Node, *, sure: bool = False) -> Expression:
        """An expression that must be true or false; what is neither at run time is null.

        A `sure` one is null, too, if something that it compares is not there or of another kind.
        """
        checked = self._checked(node, sure=sure)
        if checked.type.name not in ("bool", "any", "null"):
            message = f"a condition is true or false, this is {checked.type}"
            self.report("E002", node.place(0), message, "write `set(…)` or compare it")
        evaluate = checked.evaluate

        def test(scope: Scope) -> Json:
            try:
                value = evaluate(scope)
            except Unsure:
                return None
            return value if isinstance(value, bool) else None

        return Expression(str(node.value), node.mark, test)

    def expression(self, node: Node) -> tuple[Expression, Type]:
        checked = self._checked(node)
        return Expression(str(node.value), node.mark, checked.evaluate), checked.type

    def _checked(self, node: Node, *, sure: bool = False) -> Checked:
        source, tell = str(node.value), self._tell(node)
        return compile_expression(source, self.names, tell, elsewhere=self.elsewhere, sure=sure)

    def type_of(self, node: Node) -> Type:
        """Of what this text or value comes to."""
        return self._text(node, node.value).type

    def template(self, node: Node) -> Template:
        """Words for somebody."""
        if not isinstance(node.value, str):
            return self.exact(node)
        text = compile_text(node.value, self.names, self._tell(node), self.missing, self.elsewhere)
        for offset, written, name in plain(node.value):
            if name in self.names:
                message = f"'{written}' is said as it stands"
                hint = f"values are written ${{{written.strip('{$ }')}}}"
                self.report.warn("E005", node.place(offset), message, hint)
        return self._template(node, text)

    def exact(self, node: Node) -> Template:
        """A text that means something to a program: nothing is said in it of what is missing."""
        return self._template(node, self._text(node, node.value))

    def value(self, node: Node, expected: Type, code: str, what: str) -> Template:
        """A value for something of a known type; `code` tells of one that can never fit."""
        text = self._text(node, node.value)
        problem = ""
        if isinstance(node.value, str) and "${" not in node.value:
            _, problem = literal(node.value, expected)
        elif not fits(text.type, expected):
            problem = f"is {text.type}, not {expected}"
        if problem:
            self.report(code, node.mark, f"what is given to '{what}' {problem}")
        return self._template(node, text)

    def _template(self, node: Node, text: Text) -> Template:
        return Template(str(node.value), node.mark, text.evaluate, text.unset)

    def _text(self, node: Node, value: Json) -> Text:
        if isinstance(value, str):
            tell = self._tell(node)
            return compile_text(value, self.names, tell, elsewhere=self.elsewhere)
        if is_list(value):
            items = [self._text(node.at(i), item) for i, item in enumerate(value)]
            return _gathered(of_value(value), items, lambda values: values)
        if is_object(value):
            fields = list(value)
            items = [self._text(node.at(key), value[key]) for key in fields]
            return _gathered(OBJECT, items, lambda v: dict(zip(fields, v, strict=True)))
        return Text(of_value(value), lambda _: value, lambda _: None)

    def _tell(self, node: Node) -> Tell:
        def tell(code: str, offset: int, message: str, hint: str = "") -> None:
            self.report(code, node.place(offset), message, hint)

        return tell


def _gathered(type_: Type, items: list[Text], gather: Callable[[list[Json]], Json]) -> Text:
    """Texts inside of a list or mapping, as one."""

    def unset(scope: Scope) -> str | None:
        return next((name for item in items if (name := item.unset(scope)) is not None), None)

    return Text(type_, lambda scope: gather([item.evaluate(scope) for item in items]), unset)
