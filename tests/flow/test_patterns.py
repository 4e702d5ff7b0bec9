import pytest

from orchestrator.flow.patterns import compile_pattern


@pytest.mark.parametrize(
    "source",
    [
        "E[0-9]{5}",
        "[A-Z]+-[0-9]+",
        "(?i:yes|no)",
        "a?b*c+",
        "(ab){2}",
        "(?:0[1-9]|1[0-2])/[0-9]{2}",
    ],
)
def test_ordinary_patterns_are_taken(source: str) -> None:
    assert callable(compile_pattern(source))


@pytest.mark.parametrize(
    "source",
    [
        "(a+)+",
        "(a|aa)+",
        "(a*)*b",
        "((a?){9})*",
        ".*.*.*.*.*x",
        r"(a)(\1|b)*",
        "(x(y+)?)*",
        "[",
        "x" * 300,
    ],
)
def test_what_might_never_end_is_refused(source: str) -> None:
    assert isinstance(compile_pattern(source), str)


def test_whole_and_part() -> None:
    matches = compile_pattern("b+")
    assert not isinstance(matches, str)
    assert matches("abc", whole=False)
    assert not matches("abc", whole=True)
    assert not matches("b" * 1_000, whole=True), "too long to be looked at"


def test_flags_are_refused() -> None:
    told = compile_pattern("(?i)ab")
    assert isinstance(told, str)
    assert "flags" in told
