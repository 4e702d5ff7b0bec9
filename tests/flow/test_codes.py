"""Every code is explained, and its examples show it."""

import re
from pathlib import Path
from textwrap import indent

import pytest

from orchestrator.errors import Problem, UsageError
from orchestrator.flow.checks.surroundings import Surroundings, check_surroundings
from orchestrator.flow.codes import Explanation, explanations
from orchestrator.flow.compile import check, document_of
from orchestrator.flow.part import Report
from orchestrator.mcp_host.lock import parse_lock
from orchestrator.mcp_host.registry import parse_registry

PACKAGE = Path(__file__).parents[2] / "orchestrator"
PAGE = (PACKAGE / "flow/codes.md").read_text()
KNOWN = explanations(PAGE)
LOCK = {"menu": {"allergens": {"description": "Allergens.", "input_schema": {"type": "object"}}}}

THERE = Surroundings(
    {"menu": {"allergens": "a", "wines": "new"}, "desk": "it does not start"},
    {"menu": {"allergens": "a", "wines": "b", "prices": "c"}, "desk": {"tickets": "d"}},
    {"desk": {"book": {"properties": {"size": {"type": "integer"}}, "required": ["size"]}}},
)
FLOW = """\
dsl: 1
flow: example
version: "1"
session: {mode: text}
start: talk
interrupts:
  person: {intent: The caller asks for a person., goto: bye}
"""
STATES = """\
talk:
  goal: Talk.
  next:
    - {intent: The caller is done., id: done, goto: bye}
bye: {end: {reason: completed}}
"""
KEYS = {
    *("description", "interrupts", "limits", "mcp", "on_error", "session", "silence", "tools"),
    *("tools_everywhere", "use", "vars", "x-common", "x-deep"),
}
OTHER = """\
dsl: 1
flow: {flow}
version: "1"
session: {{mode: text}}
start: talk
states:
  talk: {{goal: Talk., next: [{{intent: Done., id: done, goto: bye}}]}}
  bye: {{end: {{reason: completed}}}}
"""
ADDRESS = OTHER.format(flow="address") + "vars: {city: {type: text, from: input}}\n"
FILES = {
    "shared/tools.yaml": "dsl: 1\ntools: {find: {queue: shop, describe: Find., safe: true}}\n",
    "address.flow.yaml": ADDRESS,
    "moved.flow.yaml": OTHER.format(flow="removed"),
    "mini.flow.yaml": OTHER.format(flow="mini").replace("text}", "text, model: gpt-mini}"),
}


def blocks(text: str) -> dict[str, str]:
    """What stands under each of the outermost keys, key included."""
    return {block.partition(":")[0]: block for block in re.split(r"^(?=\S)", text, flags=re.M)[1:]}


def whole(example: str) -> str:
    """A flow, with what an example leaves out."""
    given = blocks(example)
    keys = blocks(FLOW) | {key: given[key] for key in given if key in KEYS}
    if "mode: transcribe" in example:
        del keys["interrupts"]  # nobody answers there
    states = blocks(STATES) | {key: given[key] for key in given if key not in KEYS}
    return "".join(keys.values()) + "states:\n" + indent("".join(states.values()), "  ")


def beside(path: str) -> str:
    if path not in FILES:
        raise UsageError(f"{path}: there is no such file")
    return FILES[path]


def reported(code: str, example: str) -> list[Problem]:
    if code >= "M020" and code.startswith("M"):
        return list(parse_lock(example, "mcp.lock.json")[1])
    if code.startswith("M"):
        return list(parse_registry(example, ".mcp.json", {})[1])
    if code.startswith("N"):
        report = Report()
        document = document_of(whole(example), "example.flow.yaml")
        check_surroundings(document, THERE, report)
        return list(report.problems)
    return list(check(whole(example), "example.flow.yaml", LOCK, beside))


def test_every_code_in_the_source_is_explained_and_no_other() -> None:
    source = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    assert set(KNOWN) == set(re.findall(r'"([A-Z][0-9]{3})"', source))


def test_every_section_of_the_page_is_read() -> None:
    headings = re.findall(r"^## (\S+)", PAGE, re.M)
    assert list(KNOWN) == headings


@pytest.mark.parametrize("each", KNOWN.values(), ids=KNOWN)
def test_the_wrong_example_has_this_problem_and_no_other(each: Explanation) -> None:
    problems = reported(each.code, each.wrong)
    assert {(problem.code, problem.level) for problem in problems} == {(each.code, each.level)}


@pytest.mark.parametrize("each", KNOWN.values(), ids=KNOWN)
def test_the_right_example_has_no_problem(each: Explanation) -> None:
    assert reported(each.code, each.right) == []
