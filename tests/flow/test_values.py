from typing import Any

import pytest

from orchestrator.flow.definition import Rejected
from orchestrator.flow.part import Report
from orchestrator.flow.shapes import Param
from orchestrator.flow.values import acceptor, arguments_acceptor, normaliser, schema_of

NOW = {"now": "2026-11-23T10:00:00+01:00"}


def shape(**keys: Any) -> Param:
    return Param.model_validate(keys, context=Report())


@pytest.mark.parametrize(
    ("type_", "given", "accepted"),
    [
        ("text", " Ana ", "Ana"),
        ("text", 1234, "1234"),
        ("int", 4, 4),
        ("int", "4", 4),
        ("int", 4.0, 4),
        ("number", "2.5", 2.5),
        ("bool", False, False),
        ("bool", "True", True),
        ("date", "2026-11-24", "2026-11-24"),
        ("time", "19:30", "19:30"),
        ("time", "19:30:00", "19:30"),
        ("time", "7:30 pm", "19:30"),
        ("time", "12 a.m.", "00:00"),
        ("datetime", "2026-11-24T19:30", "2026-11-24T19:30+01:00"),
        ("datetime", "2026-11-24 19:30Z", "2026-11-24T19:30+00:00"),
        ("duration", "15m", 900),
        ("duration", 30, 30),
        ("phone", "+33 6 12-34.56 (78)", "+33612345678"),
        ("phone", "0033612345678", "+33612345678"),
        ("phone", "06 12 34 56 78", "0612345678"),
        ("email", " ana@chezana.example ", "ana@chezana.example"),
        ("any", {"a": [1]}, {"a": [1]}),
    ],
)
def test_accepts(type_: str, given: object, accepted: object) -> None:
    assert acceptor(shape(type=type_))(given, NOW) == accepted


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        ("text", ""),
        ("text", ["a"]),
        ("text", "x" * 3_000),
        ("int", "four"),
        ("int", 4.5),
        ("int", True),
        ("int", 10**30),
        ("number", float("nan")),
        ("number", "1e9"),
        ("bool", 1),
        ("bool", "maybe"),
        ("date", "2026-02-30"),
        ("date", "tomorrow"),
        ("date", 20261124),
        ("time", "25:00"),
        ("time", "7"),
        ("time", "13 pm"),
        ("datetime", "2026-11-24"),
        ("datetime", "soon"),
        ("duration", "soon"),
        ("duration", -1),
        ("phone", "12"),
        ("phone", "call me"),
        ("email", "ana at chezana"),
        ("any", "x" * 200_000),
        ("int", None),
    ],
)
def test_rejects_in_words(type_: str, given: object) -> None:
    with pytest.raises(Rejected, match=r"must|is too"):
        acceptor(shape(type=type_))(given, NOW)


def test_an_enum_is_read_whatever_its_case() -> None:
    accept = acceptor(shape(type="enum", values=["indoor", "any"]))
    assert accept(" Indoor", {}) == "indoor"
    with pytest.raises(Rejected, match="must be one of indoor, any"):
        accept("roof", {})


def test_bounds_are_told() -> None:
    accept = acceptor(shape(type="int", min=1, max=20))
    with pytest.raises(Rejected, match="must be at least 1"):
        accept(0, {})
    with pytest.raises(Rejected, match="must be at most 20"):
        accept(21, {})
    with pytest.raises(Rejected, match="must be at most 3 characters long"):
        acceptor(shape(type="text", max=3))("four", {})


def test_a_pattern_is_for_the_whole_text() -> None:
    accept = acceptor(shape(type="text", pattern="E[0-9]{5}"), "E and five digits, please")
    assert accept("E12345", {}) == "E12345"
    with pytest.raises(Rejected, match="E and five digits, please"):
        accept("E123456", {})


def test_lists_and_objects_are_read_inside() -> None:
    assert acceptor(shape(type="list", of={"type": "int"}))(["1", 2], {}) == [1, 2]
    accept = acceptor(shape(type="object", fields={"at": {"type": "time"}}))
    assert accept({"at": "7:30 pm"}, {}) == {"at": "19:30"}
    with pytest.raises(Rejected, match="has no x"):
        accept({"x": 1}, {})


def test_normalise_applies_in_order() -> None:
    assert normaliser(["upper", "compact"])("e 123 45") == "E12345"
    assert normaliser(["digits"])("12-34") == "1234"
    assert normaliser(["lower"])(5) == 5


def test_the_model_sees_types_as_json_schema() -> None:
    assert schema_of(shape(type="int", min=1, max=20, describe="Guests")) == {
        "type": "integer",
        "description": "Guests",
        "minimum": 1,
        "maximum": 20,
    }
    assert schema_of(shape(type="time")) == {
        "type": "string",
        "format": "time",
        "description": "HH:MM, 24 hours",
    }
    assert schema_of(shape(type="enum", values=["a", "b"])) == {
        "type": "string",
        "enum": ["a", "b"],
    }
    assert schema_of(shape(type="list", of={"type": "date"})) == {
        "type": "array",
        "items": {"type": "string", "format": "date"},
    }
    assert schema_of(shape(type="text", pattern="E[0-9]+"))["pattern"] == "^(?:E[0-9]+)$"


def test_arguments_are_complete_known_and_typed() -> None:
    params = {"size": shape(type="int"), "note": shape(type="text", optional=True)}
    accept = arguments_acceptor(params)
    assert accept({"size": "4", "note": None}) == {"size": 4}
    with pytest.raises(Rejected, match="size is missing"):
        accept({"size": None})
    with pytest.raises(Rejected, match="there is no colour"):
        accept({"size": 1, "colour": "red"})
    with pytest.raises(Rejected, match="size must be a whole number"):
        accept({"size": "big"})
