from typing import ClassVar

from orchestrator.errors import Problem
from orchestrator.flow.document import Document, read
from orchestrator.flow.loader import load
from orchestrator.flow.part import Part, Report, did_you_mean

GOOD = """dsl: 1
flow: f
version: "1"
vars: {day: date, size: {type: int}}
tools:
  book: {queue: q, retry: never}
start: talk
states:
  talk: {goal: Talk., next: [{if: turns > 3, goto: talk}, {goto: bye}]}
  bye: {end: {reason: done}}
"""


def read_text(text: str) -> tuple[Document, tuple[Problem, ...]]:
    root = load(text, "f").root
    assert root is not None
    report = Report()
    document = read(root, report)
    assert document is not None
    return document, report.problems


def test_parts_know_their_place_in_their_short_form_too() -> None:
    document, problems = read_text(GOOD)
    assert problems == ()
    assert document.vars["day"].type == "date"
    assert (document.vars["day"].mark.line, document.vars["day"].mark.column) == (4, 13)
    assert document.states["talk"].next[1].node.at("goto").mark.column == 66
    assert document.whole


def test_what_is_wrong_is_left_out_and_the_rest_is_read() -> None:
    document, problems = read_text(GOOD.replace("goal: Talk.", "goal: [1]").replace("int}", "itn}"))
    assert [p.code for p in problems] == ["S001", "S001"]
    assert document.states["talk"].goal is None
    assert not document.states["talk"].whole
    assert len(document.states["talk"].next) == 2
    assert document.vars["size"].type == "any"


def test_a_slip_in_a_key_is_read_as_what_was_meant() -> None:
    document, problems = read_text(GOOD.replace("queue: q", "queu: q"))
    assert [(p.code, p.hint) for p in problems] == [("S010", "did you mean 'queue'?")]
    assert document.tools["book"].queue == "q"
    assert not document.tools["book"].whole


def test_a_wrong_value_under_a_slip_in_a_key_is_told_once() -> None:
    _, problems = read_text(GOOD.replace("queue: q", "queu: 5"))
    assert [(p.code, p.line, p.column) for p in problems] == [("S010", 6, 10), ("S001", 6, 16)]


def test_a_slip_beside_a_key_of_the_same_name_further_in_comes_to_an_end() -> None:
    _, problems = read_text(GOOD.replace("vars:", "title: t\nvras:") + "session: {titel: [1]}\n")
    assert {p.code for p in problems} == {"S010"}
    _, problems = read_text(GOOD.replace("tools:", "toosl: {dsl: {queue: 5}}\nx-tools:"))
    assert [p.code for p in problems] == ["S010", "S001"]


def test_what_stands_in_for_missing_keys_can_be_read() -> None:
    for part in parts_below(Part):
        if part.fallback:
            assert part.model_validate(dict(part.fallback), context=Report())


def parts_below(part: type[Part]) -> list[type[Part]]:
    below = part.__subclasses__()
    return [*below, *(deeper for child in below for deeper in parts_below(child))]


def test_an_edge_that_is_no_mapping_leaves_its_neighbours_alone() -> None:
    document, problems = read_text(GOOD.replace("{if: turns > 3, goto: talk}", "soon"))
    assert [(p.code, p.line, p.column) for p in problems] == [("S001", 9, 30)]
    assert [edge.goto for edge in document.states["talk"].next] == ["bye"]


class Early(Part):
    """A part of a language that has more than this version."""

    later: ClassVar[frozenset[str]] = frozenset({"soon"})


def test_a_key_of_a_later_version_is_no_unknown_key() -> None:
    root, report = load("soon: 1\nnever: 2\n", "f").root, Report()
    assert root
    Early.model_validate(root.value, context=report)
    assert [p.code for p in report.problems] == ["X001", "S010"]


def test_an_alias_is_told_once_where_it_was_written() -> None:
    text = GOOD.replace("{goto: bye}]", "&e {gotoo: bye}, *e]")
    _, problems = read_text(text)
    assert [p.code for p in problems] == ["S010"]


def test_hints_are_given_only_for_what_is_near() -> None:
    assert did_you_mean("chek", ["check", "confirm"]) == "did you mean 'check'?"
    assert did_you_mean("zzz", ["check"]) == ""


def test_the_models_are_a_json_schema_for_editors() -> None:
    schema = Document.model_json_schema(by_alias=True)
    edge = schema["$defs"]["Edge"]
    assert {"if", "not", "goto"} <= edge["properties"].keys()
    assert edge["additionalProperties"] is False
    assert schema["required"] == ["dsl", "flow", "version", "start", "states"]
