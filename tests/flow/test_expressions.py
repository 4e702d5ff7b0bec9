from collections.abc import Mapping

import pytest

from orchestrator.flow.expressions import Checked, compile_expression
from orchestrator.flow.types import (
    BOOL,
    CALL,
    DATE,
    DATETIME,
    INT,
    NUMBER,
    TEXT,
    TIME,
    Type,
)

NAMES: Mapping[str, Type] = {
    "size": INT,
    "price": NUMBER,
    "guest": TEXT,
    "day": DATE,
    "at": TIME,
    "slot": DATETIME,
    "wait": Type("duration"),
    "paid": BOOL,
    "seat": Type("enum", ("indoor", "terrace")),
    "offered": Type("list", of=TEXT),
    "found": Type("object", fields={"free": BOOL, "count": INT}),
    "thing": Type("any"),
    "call": CALL,
    "now": DATETIME,
}
SCOPE = {
    "size": 4,
    "price": 2.5,
    "guest": "Ana",
    "day": "2026-11-24",
    "at": "19:30",
    "slot": "2026-11-24T19:30+01:00",
    "wait": 90,
    "paid": True,
    "seat": "indoor",
    "offered": ["18:30", "21:00"],
    "found": {"free": True, "count": 3},
    "thing": {"a": [1, "two"]},
    "call": {"caller": "+33612345678"},
    "now": "2026-11-23T10:00:00+01:00",
}


def compiled(source: str) -> tuple[Checked, list[tuple[str, int, str, str]]]:
    problems: list[tuple[str, int, str, str]] = []

    def tell(code: str, offset: int, message: str, hint: str = "") -> None:
        problems.append((code, offset, message, hint))

    return compile_expression(source, NAMES, tell), problems


def value_of(source: str, scope: Mapping[str, object] = SCOPE) -> object:
    checked, problems = compiled(source)
    assert problems == []
    return checked.evaluate(scope)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("size > 3 and not (guest == 'Bob')", True),
        ("size + 1", 5),
        ("size / 8", 0.5),
        ("size % 3", 1),
        ("-size", -4),
        ("guest + '!'", "Ana!"),
        ("1 < size <= 4", True),
        ("size in [1, 4]", True),
        ("'21:00' in offered", True),
        ("seat not in ['terrace']", True),
        ("'n' in guest", True),
        ("day >= '2026-11-24'", True),
        ("at < '20:00'", True),
        ("slot == '2026-11-24T18:30+00:00'", True),
        ("slot > '2026-11-24T18:29Z'", True),
        ("wait == '90s'", True),
        ("wait > '1m'", True),
        ("'many' if size > 3 else 'few'", "many"),
        ("offered[1]", "21:00"),
        ("found.free", True),
        ("thing.a[1] == 'two'", True),
        ("call.caller", "+33612345678"),
        ("set(guest) and set(call.caller)", True),
        ("len(offered) + len(guest)", 5),
        ("lower(guest)", "ana"),
        ("digits('AB 12-3')", "123"),
        ("contains(guest, 'na')", True),
        ("starts(call.caller, '+33')", True),
        ("matches(guest, '^[A-Z]')", True),
        ("max(1, size, 3)", 4),
        ("min(price, size)", 2.5),
        ("hours_until(slot)", 33.5),
        ("days_until(day)", 1),
        ("true and null == null", True),
    ],
)
def test_gives(source: str, expected: object) -> None:
    assert value_of(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("size > 3", False),
        ("size + 1", None),
        ("1 / 0", None),
        ("1 % 0", None),
        ("offered[7]", None),
        ("found.free", None),
        ("thing.a.b[0]", None),
        ("paid and paid", False),
        ("not paid", True),
        ("size in [1]", False),
        ("'a' in guest", False),
        ("day < '2026-01-01'", False),
        ("slot == null", True),
        ("hours_until(slot)", None),
        ("min(size, 1)", None),
        ("lower(guest)", None),
        ("matches(guest, 'x')", False),
        ("guest", None),
    ],
)
def test_what_is_not_there_is_null_or_false(source: str, expected: object) -> None:
    assert value_of(source, {}) == expected


@pytest.mark.parametrize(
    ("source", "code", "offset"),
    [
        ("", "E001", 0),
        ("(size", "E001", 0),
        ("size && paid", "E001", 5),
        ("paid || paid", "E001", 5),
        ("size = 4", "E001", 5),
        ("!paid", "E001", 0),
        ("paid == True", "E001", 8),
        ("size is 4", "E001", 0),
        ("[x for x in offered]", "E001", 0),
        ("{'a': 1}", "E001", 0),
        ("guest.upper()", "E001", 0),
        ("size ** 2", "E001", 0),
        ("f'{guest}'", "E001", 0),
        ("(size := 2)", "E001", 1),
        ("offered[size]", "E001", 8),
        ("offered[-1]", "E001", 8),
        ("1e400 > size", "E001", 0),
        ("gest == 'Ana'", "E002", 0),
        ("  size > 'three'", "E002", 9),
        ("é", "E002", 0),
        ("'é' == gest", "E002", 7),
        ("seat == 'outdoor'", "E002", 8),
        ("seat in ['indoor', 'roof']", "E002", 19),
        ("day == '2026-02-30'", "E002", 7),
        ("day < at", "E002", 6),
        ("paid < paid", "E002", 7),
        ("size and paid", "E002", 0),
        ("not guest", "E002", 4),
        ("guest * 3", "E002", 0),
        ("guest - 1", "E002", 0),
        ("guest + 1", "E002", 0),
        ("size.x", "E002", 0),
        ("found.fre", "E002", 0),
        ("guest[0]", "E002", 0),
        ("size in size", "E002", 8),
        ("upper(guest)", "E002", 0),
        ("len(size)", "E002", 4),
        ("len()", "E002", 0),
        ("matches(guest, guest)", "E002", 15),
        ("matches(guest, '(a+)+')", "E002", 15),
        ("matches(guest, '[')", "E002", 15),
        ("1 if size else 2", "E002", 5),
    ],
)
def test_is_refused_at_its_place(source: str, code: str, offset: int) -> None:
    checked, problems = compiled(source)
    assert [(problem[0], problem[1]) for problem in problems] == [(code, offset)]
    checked.evaluate(SCOPE)  # what was refused does not raise either


def test_several_names_that_do_not_exist_are_all_told() -> None:
    _, problems = compiled("gest == 'Ana' and siz > 3")
    assert [hint for *_, hint in problems] == ["did you mean 'guest'?", "did you mean 'size'?"]


@pytest.mark.parametrize(
    ("source", "type_"),
    [
        ("size + 1", "int"),
        ("size / 2", "number"),
        ("size + price", "number"),
        ("guest + 'x'", "text"),
        ("found.count", "int"),
        ("offered[0]", "text"),
        ("thing.x", "any"),
        ("size if paid else null", "int"),
        ("guest if paid else size", "any"),
    ],
)
def test_knows_its_type(source: str, type_: str) -> None:
    assert compiled(source)[0].type.name == type_


def test_texts_do_not_grow_without_bound() -> None:
    assert value_of("guest + guest", {"guest": "x" * 6_000}) is None


def test_numbers_do_not_grow_without_bound() -> None:
    assert value_of("size * size", {"size": 2**52}) is None
    assert value_of("size * 2", {"size": 10**400}) is None


def test_true_is_not_one() -> None:
    assert value_of("thing == 1", {"thing": True}) is False


def test_depth_and_length_are_bounded() -> None:
    for source in ("not " * 60 + "paid", "(" * 150 + "1" + ")" * 150, "1+" * 600 + "1"):
        _, problems = compiled(source)
        assert {problem[0] for problem in problems} <= {"E001"}
    assert compiled("-" * 900 + "1")[1]
