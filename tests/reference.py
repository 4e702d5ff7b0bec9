"""The tables of the language's reference, made from the keys that there are.

`<!-- keys: Tool -->` on a page stands before the table of a tool's keys, and below the heading
that other tables lead to. `python -m tests.reference` writes the page anew.
"""

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from orchestrator.flow import document, guard_parts, shapes
from orchestrator.flow.part import Part

__all__ = ["PAGE", "mappings", "with_tables"]

PAGE = Path(__file__).parents[1] / "docs/language.md"

MARK = re.compile(r"^<!-- keys: (\w+) -->\n+(?:\|.*\n)*", re.M)
HEADING = re.compile(r"^#+ (.+)$", re.M)
WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "object": "mapping",
}
UNITS = "(ms|s|m|h|d)$"  # how the pattern of a duration ends
Schema = Mapping[str, Any]
Anchors = Mapping[str, str]


def mappings() -> Iterator[type[Part]]:
    """Every mapping of the language."""
    for module in (document, guard_parts, shapes):
        yield from _parts(module)


def _parts(module: ModuleType) -> Iterator[type[Part]]:
    for _, model in inspect.getmembers(module, inspect.isclass):
        if issubclass(model, Part) and model.__module__.startswith(module.__name__):
            yield model


def _own_keys(model: type[Part]) -> list[str]:
    """Its keys as they are written, in the order of the code, without those of a type that it
    extends."""
    inherited = {key for base in model.__bases__ for key in getattr(base, "model_fields", {})}
    fields = model.model_fields.items()
    return [field.alias or key for key, field in fields if key not in inherited]


def with_tables(page: str) -> str:
    """The page, its tables made anew.

    Raises KeyError if it marks a place for a mapping that does not exist.
    """
    models = {model.__name__: model for model in mappings()}
    anchors = {mark[1]: _heading(page[: mark.start()]) for mark in MARK.finditer(page)}
    return MARK.sub(
        lambda mark: f"<!-- keys: {mark[1]} -->\n\n{_table(models[mark[1]], anchors)}", page
    )


def _heading(before: str) -> str:
    *_, last = HEADING.finditer(before)
    return last[1]


def _table(model: type[Part], anchors: Anchors) -> str:
    schema = model.model_json_schema(by_alias=True)
    if model.__name__ in schema.get("$defs", {}):  # it is part of itself
        schema = schema["$defs"][model.__name__]
    required = schema.get("required", ())
    rows = [
        _row(key, schema["properties"][key], anchors, required=key in required)
        for key in _own_keys(model)
    ]
    return "".join(["| key | value | default | meaning |\n", "|---|---|---|---|\n", *rows])


def _row(key: str, schema: Schema, anchors: Anchors, *, required: bool) -> str:
    default = "required" if required else _default(schema)
    cells = (f"`{key}`", _value(schema, anchors), default, schema["description"])
    return "".join(f"| {cell.replace('|', chr(92) + '|')} " for cell in cells) + "|\n"


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if value in (None, "", [], {}):
        return ""
    if "items" in schema:
        return ", ".join(_code(each) for each in value)
    if schema.get("pattern", "").endswith(UNITS):
        return f"`{value:g}s`" if value >= 1 else f"`{value * 1000:g}ms`"
    return f"`{value:g}`" if isinstance(value, float) else _code(value)


def _code(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def _value(schema: Schema, anchors: Anchors) -> str:
    """What may stand there, in words."""
    return " or ".join(dict.fromkeys(_kinds(schema, anchors))) or "any value"


def _kinds(schema: Schema, anchors: Anchors) -> Iterator[str]:
    if "$ref" in schema:
        yield _link(schema["$ref"].removeprefix("#/$defs/"), anchors)
    elif kinds := schema.get("anyOf") or schema.get("oneOf"):
        for kind in kinds:
            yield from _kinds(kind, anchors)
    elif "const" in schema:
        yield _code(schema["const"])
    elif "enum" in schema:
        yield _either(schema["enum"])
    elif schema.get("type") != "null":
        yield _typed(schema, anchors)


def _typed(schema: Schema, anchors: Anchors) -> str:
    if "items" in schema:
        return f"list of {_value(schema['items'], anchors)}"
    if "pattern" in schema:
        return _patterned(schema["pattern"])
    if isinstance(schema.get("additionalProperties"), dict):
        return f"{_value(schema['additionalProperties'], anchors)}, by name"
    if "properties" in schema:
        return f"`{{{', '.join(schema['properties'])}}}`"
    types = schema.get("type", ())
    return " or ".join(WORDS[each] for each in ([types] if isinstance(types, str) else types))


def _link(model: str, anchors: Anchors) -> str:
    heading = anchors[model]
    words = heading if heading[1].isupper() else heading[0].lower() + heading[1:]
    return f"[{words}](#{re.sub(r'[^a-z -]', '', heading.lower()).replace(' ', '-')})"


def _either(values: Iterable[object]) -> str:
    *others, last = [f"`{value}`" for value in values]
    return f"{', '.join(others)} or {last}" if others else last


def _patterned(pattern: str) -> str:
    if pattern.endswith(UNITS):
        return "duration"
    return "number of turns" if "turns" in pattern else "rate"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
