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
    return HEADING.findall(before)[-1].strip()


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
    if isinstance(value, list):
        return ", ".join(f"`{each}`" for each in value)
    if schema.get("pattern", "").endswith("(ms|s|m|h|d)$"):
        return f"`{value:g}s`" if value >= 1 else f"`{value * 1000:g}ms`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return _code(value)


def _code(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def _value(schema: Schema, anchors: Anchors) -> str:
    """What may stand there, in words."""
    return " or ".join(dict.fromkeys(_kinds(schema, anchors)))


def _kinds(schema: Schema, anchors: Anchors) -> Iterator[str]:
    match schema:
        case {"$ref": str(ref)}:
            yield _link(ref.removeprefix("#/$defs/"), anchors)
        case {"anyOf": kinds} | {"oneOf": kinds}:
            for kind in kinds:
                yield from _kinds(kind, anchors)
        case {"const": value}:
            yield _code(value)
        case {"enum": values}:
            yield _either(values)
        case {"type": "null"}:
            return
        case {"type": [*types]}:
            yield " or ".join(WORDS[each] for each in types)
        case {"type": "array", "items": items}:
            yield f"list of {_value(items, anchors)}"
        case {"type": "string", "pattern": str(pattern)}:
            yield _patterned(pattern)
        case {"type": "object", "additionalProperties": dict() as each}:
            yield f"{_value(each, anchors)}, by name"
        case {"type": "object", "properties": dict() as properties}:
            yield f"`{{{', '.join(properties)}}}`"
        case {"type": str(kind)}:
            yield WORDS[kind]
        case _:
            yield "any value"


def _link(model: str, anchors: Anchors) -> str:
    heading = anchors[model]
    words = heading if heading[1].isupper() else heading[0].lower() + heading[1:]
    return f"[{words}](#{re.sub(r'[^a-z -]', '', heading.lower()).replace(' ', '-')})"


def _either(values: Iterable[object]) -> str:
    *others, last = [f"`{value}`" for value in values]
    return f"{', '.join(others)} or {last}" if others else last


def _patterned(pattern: str) -> str:
    if pattern.endswith("(ms|s|m|h|d)$"):
        return "duration"
    return "number of turns" if "turns" in pattern else "rate"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
