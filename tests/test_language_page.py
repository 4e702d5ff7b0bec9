"""The reference of the language names every key that there is, and its examples are right."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from orchestrator.flow import document, guard_parts, shapes
from orchestrator.flow.compile import check
from orchestrator.flow.part import Part
from orchestrator.mcp_host.lock import read_lock

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/language.md").read_text()
LOCK = read_lock(ROOT / "mcp.lock.json").definitions()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)
WHOLE = [example for example in EXAMPLES if example.startswith("dsl:")]
SHARED = "dsl: 1\ntools: {find: {queue: shop, describe: Find., safe: true}}\n"
INNER = """
dsl: 1
flow: {flow}
version: "1"
on_error: bye
vars: {{{input}: {{type: text, from: input}}}}
start: talk
states:
  talk: {{goal: Talk., next: [{{intent: Done., id: done, goto: bye}}]}}
  bye: {{end: {{reason: completed, outcome: {{street: "${{{input}}}"}}}}}}
"""
ADDRESS = INNER.format(flow="address", input="city")
BILLING = INNER.format(flow="billing", input="customer")
LATER = "What is not there yet"
HEADINGS = {
    "StateLimits": "State limits",
    "Check": "A tool that checks",
    "Document": "Header",
    "Edge": "Edges",
    "Guard": "A guard",
    "InputGuard": "Input guards",
    "OutputGuard": "Output guards",
    "Included": "Parts of a flow in other files",
    "Interrupt": "Interrupts",
    "McpServer": "MCP servers",
    "Param": "Parameters",
    "Shape": "Types",
    "State": "States",
    "Step": "Steps",
    "Steps": "Start, end and error",
    "Tool": "Tools",
    "Trigger": "Triggers",
    "Variable": "Variables",
}
"""Where a mapping is not described below a heading of its own name."""


def beside(path: str) -> str:
    return {
        "shared/tools.yaml": SHARED,
        "address.flow.yaml": ADDRESS,
        "billing.flow.yaml": BILLING,
    }[path]


def models() -> Iterator[type[Part]]:
    for module in (document, guard_parts, shapes):
        for _, model in inspect.getmembers(module, inspect.isclass):
            if issubclass(model, Part) and model.__module__.startswith(module.__name__):
                yield model


MODELS = list(models())


def name(model: type[Part]) -> str:
    return model.__name__


def own_keys(model: type[Part]) -> set[str]:
    """The keys that a mapping has as they are written, without those of a type that it extends."""
    inherited = {key for base in model.__bases__ for key in getattr(base, "model_fields", {})}
    fields = model.model_fields.items()
    return {field.alias or key for key, field in fields if key not in inherited}


def first_cells(heading: str) -> str:
    """The first column of the first table below a heading, and before the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", PAGE, re.M | re.S)
    assert found, f"no heading '{heading}'"
    table = re.search(r"^\|.*?(?:\n(?!\|)|\Z)", found[1], re.M | re.S)
    assert table, f"no table below '{heading}'"
    return "\n".join(line.split("|")[1] for line in table[0].strip().splitlines()[2:])


def completed(example: str) -> str:
    """A part of a flow, with what it lacks to be one."""
    keys = yaml.safe_load(example)
    start = next(iter(keys.get("states", {"talk": None})))
    rest = {
        "dsl": "1",
        "flow": "example",
        "version": '"1"',
        "on_error": "bye",
        "start": start,
        "states": "{talk: {goal: Talk., next: [{intent: Done., id: done, goto: bye}]},"
        " bye: {end: {reason: completed}}}",
    }
    return example + "".join(f"{key}: {value}\n" for key, value in rest.items() if key not in keys)


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_every_key_of_a_mapping_stands_in_its_table_and_no_other(model: type[Part]) -> None:
    heading = HEADINGS.get(model.__name__, model.__name__)
    assert set(re.findall(r"`([^`]+)`", first_cells(heading))) == own_keys(model)


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_every_key_of_a_later_version_is_named_as_such(model: type[Part]) -> None:
    assert model.later <= set(re.findall(r"`([^`]+)`", PAGE[PAGE.index(f"## {LATER}") :]))


def test_a_whole_flow_is_among_the_examples() -> None:
    assert WHOLE


@pytest.mark.parametrize("example", WHOLE)
def test_a_whole_flow_has_no_problems(example: str) -> None:
    assert check(example, "example", LOCK, beside) == ()


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each not in WHOLE])
def test_a_part_of_a_flow_is_right(example: str) -> None:
    problems = check(completed(example), "example", LOCK, beside)
    assert [problem for problem in problems if problem.level == "error"] == []
