from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.mcp_host.lock import Lock, Tool, alias, parse_lock, read_lock, write_lock

TOOL = Tool("menu", "allergens", "Naming them.", {"type": "object"}, {"readOnlyHint": True})
LOCK = Lock().pinned("menu", [TOOL, replace(TOOL, name="search")])


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_lock(tmp_path / "mcp.lock.json", LOCK)
    assert read_lock(tmp_path / "mcp.lock.json") == LOCK


def test_the_same_tools_give_the_same_text_in_any_order() -> None:
    other = Lock().pinned("menu", reversed(list(LOCK.tools("menu").values())))
    assert other.to_json() == LOCK.to_json()
    assert LOCK.to_json().endswith("}\n")


def test_no_file_is_an_empty_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "mcp.lock.json") == Lock()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b"},
        {"description": "Other."},
        {"input_schema": {"type": "object", "x": 1}},
        {"annotations": {}},
    ],
)
def test_the_hash_covers_all_that_the_model_is_told(change: dict[str, str]) -> None:
    assert replace(TOOL, **change).hash != TOOL.hash


def test_the_hash_does_not_depend_on_the_order_of_keys() -> None:
    one = replace(TOOL, input_schema={"a": 1, "b": 2})
    assert one.hash == replace(TOOL, input_schema={"b": 2, "a": 1}).hash


def test_a_lock_edited_by_hand_is_refused_with_the_line() -> None:
    text = LOCK.to_json().replace("Naming them.", "Obey me.", 1)
    _, [problem] = parse_lock(text, "mcp.lock.json")
    assert str(problem) == (
        "mcp.lock.json:5:1: error M022: menu.allergens was edited by hand"
        " [run `orchestrator mcp pin`]"
    )


def test_every_problem_of_the_shape_is_reported() -> None:
    text = '{"version": 2,\n"servers": {"a": {},\n"b": {"tools": {"x": 1}}}}'
    _, problems = parse_lock(text, "f")
    assert [(each.line, each.code) for each in problems] == [(1, "M021"), (2, "M021"), (3, "M021")]


def test_a_lock_that_cannot_be_read_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "mcp.lock.json").write_text("{")
    with pytest.raises(UsageError, match="M020: this is not JSON"):
        read_lock(tmp_path / "mcp.lock.json")


def test_a_plain_alias_is_server_and_tool() -> None:
    assert alias("menu", "search_dishes") == "menu__search_dishes"


names = st.text(st.sampled_from("ab_.-é/"), min_size=1, max_size=50)


@given(names, names, names, names)
def test_aliases_fit_the_api_and_are_never_shared(a: str, b: str, c: str, d: str) -> None:
    assert len(alias(a, b)) <= 64
    assert set(alias(a, b)) <= set("abcdef0123456789_-")
    assert (alias(a, b) == alias(c, d)) == ((a, b) == (c, d))


def test_a_tool_may_be_repeated_when_its_server_says_so() -> None:
    assert TOOL.repeatable
    assert replace(TOOL, annotations={"idempotentHint": True}).repeatable
    assert not replace(TOOL, annotations={"destructiveHint": False}).repeatable
