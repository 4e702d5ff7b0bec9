"""The reference of the language is made from its keys, and its examples are right."""

import re
from pathlib import Path

import pytest
import yaml

from orchestrator.flow.compile import check
from orchestrator.flow.part import Part
from orchestrator.mcp_host.lock import read_lock
from tests import reference
from tests.reference import mappings, with_tables

ROOT = Path(__file__).parents[1]
PAGE = reference.PAGE.read_text()
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
MODELS = list(mappings())


def beside(path: str) -> str:
    return {
        "shared/tools.yaml": SHARED,
        "address.flow.yaml": ADDRESS,
        "billing.flow.yaml": BILLING,
    }[path]


def name(model: type[Part]) -> str:
    return model.__name__


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


def test_the_tables_are_made_from_the_keys() -> None:
    assert with_tables(PAGE) == PAGE, "make reference"


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_every_mapping_has_one_table(model: type[Part]) -> None:
    assert PAGE.count(f"<!-- keys: {model.__name__} -->") == 1


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_every_key_says_what_it_means(model: type[Part]) -> None:
    assert [key for key, field in model.model_fields.items() if not field.description] == []


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
