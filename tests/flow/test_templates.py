import pytest

from orchestrator.flow.templates import Text, compile_text
from orchestrator.flow.types import BOOL, DATE, DATETIME, INT, TEXT, TIME, Type

NAMES = {
    "day": DATE,
    "at": TIME,
    "slot": DATETIME,
    "phone": Type("phone"),
    "ref": TEXT,
    "size": INT,
    "paid": BOOL,
    "wait": Type("duration"),
    "seat": Type("enum", ("by_window", "inside")),
    "offered": Type("list", of=TIME),
    "names": Type("list", of=TEXT),
}
SCOPE = {
    "day": "2026-11-24",
    "at": "19:30",
    "slot": "2026-11-24T19:30+01:00",
    "phone": "+33612345678",
    "ref": "AB12",
    "size": 4,
    "paid": True,
    "wait": 3_700,
    "seat": "by_window",
    "offered": ["18:30", "21:00"],
    "names": ["Ana", "Bo", "Cy"],
}


def compiled(text: str) -> tuple[Text, list[tuple[str, int]]]:
    problems: list[tuple[str, int]] = []

    def tell(code: str, offset: int, message: str, hint: str = "") -> None:
        problems.append((code, offset))

    return compile_text(text, NAMES, tell), problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${size}", 4),
        ("${offered}", ["18:30", "21:00"]),
        ("for ${size}", "for 4"),
        ("${size} on ${day | spoken}", "4 on Tuesday 24 November"),
        ("${slot | spoken}", "Tuesday 24 November at half past seven"),
        ("${ref | spell}", "A B 1 2"),
        ("${ref | lower | spell}", "a b 1 2"),
        ("${phone | spoken}", "plus 3 3 6, 1 2 3, 4 5 6, 7 8"),
        ("${phone | digits}", "33612345678"),
        ("${offered | join}", "18:30, 21:00"),
        ("${offered | spoken}", "half past six and nine o'clock"),
        ("${names | spoken}", "Ana, Bo and Cy"),
        ("${seat | spoken}", "by window"),
        ("${paid | spoken}", "yes"),
        ("paid: ${paid}", "paid: true"),
        ("${wait | spoken}", "1 hour, 1 minute and 40 seconds"),
        ("${day | date('%A, %d.%m.%Y')}", "Tuesday, 24.11.2026"),
        ("${'a } b' if paid else '|'}", "a } b"),
        ("${ref | upper} costs $5", "AB12 costs $5"),
    ],
)
def test_reads(text: str, expected: object) -> None:
    template, problems = compiled(text)
    assert problems == []
    assert template.evaluate(SCOPE) == expected


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("00:00", "midnight"),
        ("12:00", "noon"),
        ("07:00", "seven o'clock"),
        ("08:15", "quarter past eight"),
        ("23:45", "quarter to twelve"),
        ("09:05", "nine oh five"),
        ("10:40", "ten forty"),
        ("10:42", "ten forty-two"),
    ],
)
def test_times_are_said_as_people_do(time: str, words: str) -> None:
    assert compiled("${at | spoken}")[0].evaluate({"at": time}) == words


def test_the_first_thing_without_a_value_is_named() -> None:
    template, _ = compiled("${size} at ${at | spoken} for ${ref}")
    assert template.unset({"size": 4}) == "at"
    assert template.unset(SCOPE) is None
    assert template.evaluate({"size": 4}) == "4 at (unknown) for (unknown)"


def test_one_value_alone_may_be_null() -> None:
    template, _ = compiled("${ref | spell}")
    assert template.evaluate({}) is None
    assert template.unset({}) == "ref"


def test_an_alternative_is_not_unset() -> None:
    assert compiled("${ref if set(ref) else 'none'}")[0].unset({}) is None


@pytest.mark.parametrize(
    ("text", "code", "offset"),
    [
        ("a ${ref", "E003", 2),
        ("${ref | shout}", "E003", 8),
        ("${ref | join}", "E003", 8),
        ("${ref | date('%Q')}", "E003", 8),
        ("${ref | date}", "E003", 8),
        ("${ref | spell('x')}", "E003", 8),
        ("a ${rf}", "E002", 4),
        ("a ${}", "E001", 4),
        ("${paid || paid}", "E001", 7),
    ],
)
def test_is_refused_at_its_place(text: str, code: str, offset: int) -> None:
    assert compiled(text)[1] == [(code, offset)]


def test_values_that_do_not_fit_their_type_are_said_as_they_are() -> None:
    template, _ = compiled("${day | spoken} ${at | spoken} ${phone | spoken}")
    assert template.evaluate({"day": "soon", "at": 7, "phone": "x"}) == "soon 7 x"
