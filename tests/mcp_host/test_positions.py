import json

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mcp_host.positions import JsonPath, lines, nearest

TEXT = """{
  "a": {"b": [1,
    {"c, \\"}": null}]},

  "d": "x"
}"""


def test_every_key_and_element_has_its_line() -> None:
    assert lines(TEXT) == {
        (): 1,
        ("a",): 2,
        ("a", "b"): 2,
        ("a", "b", 0): 2,
        ("a", "b", 1): 3,
        ("a", "b", 1, 'c, "}'): 3,
        ("d",): 5,
    }


def test_what_is_missing_has_the_line_of_what_it_is_missing_from() -> None:
    assert nearest(lines(TEXT), ("a", "b", 7, "x")) == 2
    assert nearest(lines(TEXT), ("z",)) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_it_finds_the_paths_of_any_value(value: object) -> None:
    assert set(lines(json.dumps(value, indent=1))) == set(_paths(value))


def _paths(value: object, here: JsonPath = ()) -> list[JsonPath]:
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    elif isinstance(value, list):
        inner = list(enumerate(value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return [here, *(path for key, each in inner for path in _paths(each, (*here, key)))]
